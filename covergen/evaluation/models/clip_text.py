"""CLIP's text tower, for CLIPScore: texts as vectors in the space that they share with pictures."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from covergen.embeddings import clip_image, loading
from covergen.errors import ConfigError, ModelError, one_line
from covergen.models import hub
from covergen.models.hub import Release

_TOKENIZER: Final = ("tokenizer*.json", "vocab.json", "merges.txt", "special_tokens_map.json")
_UNREAD: Final = (
    "vision_model.", "visual_projection.", "logit_scale", "text_model.embeddings.position_ids",
)  # fmt: skip


class ClipText:
    """Reads texts as vectors (B, W), not normalised; `name` is a preset of `clip_image` or a folder.

    Longer texts lose their last tokens. Raises ModelError where a folder holds the image encoder alone.
    """

    def __init__(self, name: str, *, device: str = "cpu", offline: bool = False):
        self.device = device
        folder = _folder(name, offline=offline)
        self._model = load_clip_text(folder).to(device)
        self._tokenizer = _tokenizer(folder)

    @torch.inference_mode()
    def __call__(self, texts: list[str]) -> NDArray[np.float32]:
        """Return vectors (B, W); row i belongs to text i."""
        longest = self._model.config.max_position_embeddings
        tokens = self._tokenizer(
            texts, padding="max_length", max_length=longest, truncation=True, return_tensors="pt"
        ).to(self.device)
        output = self._model(input_ids=tokens.input_ids, attention_mask=tokens.attention_mask)
        vectors: NDArray[np.float32] = output.text_embeds.float().cpu().numpy()
        return vectors


def release(name: str) -> Release | None:
    """Return what a preset needs of the hub: both towers and the tokenizer; None for a folder."""
    preset = clip_image.PRESETS.get(name)
    return None if preset is None else loading.release(preset.repo, preset.revision, more=_TOKENIZER)


def load_clip_text(folder: Path) -> Any:
    """Return the frozen text tower with its projection, pictures' tower unread; ModelError for others."""
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    config = loading.read_config(folder, what="CLIP", presets=clip_image.PRESETS)
    if "text_config" not in config:
        raise ModelError(f"CLIP in {folder} has no text tower; CLIPScore needs a whole CLIP")
    settings = {**config["text_config"], "projection_dim": config["projection_dim"]}
    tensors = loading.read_parts(folder, ("",), ignored=_UNREAD, what="CLIP")[""]
    return loading.load_frozen(
        CLIPTextModelWithProjection,
        CLIPTextConfig.from_dict(settings),
        tensors,
        where=f"CLIP's text tower in {folder}",
    )


def _tokenizer(folder: Path) -> Any:
    from transformers import CLIPTokenizer

    if not any((folder / name).is_file() for name in ("tokenizer.json", "vocab.json")):
        raise ModelError(f"CLIP in {folder} has no tokenizer; vocab.json and merges.txt must lie there")
    try:
        return CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise ModelError(f"the tokenizer of CLIP in {folder} cannot be read: {one_line(error)}") from error


def _folder(name: str, *, offline: bool) -> Path:
    if (wanted := release(name)) is not None:
        return hub.download(wanted, offline=offline)
    folder = Path(name).expanduser()
    if not folder.is_dir():
        presets = ", ".join(clip_image.PRESETS)
        raise ConfigError(f"evaluate.clip={name!r} is unknown; choose one of {presets}, or a CLIP's folder")
    return folder
