"""Random models at toy size, saved in the layouts of the real ones; seconds to build, nothing to download.

toys.save_stable_diffusion(tmp_path / "sd")   a folder for covergen.models.stable_diffusion.load
toys.save_mert(tmp_path / "mert")             a folder for covergen.embeddings.mert
"""

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer, HubertConfig, HubertModel
from transformers.convert_slow_tokenizer import bytes_to_unicode

TEXT_WIDTH = 32
TEXT_TOKENS = 77
LATENT_CHANNELS = 4
PICTURE_SIZE = 32
VAE_FACTOR = 2

_OLDER_ATTENTION = {"to_q.": "query.", "to_k.": "key.", "to_v.": "value.", "to_out.0.": "proj_attn."}
_OLDER_NORM = {
    "parametrizations.weight.original0": "weight_g",
    "parametrizations.weight.original1": "weight_v",
}


def save_stable_diffusion(
    folder: Path,
    *,
    seed: int = 0,
    zero_snr: bool = True,
    scaling_factor: float = 0.5,
    shift_factor: float = 0.1,
) -> Path:
    """Save all parts: 32 px pictures, latents (4, 16, 16), text states (77, 32); return the folder.

    With `zero_snr` the scheduler is the tiny preset's (v-prediction, rescaled betas, trailing timesteps),
    without it Stable Diffusion 1.x's (epsilon, leading).
    """
    torch.manual_seed(seed)
    tokenizer = _tokenizer()
    tokenizer.save_pretrained(folder / "tokenizer")
    _text_encoder(tokenizer).save_pretrained(folder / "text_encoder")
    vae = AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=LATENT_CHANNELS,
        norm_num_groups=4,
        sample_size=PICTURE_SIZE,
        scaling_factor=scaling_factor,
        shift_factor=shift_factor,
    )
    vae.save_pretrained(folder / "vae")
    unet = UNet2DConditionModel(
        sample_size=PICTURE_SIZE // VAE_FACTOR,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        block_out_channels=(16, 32),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=4,
        norm_num_groups=4,
    )
    unet.save_pretrained(folder / "unet")
    _noise_scheduler(zero_snr).save_pretrained(folder / "scheduler")
    return folder


def as_released(folder: Path) -> Path:
    """Rewrite a saved toy as Stable Diffusion 1.x lies on the hub: older tensor names, tokenizer as lists."""
    tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
    (folder / "tokenizer" / "tokenizer.json").unlink()
    (folder / "tokenizer" / "vocab.json").write_text(json.dumps(tokenizer.get_vocab()))
    (folder / "tokenizer" / "merges.txt").write_text("#version: 0.2\n")
    text = folder / "text_encoder" / "model.safetensors"
    tensors = {f"text_model.{name}": value for name, value in load_file(text).items()}
    tensors["text_model.embeddings.position_ids"] = torch.arange(TEXT_TOKENS)[None]
    save_file(tensors, text, metadata={"format": "pt"})
    vae = folder / "vae" / "diffusion_pytorch_model.safetensors"
    tensors = {_older(name, _OLDER_ATTENTION): value for name, value in load_file(vae).items()}
    save_file(tensors, vae, metadata={"format": "pt"})
    return folder


def _tokenizer() -> CLIPTokenizer:
    """Return a tokenizer that knows single characters only."""
    characters = sorted(bytes_to_unicode().values())
    words = [
        *characters,
        *(f"{character}</w>" for character in characters),
        "<|startoftext|>",
        "<|endoftext|>",
    ]
    vocabulary = {word: index for index, word in enumerate(words)}
    return CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=TEXT_TOKENS)


def _text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=TEXT_WIDTH,
        intermediate_size=2 * TEXT_WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=TEXT_TOKENS,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return CLIPTextModel(config)


def _noise_scheduler(zero_snr: bool) -> DDIMScheduler:
    common = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    if zero_snr:
        return DDIMScheduler(
            **common,
            rescale_betas_zero_snr=True,
            prediction_type="v_prediction",
            timestep_spacing="trailing",
            set_alpha_to_one=True,
            clip_sample=False,
            steps_offset=1,
        )
    return DDIMScheduler(**common, set_alpha_to_one=False, clip_sample=False, steps_offset=1)


MERT_95M: dict[str, Any] = {
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "feat_extract_norm": "group",
    "do_stable_layer_norm": False,
    "conv_dim": [512] * 7,
}
MERT_330M: dict[str, Any] = {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "feat_extract_norm": "layer",
    "do_stable_layer_norm": True,
    "conv_dim": [512] * 7,
}
_SMALL: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "conv_dim": [16] * 7,
    "num_conv_pos_embeddings": 16,
    # 16 channels a group (the releases have 48 and 64): with fewer, oneDNN's bfloat16 is wrong on AMX
    "num_conv_pos_embedding_groups": 2,
}


def save_mert(
    folder: Path,
    *,
    release: dict[str, Any] = MERT_95M,
    full_size: bool = False,
    seed: int = 0,
    pickle: bool = True,
) -> HubertModel:
    """Save a random HuBERT as MERT was released and return it: top-level keys, `weight_g` and `weight_v`,
    `model_type` "mert_model", one pickle of tensors (or one safetensors file). Small unless `full_size`.
    """
    torch.manual_seed(seed)
    settings = release if full_size else release | _SMALL
    config = HubertConfig(**settings, conv_kernel=[10, 3, 3, 3, 3, 2, 2], conv_stride=[5, 2, 2, 2, 2, 2, 2])
    model = HubertModel(config).eval()
    # At initialisation each bias is zero and each norm one: such a model would not notice swapped tensors.
    for name, parameter in model.named_parameters():
        if name.endswith("bias") or "norm" in name:
            parameter.data.add_(torch.randn_like(parameter) * 0.1)
    tensors = {
        _older(name, _OLDER_NORM): value.contiguous().clone() for name, value in model.state_dict().items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    if pickle:
        torch.save(tensors, folder / "pytorch_model.bin")
    else:
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    released = json.loads(config.to_json_string(use_diff=False)) | {
        "model_type": "mert_model",
        "architectures": ["MERTModel"],
        "auto_map": {"AutoConfig": "configuration_MERT.MERTConfig", "AutoModel": "modeling_MERT.MERTModel"},
        "feature_extractor_cqt": False,
        "deepnorm": False,
    }
    (folder / "config.json").write_text(json.dumps(released))
    return model


def _older(name: str, renamed: dict[str, str]) -> str:
    for modern, old in renamed.items():
        name = name.replace(f".{modern}", f".{old}")
    return name
