"""Random image models in the layouts of the releases: DINOv2, a whole CLIP with its tokenizer, Inception.

save_dinov2(tmp_path / "dinov2")    a folder for covergen.evaluation.models.dinov2
save_clip(tmp_path / "clip")        a folder for clip_image and for covergen.evaluation.models.clip_text
save_inception(tmp_path / "i.pth")  a file for evaluation.models.inception, at full size: it has no other
"""

from pathlib import Path

import torch
from transformers import CLIPModel, Dinov2Config, Dinov2Model
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from covergen.evaluation.models.inception import Inception
from tests import toy_encoders, toys

PICTURE_SIDE = 28


def save_dinov2(folder: Path, *, seed: int = 0) -> Dinov2Model:
    """Save a random DINOv2 trained at 42 px, fed 28 px of a shorter side of 32, and return it."""
    torch.manual_seed(seed)
    config = Dinov2Config(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=42, patch_size=14
    )
    model = toy_encoders._varied(Dinov2Model(config)).eval()
    model.save_pretrained(folder)
    dinov2_processor().save_pretrained(folder)
    return model


def dinov2_processor() -> BitImageProcessorPil:
    """The released preprocessing at toy size: bicubic, ImageNet's mean and deviation."""
    return BitImageProcessorPil(
        size={"shortest_edge": 32},
        crop_size={"height": PICTURE_SIDE, "width": PICTURE_SIDE},
        resample=3,
        image_mean=[0.485, 0.456, 0.406],
        image_std=[0.229, 0.224, 0.225],
    )


def clip_processor() -> CLIPImageProcessorPil:
    """The released preprocessing of CLIP at the toy's 32 px."""
    return CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})


def save_clip(folder: Path, *, seed: int = 0) -> CLIPModel:
    """Save a random CLIP of both towers with a tokenizer that knows single characters, and return it."""
    torch.manual_seed(seed)
    tokenizer = toys._tokenizer()
    config = toy_encoders.clip_config()
    config.text_config.vocab_size = len(tokenizer)
    config.text_config.bos_token_id = tokenizer.bos_token_id
    config.text_config.eos_token_id = tokenizer.eos_token_id
    config.text_config.pad_token_id = tokenizer.pad_token_id
    model = toy_encoders._varied(CLIPModel(config)).eval()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model


def save_inception(path: Path, *, seed: int = 0) -> Path:
    """Save a random Inception as the released file: a pickle of tensors alone; return its path."""
    torch.manual_seed(seed)
    network = Inception()
    for name, value in network.state_dict().items():
        if name.endswith("bn.weight"):
            value.uniform_(0.8, 1.6)
        elif name.endswith("bn.bias"):
            value.normal_(0, 0.1)
        elif name.endswith("conv.weight"):
            torch.nn.init.kaiming_normal_(value)  # else nothing of the picture reaches the last pool
    torch.save(network.state_dict(), path)
    return path
