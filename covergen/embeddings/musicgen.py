"""MusicGen (Copet et al. 2023, arXiv:2306.05284): music as a language model of its own codes hears it.

EnCodec (Défossez et al. 2022, arXiv:2210.13438) turns a window into K codes a step, 50 steps a second. The
decoder then reads them as it did when it was trained (teacher forcing) and some of its hidden states are
kept: the listening of Jukebox's features (Castellon et al. 2021, arXiv:2107.05677). Its text encoder is never
loaded: there are no words. B windows, N samples a window, K codebooks, T steps, L layers, F frames, W width.
"""

from collections.abc import Mapping
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from covergen.embeddings import loading
from covergen.embeddings.hidden_states import HiddenStates, Preset
from covergen.embeddings.windows import Windows, on_device
from covergen.errors import ModelError
from covergen.models.hub import Release

VERSION: Final = 1  # raise it whenever a frame changes
CODE_RATE: Final = 50  # steps a second: 32 kHz through strides of 640 samples


# The commit stands in several public repositories, one of which takes model.safetensors from it.
PRESETS: Final[dict[str, Preset]] = {
    "musicgen": Preset(
        "facebook/musicgen-small", "4c8334b02c6ec4e8664a91979669a501ec497792", 24, 1024, (6, 12, 18, 24)
    ),
}
_CODEC, _DECODER = "audio_encoder.", "decoder.model."
# Words and their way into the decoder, and what turns hidden states into codes: not needed to listen.
# Older versions of transformers saved the sinusoids of the positions, which are made at construction.
_UNREAD: Final = (
    "text_encoder.",
    "enc_to_dec_proj.",
    "decoder.lm_heads.",
    "decoder.model.decoder.embed_positions.",
)


class MusicGen(HiddenStates):
    """Hears 5 s windows at 32 kHz and keeps some hidden states, 50 frames a second pooled to a few.

    A frame knows only what came before it in its window, since the decoder is causal. `bf16` autocasts the
    decoder; codes are always drawn in fp32, since rounding would exchange them.
    """

    presets, kind, version, rate = PRESETS, "musicgen", VERSION, CODE_RATE
    sample_rate = 32_000
    segment_seconds = 5.0
    licence = "CC-BY-NC-4.0"
    commercial = False

    @staticmethod
    def _size(folder: Path) -> tuple[int, int]:
        decoder = _read_config(folder)["decoder"]
        return int(decoder.get("num_hidden_layers", 24)), int(decoder.get("hidden_size", 1024))

    @staticmethod
    def _folder_digest(folder: Path) -> str:
        return loading.folder_digest(folder, what="MusicGen")

    @staticmethod
    def _release(preset: Preset) -> Release:
        return loading.release(preset.repo, preset.revision)

    @cached_property
    def model(self) -> tuple[Any, Any]:
        """EnCodec and the decoder, loaded at the first use."""
        codec, decoder = load_musicgen(self.folder())
        return codec.to(self.device), decoder.to(self.device)

    @torch.inference_mode()
    def __call__(self, windows: Windows) -> NDArray[np.float32]:
        """Return frames (B, L, F, W) of windows (B, N)."""
        codec, decoder = self.model
        waveforms = on_device(windows, self.device)  # (B, N)
        codes = codec.encode(waveforms[:, None]).audio_codes[0]  # (B, K, T)
        steps = delayed(codes, start=decoder.config.vocab_size).flatten(0, 1)  # (B K, 1 + T)
        with torch.autocast(self.device.split(":")[0], torch.bfloat16, enabled=self.bf16):
            hidden = decoder(steps, use_cache=False, output_hidden_states=True).hidden_states
        # The first step is the start token: nothing is heard in it yet.
        return self.kept([states[:, 1:] for states in hidden])


def delayed(codes: Tensor, *, start: int) -> Tensor:
    """Return the steps (B, K, 1 + T) in which the decoder reads codes (B, K, T), by its delay pattern.

    Step 0 holds the start token alone, and codebook k comes k steps late, start tokens before it (section 2.2
    of the paper): step s holds code s - 1 - k of codebook k. As in training the steps end where the first
    codebook does, so that none is half empty; the last codes of the later codebooks are not read.
    """
    length = codes.shape[-1]
    steps = codes.new_full((*codes.shape[:-1], 1 + length), start)
    for book in range(codes.shape[1]):
        steps[:, book, 1 + book :] = codes[:, book, : length - book]
    return steps


def load_musicgen(folder: Path) -> tuple[Any, Any]:
    """Return EnCodec and the decoder from a folder in the released layout; ModelError for anything else."""
    from transformers import EncodecConfig, EncodecModel, MusicgenDecoderConfig, MusicgenModel

    config = _read_config(folder)
    where = f"MusicGen in {folder}"
    parts = loading.read_parts(folder, (_CODEC, _DECODER), ignored=_UNREAD, what="MusicGen")
    codec = loading.load_frozen(
        EncodecModel, EncodecConfig.from_dict(config["audio_encoder"]), parts[_CODEC], where=where
    )
    # The embeddings hold one token beyond the codes, which transformers warns of where it is named.
    unnamed = config["decoder"] | {"pad_token_id": None, "bos_token_id": None}
    decoder = loading.load_frozen(
        MusicgenModel, MusicgenDecoderConfig.from_dict(unnamed), parts[_DECODER], where=where
    )
    # Without words, attention across sees zeros through layers without a bias: it adds nothing, and is left
    # out by transformers where there is nothing to attend to. So it goes, and so does the way back to sound.
    for layer in decoder.decoder.layers:
        layer.encoder_attn = None
    codec.decoder = None
    return codec, decoder


def _read_config(folder: Path) -> dict[str, Any]:
    config = loading.read_config(folder, what="MusicGen", presets=PRESETS)
    codec, decoder = config.get("audio_encoder"), config.get("decoder")
    if not (isinstance(codec, Mapping) and isinstance(decoder, Mapping)):
        raise ModelError(f"MusicGen in {folder}: {loading.CONFIG} describes no audio_encoder or no decoder")
    # What a configuration leaves out is what transformers takes for it.
    hertz = codec.get("sampling_rate", 24_000)
    rate = hertz / prod(codec.get("upsampling_ratios", (8, 5, 4, 2)))
    channels = max(codec.get("audio_channels", 1), decoder.get("audio_channels", 1))
    if (channels, hertz, rate) != (1, MusicGen.sample_rate, CODE_RATE):
        raise ModelError(
            f"MusicGen in {folder} hears {channels} channels of {hertz} Hz in {rate:g} steps a second; "
            f"take a mono release of {MusicGen.sample_rate} Hz and {CODE_RATE} steps"
        )
    return config
