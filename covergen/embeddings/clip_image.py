"""What the frozen CLIP image encoder (Radford et al. 2021, arXiv:2103.00020) sees in pictures.

B pictures, H W pixels, S side of the square it sees, W width of the vectors.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from covergen.embeddings import loading
from covergen.errors import ConfigError, ModelError
from covergen.media.images import Pixels
from covergen.models import hub
from covergen.models.hub import Release
from covergen.models.weights import commit_digest

VERSION: Final = 1  # raise it whenever a vector changes
MEAN: Final = (0.48145466, 0.4578275, 0.40821073)  # of red, green, blue in its training pictures, 0 to 1
_LONGEST: Final = 4  # sides of the square that a picture may have in length before it is scaled
STD: Final = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class ClipPreset:
    """A release on the hub: its commit, licence, width of its vectors, side in pixels of what it sees."""

    repo: str
    revision: str
    licence: str
    width: int
    size: int


# The commit stands in many public repositories, several of which read model.safetensors from it.
PRESETS: Final[dict[str, ClipPreset]] = {
    "clip-vit-large-patch14": ClipPreset(
        "openai/clip-vit-large-patch14", "32bd64288804d66eefd0ccbe215aa642df71cc41", "MIT", 768, 224
    ),
}
# The text tower of a whole CLIP, and indices that older versions of transformers saved.
_UNREAD: Final = ("text_model.", "text_projection.", "logit_scale", "vision_model.embeddings.position_ids")


class ClipImage:
    """Sees square pictures as vectors in the space that CLIP shares with texts, not normalised.

    `name` is a preset or a folder in the released layout (a whole CLIP, or its image encoder alone);
    nothing is loaded before the first call. `bf16` autocasts.
    """

    def __init__(self, name: str, *, device: str = "cpu", bf16: bool = False, offline: bool = False):
        self.name, self.device, self.bf16, self.offline = name, device, bf16, offline
        preset = PRESETS.get(name)
        if preset:
            self.width, self.size = preset.width, preset.size
        else:
            self.width, self.size = _shape(_folder(name))

    @cached_property
    def digest(self) -> str:
        """Names weights and parameters; of a folder its files are read once, of a preset nothing."""
        preset = PRESETS.get(self.name)
        if preset:
            weights = commit_digest(preset.repo, preset.revision)
        else:
            weights = loading.folder_digest(_folder(self.name), what="CLIP")
        return commit_digest("clip_image", json.dumps([weights, VERSION, self.bf16]))

    @cached_property
    def model(self) -> Any:
        """The image encoder and its projection, loaded at the first use."""
        release = self.release
        folder = _folder(self.name) if release is None else hub.download(release, offline=self.offline)
        return load_clip_vision(folder).to(self.device)

    @property
    def release(self) -> Release | None:
        """What a preset needs of the hub."""
        preset = PRESETS.get(self.name)
        return None if preset is None else loading.release(preset.repo, preset.revision)

    def crop(self, picture: Pixels) -> Pixels:
        """Return the (S, S, 3) that it sees of a picture (H, W, 3)."""
        return crop(picture, self.size)

    @torch.inference_mode()
    def __call__(self, crops: Pixels) -> NDArray[np.float32]:
        """Return vectors (B, W) of crops (B, S, S, 3); row i belongs to crop i."""
        pixels = torch.from_numpy(np.array(crops)).to(self.device)
        mean, std = (pixels.new_tensor(values, dtype=torch.float32) for values in (MEAN, STD))
        normal = ((pixels.float() / 255 - mean) / std).permute(0, 3, 1, 2)  # (B, 3, S, S)
        with torch.autocast(self.device.split(":")[0], torch.bfloat16, enabled=self.bf16):
            vectors = self.model(normal).image_embeds
        result: NDArray[np.float32] = vectors.float().cpu().numpy()  # (B, W)
        return result


def crop(picture: Pixels, size: int) -> Pixels:
    """Return the centre (S, S, 3) of a picture (H, W, 3) whose shorter side is scaled to S, bicubic.

    These are the pixels that CLIP was trained on; of a picture longer than 4 to 1 the ends are cut off first,
    since scaled as a whole it could take any amount of memory.
    """
    shorter = min(picture.shape[:2])
    kept = _centre(picture, _LONGEST * shorter)
    height, width = (size if side == shorter else size * side // shorter for side in kept.shape[:2])
    scaled = Image.fromarray(kept).resize((width, height), Image.Resampling.BICUBIC)
    return _centre(np.asarray(scaled), size)


def _centre(picture: Pixels, side: int) -> Pixels:
    """Return the middle of (H, W, 3), neither side longer than `side`."""
    top, left = (max(0, length - side) // 2 for length in picture.shape[:2])
    return np.ascontiguousarray(picture[top : top + side, left : left + side])


def load_clip_vision(folder: Path) -> Any:
    """Return CLIP's image encoder with its projection, text tower unread; ModelError for anything else."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    config = CLIPVisionConfig.from_dict(_vision(folder))
    tensors = loading.read_parts(folder, ("",), ignored=_UNREAD, what="CLIP")[""]
    return loading.load_frozen(CLIPVisionModelWithProjection, config, tensors, where=f"CLIP in {folder}")


def _folder(name: str) -> Path:
    folder = Path(name).expanduser()
    if not folder.is_dir():
        raise ConfigError(
            f"image encoder {name!r} is unknown; choose one of {', '.join(PRESETS)}, or a CLIP's folder"
        )
    return folder


def _shape(folder: Path) -> tuple[int, int]:
    """Return width and size of a folder's image encoder, without its weights."""
    vision = _vision(folder)
    return int(vision["projection_dim"]), int(vision["image_size"])


def _vision(folder: Path) -> dict[str, Any]:
    config = loading.read_config(folder, what="CLIP", presets=PRESETS)
    vision = dict(config.get("vision_config", config))
    if "projection_dim" in config:  # a whole CLIP projects by this one
        vision["projection_dim"] = config["projection_dim"]
    missing = {"projection_dim", "image_size"} - set(vision)
    if missing:
        raise ModelError(f"CLIP in {folder}: {loading.CONFIG} does not tell its {min(missing)}")
    return vision
