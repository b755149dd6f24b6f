"""CLIP's image encoder on random weights saved in the released layout, beside transformers' own CLIP."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from covergen.embeddings import clip_image
from covergen.embeddings.clip_image import ClipImage, crop
from covergen.errors import ConfigError, ModelError
from tests import toy_encoders

PICTURES = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clip")
    return folder, toy_encoders.save_clip_vision(folder)


@pytest.fixture(scope="module")
def small(saved) -> Path:
    return saved[0]


@pytest.fixture
def copy(small, tmp_path) -> Path:
    return shutil.copytree(small, tmp_path / "copy")


def rewritten(folder: Path, change) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def test_vectors_are_those_of_the_whole_model(saved):
    folder, original = saved
    processor = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    pixels = processor([Image.fromarray(p) for p in PICTURES], return_tensors="pt").pixel_values
    encoder = ClipImage(str(folder))
    vectors = encoder(PICTURES)
    assert vectors.shape == (3, 24) == (3, encoder.width)
    with torch.no_grad():
        expected = original.get_image_features(pixels).pooler_output
    assert np.allclose(vectors, expected.numpy(), atol=1e-4)
    assert np.abs(vectors[0] - vectors[1]).max() > 0.01


@given(st.integers(24, 90), st.integers(24, 90), st.integers(0, 9))  # nothing longer than 4 to 1
@settings(max_examples=30, deadline=None)
def test_a_crop_is_what_clip_s_own_processor_cuts(height, width, seed):
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    processor = CLIPImageProcessorPil(
        size={"shortest_edge": 32},
        crop_size={"height": 32, "width": 32},
        do_rescale=False,
        do_normalize=False,
    )
    expected = np.asarray(processor(Image.fromarray(picture)).pixel_values[0]).transpose(1, 2, 0)
    assert np.array_equal(crop(picture, 32), expected)


def test_a_very_long_picture_takes_no_more_memory_than_its_centre():
    """Scaled as a whole, with its shorter side at 224, it would take 134 GB."""
    line = np.zeros((1, 200_000_000 // 224, 3), np.uint8)
    line[:, line.shape[1] // 2] = 255
    assert 0 < crop(line, 224).mean() < 255
    assert crop(line.swapaxes(0, 1), 224).shape == (224, 224, 3)


def test_rows_do_not_see_their_neighbours(small):
    encoder = ClipImage(str(small))
    assert np.allclose(encoder(PICTURES)[1:2], encoder(PICTURES[1:2]), atol=1e-5)


def test_bfloat16_stays_close(small):
    exact, rounded = ClipImage(str(small))(PICTURES), ClipImage(str(small), bf16=True)(PICTURES)
    assert rounded.dtype == np.float32
    assert 0 < np.abs(exact - rounded).mean() < 0.02


def test_the_text_tower_is_neither_needed_nor_loaded(copy, small):
    def forget(tensors):
        for name in [name for name in tensors if not name.startswith("vis")]:
            del tensors[name]

    rewritten(copy, forget)
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config["vision_config"]))
    assert np.array_equal(ClipImage(str(copy))(PICTURES), ClipImage(str(small))(PICTURES))


def test_a_whole_clip_projects_by_its_own_width(copy, small):
    config = json.loads((copy / "config.json").read_text())
    del config["vision_config"]["projection_dim"]
    (copy / "config.json").write_text(json.dumps(config))
    assert np.array_equal(ClipImage(str(copy))(PICTURES), ClipImage(str(small))(PICTURES))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("visual_projection.weight"), "1 keys differ, visual_projection.weight"),
        (lambda t: t.update({"vision_model.extra": torch.zeros(1)}), "1 keys differ, vision_model.extra"),
        (lambda t: t.update({"visual_projection.weight": torch.zeros(3)}), "1 keys differ, visual_proj"),
    ],
    ids=["missing", "surplus", "shape"],
)
def test_no_tensor_is_left_random_or_over(copy, change, message):
    rewritten(copy, change)
    with pytest.raises(ModelError, match=f"of another architecture: {message}"):
        clip_image.load_clip_vision(copy)


def test_pickles_are_not_opened(copy):
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"has no weights; model\*\.safetensors must lie there"):
        clip_image.load_clip_vision(copy)


def test_what_is_no_clip_says_what_to_name(tmp_path):
    with pytest.raises(
        ConfigError, match="'clipp' is unknown; choose one of clip-vit-large-patch14, or a CLIP"
    ):
        ClipImage("clipp")
    with pytest.raises(ModelError, match=r"no CLIP at .* name one of clip-vit-large-patch14"):
        ClipImage(str(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ModelError, match="does not tell its image_size"):
        ClipImage(str(tmp_path))


def test_the_preset_knows_its_shape_and_digest_without_weights():
    encoder = ClipImage("clip-vit-large-patch14", offline=True)
    assert (encoder.width, encoder.size) == (768, 224)
    assert len(encoder.digest) == 64
    assert all(len(preset.revision) == 40 for preset in clip_image.PRESETS.values())
    with pytest.raises(ModelError, match=r"are not in the local cache .* offline was chosen"):
        encoder(PICTURES)


def test_the_digest_follows_weights_and_rounding(small, tmp_path):
    toy_encoders.save_clip_vision(tmp_path, seed=1)
    encoders = [ClipImage(str(small)), ClipImage(str(small), bf16=True), ClipImage(str(tmp_path))]
    assert len({encoder.digest for encoder in encoders}) == 3
    assert ClipImage(str(small), device="cuda").digest == encoders[0].digest


@pytest.mark.slow
def test_the_full_vit_l_14_sees(tmp_path):
    original = toy_encoders.save_clip_vision(tmp_path, full_size=True)
    sums = {name: value.double().sum().item() for name, value in original.state_dict().items()}
    del original  # a machine need not hold both
    encoder = ClipImage(str(tmp_path))
    assert (encoder.width, encoder.size) == (768, 224)
    assert 303e6 < sum(value.numel() for value in encoder.model.parameters()) < 305e6
    for name, value in encoder.model.state_dict().items():
        assert value.double().sum().item() == sums[name], name
    vectors = encoder(np.stack([crop(picture, 224) for picture in PICTURES[:2]]))
    assert vectors.shape == (2, 768)
    assert np.isfinite(vectors).all() and np.abs(vectors[0] - vectors[1]).max() > 0
