"""A trained fusion as one file for stock diffusers: what `covergen export-adapter` does."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from covergen.errors import ConfigError
from covergen.fusion.ip_adapter import adapter_tensors
from covergen.models import stable_diffusion
from covergen.serving.service import SHIPPED_FUSION
from covergen.training import checkpoint


def export_adapter(
    fusion: str | Path, out: Path, *, base: str = "tiny", offline: bool = False
) -> dict[str, Any]:
    """Write a checkpoint ("shipped" or a folder) as an IP-Adapter Plus and return what the file says of it.

    The file's metadata holds it under `covergen`, as JSON: how the music was heard, the shape of its frames,
    base and checkpoint. ModelError for a fusion that has no such layout or was trained on another base.
    """
    folder = SHIPPED_FUSION if fusion == "shipped" else Path(fusion)
    unet = stable_diffusion.load_unet(base, offline=offline)
    made, facts = checkpoint.load(folder, unet, base_digest=stable_diffusion.digest(base))
    tensors = adapter_tensors(made)
    told = {
        "heard_with": dict(facts.recipe),
        "feature_shape": list(facts.feature_shape),
        "size": facts.arguments["size"],
        "base": base,
        "base_digest": facts.base_digest,
        "fusion_digest": checkpoint.digest(folder),
        "step": facts.step,
        "version": version("covergen"),
    }
    part = out.with_name(f"{out.name}.part")
    try:
        save_file(tensors, part, metadata={"format": "pt", "covergen": json.dumps(told, sort_keys=True)})
        part.replace(out)
    except OSError as error:
        raise ConfigError(f"{out} cannot be written: {error}; choose another place") from error
    return told
