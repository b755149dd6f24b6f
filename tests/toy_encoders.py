"""Random MusicGen and CLIP vision models in the layouts of the releases, at toy size or in full.

save_musicgen(tmp_path / "musicgen")   a folder for covergen.embeddings.musicgen
save_clip_vision(tmp_path / "clip")    a folder for covergen.embeddings.clip_image
"""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import (
    CLIPConfig,
    CLIPModel,
    EncodecConfig,
    EncodecModel,
    MusicgenConfig,
    MusicgenDecoderConfig,
    MusicgenForCausalLM,
    MusicgenForConditionalGeneration,
    PretrainedConfig,
    T5Config,
)

_OLDER_NORM = {
    "parametrizations.weight.original0": "weight_g",
    "parametrizations.weight.original1": "weight_v",
}
_ENCODEC_32KHZ: dict[str, Any] = {
    "sampling_rate": 32_000,
    "audio_channels": 1,
    "codebook_size": 2048,
    "codebook_dim": 128,
    "hidden_size": 128,
    "num_filters": 64,
    "upsampling_ratios": [8, 5, 4, 4],
    "target_bandwidths": [2.2],
    "use_causal_conv": False,
    "use_conv_shortcut": False,
}
_ENCODEC_SMALL: dict[str, Any] = {
    "codebook_size": 64,
    "codebook_dim": 8,
    "hidden_size": 8,
    "num_filters": 2,
    "target_bandwidths": [1.2],
}
_DECODER: dict[str, Any] = {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "ffn_dim": 4096,
    "vocab_size": 2048,
    "num_codebooks": 4,
}
_DECODER_SMALL: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "ffn_dim": 64,
    "vocab_size": 64,
    "pad_token_id": 64,
    "bos_token_id": 64,
}
_TEXT_SMALL: dict[str, Any] = {
    "vocab_size": 32,
    "d_model": 16,
    "d_kv": 8,
    "d_ff": 16,
    "num_layers": 1,
    "num_heads": 2,
}


def musicgen_config(*, full_size: bool = False) -> MusicgenConfig:
    """The configuration of musicgen-small, its T5 at toy size; all of it at toy size unless `full_size`."""
    return MusicgenConfig(
        text_encoder=T5Config(**_TEXT_SMALL).to_dict(),
        audio_encoder=EncodecConfig(**(_ENCODEC_32KHZ | ({} if full_size else _ENCODEC_SMALL))).to_dict(),
        decoder=MusicgenDecoderConfig(**(_DECODER | ({} if full_size else _DECODER_SMALL))).to_dict(),
    )


def save_musicgen(folder: Path, *, seed: int = 0) -> MusicgenForConditionalGeneration:
    """Save a small random MusicGen as it was released and return it.

    One safetensors file, `weight_g` and `weight_v`, the sinusoids of the positions among the tensors.
    """
    torch.manual_seed(seed)
    config = musicgen_config()
    model = _varied(MusicgenForConditionalGeneration(config)).eval()
    _spread_codes(model.audio_encoder)
    decoder = model.decoder.model.decoder
    tensors = model.state_dict() | {
        "decoder.model.decoder.embed_positions.weights": decoder.embed_positions.weights
    }
    _save(folder, tensors, config)
    return model


def save_full_musicgen(folder: Path, *, seed: int = 0) -> None:
    """Save musicgen-small's architecture, in bfloat16 and without a T5.

    No model is built, so that a machine needs little memory for it.
    """
    generator = torch.Generator().manual_seed(seed)
    config = musicgen_config(full_size=True)
    with torch.device("meta"):
        parts = {
            "audio_encoder.": EncodecModel(config.audio_encoder),
            "decoder.": MusicgenForCausalLM(config.decoder),
        }
    shapes = {prefix + name: v.shape for prefix, m in parts.items() for name, v in m.state_dict().items()}
    tensors = {
        name: torch.randn(shape, generator=generator, dtype=torch.bfloat16) * 0.02
        for name, shape in shapes.items()
    }
    _save(folder, tensors, config)


def clip_config(*, full_size: bool = False) -> CLIPConfig:
    """The configuration of CLIP ViT-L/14, its text tower at toy size; all at toy size unless `full_size`."""
    large = {
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
    }
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    vision = large | {"patch_size": 14} if full_size else small | {"patch_size": 16, "image_size": 32}
    width = 768 if full_size else 24
    return CLIPConfig(
        text_config=small | {"vocab_size": 64, "bos_token_id": 1, "eos_token_id": 2, "projection_dim": width},
        vision_config=vision | {"projection_dim": width},
        projection_dim=width,
    )


def save_clip_vision(folder: Path, *, full_size: bool = False, seed: int = 0) -> CLIPModel:
    """Save a random CLIP as it was released, both towers and position indices, and return it."""
    torch.manual_seed(seed)
    config = clip_config(full_size=full_size)
    model = _varied(CLIPModel(config)).eval()
    indices = {name: value for name, value in model.named_buffers() if name.endswith("position_ids")}
    _save(folder, model.state_dict() | indices, config)
    return model


def _varied(model: Any) -> Any:
    """Let no tensor be constant: a model of zeros and ones would not notice swapped tensors."""
    for value in (*model.parameters(), *model.buffers()):
        if value.is_floating_point() and value.numel() > 1 and value.float().std() == 0:
            value.data.add_(torch.randn_like(value) * 0.1)
    return model


@torch.no_grad()
def _spread_codes(codec: EncodecModel) -> None:
    """Fill each codebook with what is left of noise at its stage, so that sounds differ in codes."""
    rest = codec.encoder(torch.randn(1, 1, 20 * codec.config.sampling_rate) * 0.3)  # (1, width, steps)
    for layer in codec.quantizer.layers:
        chosen = torch.randperm(rest.shape[-1])[: codec.config.codebook_size]
        layer.codebook.embed.copy_(rest[0, :, chosen].T)
        rest = rest - layer.decode(layer.encode(rest))


def _save(folder: Path, tensors: dict[str, torch.Tensor], config: PretrainedConfig) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    released = {released_name(name): value.contiguous().clone() for name, value in tensors.items()}
    save_file(released, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(config.to_json_string(use_diff=False))


def released_name(name: str) -> str:
    """The name of a tensor in a release made before torch's parametrisations."""
    for modern, old in _OLDER_NORM.items():
        name = name.replace(modern, old)
    return name
