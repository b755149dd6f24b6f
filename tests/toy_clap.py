"""A random CLAP saved as the real one is released: config, mel settings, tokenizer, one safetensors file.

toy_clap.save_clap(tmp_path / "clap")   a folder for covergen.embeddings.clap and covergen.tagging.zero_shot
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import ClapConfig, ClapFeatureExtractor, ClapModel, RobertaTokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode

WIDTH = 64
LIVELY = 20.0  # weights so large that sentences differ
_SMALL_AUDIO = {
    "patch_embeds_hidden_size": 8,
    "hidden_size": WIDTH,
    "depths": [1, 1, 1, 1],
    "num_attention_heads": [1, 2, 2, 2],
}
_SMALL_TEXT = {
    "vocab_size": 300,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 80,
}


def save_clap(folder: Path, *, full_size: bool = False, collapsed: bool = False, seed: int = 0) -> ClapModel:
    """Save and return a random model as laion/clap-htsat-unfused, small unless `full_size`.

    A `collapsed` one gives all words one direction, as laion/larger_clap_music does.
    """
    torch.manual_seed(seed)
    audio, text = ({}, {}) if full_size else (_SMALL_AUDIO, _SMALL_TEXT)
    projection = 512 if full_size else 32
    config = ClapConfig(audio_config=audio, text_config=text, projection_dim=projection)
    model = ClapModel(config).eval()
    # At initialisation each bias is zero and sentences hardly differ: that hides faults.
    for name, parameter in model.named_parameters():
        if name.endswith("bias") or "norm" in name.lower():
            parameter.data.add_(torch.randn_like(parameter) * 0.1)
        elif name.startswith("text") and parameter.ndim == 2:
            parameter.data.mul_(LIVELY)
    if collapsed:
        model.text_projection.linear2.weight.data.mul_(1e-4)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: value.contiguous().clone() for name, value in model.state_dict().items()},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    (folder / "config.json").write_text(config.to_json_string(use_diff=False))
    extractor = ClapFeatureExtractor(frequency_min=50, truncation="rand_trunc")
    (folder / "preprocessor_config.json").write_text(json.dumps(extractor.to_dict(), default=str))
    _tokenizer().save_pretrained(folder)
    return model


def _tokenizer() -> RobertaTokenizer:
    """Return a tokenizer that knows single characters only."""
    words = ["<s>", "<pad>", "</s>", "<unk>", *sorted(bytes_to_unicode().values()), "<mask>"]
    return RobertaTokenizer(vocab={word: index for index, word in enumerate(words)}, merges=[])
