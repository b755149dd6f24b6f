"""What the frozen CLIP text encoder of Stable Diffusion makes of words.

B texts, T tokens, D width.
"""

from collections.abc import Callable, Sequence
from functools import cache, cached_property
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from covergen.errors import ModelError
from covergen.models import stable_diffusion

VERSION: Final = 1  # raise it whenever a state changes


def token_counter(stable_diffusion_name: str, *, offline: bool = False) -> Callable[[str], int]:
    """Return what counts a text's tokens, its two ends included, with the tokenizer of a preset or folder.

    It is loaded at the first text; ModelError where it is missing or damaged.
    """

    @cache
    def tokenizer() -> Any:
        from transformers import CLIPTokenizer

        parts = stable_diffusion.folder(stable_diffusion_name, ("tokenizer",), offline=offline, weights=False)
        try:
            return CLIPTokenizer.from_pretrained(parts / "tokenizer", local_files_only=True)
        except (OSError, ValueError) as error:
            raise ModelError(f"{stable_diffusion_name}: its tokenizer cannot be read: {error}") from error

    return lambda text: len(tokenizer()(text).input_ids)


class ClipText:
    """Reads texts with the text encoder of a Stable Diffusion preset or folder, loaded at the first call."""

    def __init__(
        self, stable_diffusion_name: str, *, device: str = "cpu", bf16: bool = False, offline: bool = False
    ):
        self.name, self.device, self.bf16, self.offline = stable_diffusion_name, device, bf16, offline

    @cached_property
    def digest(self) -> str:
        """Names tokenizer and text encoder, and neither VAE nor U-Net."""
        return stable_diffusion.digest(self.name, stable_diffusion.TEXT_PARTS)

    @cached_property
    def state_shape(self) -> tuple[int, int]:
        """The shape (T, D) of one text's states, read from the configuration."""
        config = stable_diffusion.read_config(self.name, "text_encoder", offline=self.offline)
        return int(config["max_position_embeddings"]), int(config["hidden_size"])

    @cached_property
    def _parts(self) -> tuple[Any, Any]:
        return stable_diffusion.load_text(self.name, device=self.device, offline=self.offline)

    def __call__(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return states (B, T, D) and pooled vectors (B, D); longer texts lose their last tokens."""
        tokenizer, text_encoder = self._parts
        with torch.autocast(self.device.split(":")[0], torch.bfloat16, enabled=self.bf16):
            states, pooled = stable_diffusion.encode_text(tokenizer, text_encoder, texts)
        return states.float().cpu().numpy(), pooled.float().cpu().numpy()
