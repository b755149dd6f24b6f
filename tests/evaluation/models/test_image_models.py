"""The frozen image models on random weights saved as they are released, beside transformers' own classes."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import AutoImageProcessor, AutoModel, CLIPModel, CLIPTokenizer

from covergen.embeddings.clip_image import ClipImage, crop
from covergen.errors import ConfigError, ModelError
from covergen.evaluation.models import dinov2, inception
from covergen.evaluation.models.clip_text import ClipText
from covergen.evaluation.models.dinov2 import Dinov2Image
from covergen.evaluation.models.inception import InceptionImage, load_inception, resized
from tests import toy_vision

PICTURES = np.random.default_rng(0).integers(0, 256, (3, 40, 52, 3), dtype=np.uint8)
REFERENCE = [[6.03999, 50.39626, 0.4254695, 30.54009], [7.90765, 54.39701, 0.4522933, 31.20741]]
TEXTS = ["a cover", "Create an album cover for the album 'Blue'.", "x" * 400]


@pytest.fixture(scope="module")
def dino(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dinov2")
    return folder, toy_vision.save_dinov2(folder)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clip")
    return folder, toy_vision.save_clip(folder)


def test_dinov2_sees_what_transformers_own_pipeline_sees(dino):
    folder, _ = dino
    encoder = Dinov2Image(str(folder))
    vectors = encoder(np.stack([encoder.crop(picture) for picture in PICTURES]))
    assert vectors.shape == (3, 32) and vectors.dtype == np.float32
    processor = AutoImageProcessor.from_pretrained(folder, backend="pil")
    pixels = processor([Image.fromarray(picture) for picture in PICTURES], return_tensors="pt")
    with torch.no_grad():
        expected = AutoModel.from_pretrained(folder).eval()(**pixels).pooler_output.numpy()
    np.testing.assert_allclose(vectors, expected, atol=1e-5)
    assert np.abs(vectors[0] - vectors[1]).max() > 0.01


@pytest.mark.parametrize("shape", [(40, 52), (90, 33), (32, 32), (28, 28)])
def test_dinov2_crops_as_the_released_preprocessor(dino, shape):
    picture = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    processor = toy_vision.dinov2_processor()
    processor.do_rescale = processor.do_normalize = False
    expected = np.asarray(processor(Image.fromarray(picture)).pixel_values[0]).transpose(1, 2, 0)
    np.testing.assert_array_equal(Dinov2Image(str(dino[0])).crop(picture), expected)


def test_dinov2_leaves_no_tensor_random_and_no_step_out(dino, tmp_path):
    folder = shutil.copytree(dino[0], tmp_path / "copy")
    tensors = load_file(folder / "model.safetensors")
    del tensors["layernorm.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"1 keys differ, layernorm\.weight"):
        dinov2.load_dinov2(folder)
    told = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").write_text(json.dumps({**told, "resample": 2}))
    with pytest.raises(ModelError, match="another scaling than bicubic"):
        Dinov2Image(str(folder))
    (folder / "model.safetensors").unlink()
    (folder / "preprocessor_config.json").write_text(json.dumps(told))
    with pytest.raises(ModelError, match="has no weights"):
        Dinov2Image(str(folder))
    with pytest.raises(ModelError, match="name one of dinov2-large or a folder"):
        Dinov2Image(str(tmp_path / "nowhere"))


def test_the_dinov2_preset_is_pinned_and_says_what_it_lacks():
    assert all(len(preset.revision) == 40 for preset in dinov2.PRESETS.values())
    with pytest.raises(ModelError, match=r"facebook/dinov2-large at 47b73eefe95e are not in"):
        Dinov2Image("dinov2-large", offline=True)


def test_clip_reads_what_transformers_own_model_reads(clip):
    folder, _ = clip
    model, tokenizer = CLIPModel.from_pretrained(folder).eval(), CLIPTokenizer.from_pretrained(folder)
    tokens = tokenizer(TEXTS, padding="max_length", max_length=77, truncation=True, return_tensors="pt")
    with torch.no_grad():
        expected = model.get_text_features(**tokens).pooler_output.numpy()
    vectors = ClipText(str(folder))(TEXTS)
    assert vectors.shape == (3, 24)
    np.testing.assert_allclose(vectors, expected, atol=1e-5)
    assert np.abs(vectors[0] - vectors[1]).max() > 0.01


def test_clip_pictures_and_texts_agree_with_the_whole_model_s_cosine(clip):
    folder, model = clip
    pictures, texts = ClipImage(str(folder)), ClipText(str(folder))
    crops = np.stack([crop(picture, pictures.size) for picture in PICTURES])
    seen, read = pictures(crops), texts(TEXTS)
    processor = toy_vision.clip_processor()
    pixels = processor([Image.fromarray(p) for p in PICTURES], return_tensors="pt").pixel_values
    tokens = CLIPTokenizer.from_pretrained(folder)(
        TEXTS, padding="max_length", max_length=77, truncation=True, return_tensors="pt"
    )
    with torch.no_grad():
        output = model(pixel_values=pixels, **tokens)
    cosine = (seen / np.linalg.norm(seen, axis=1)[:, None]) @ (read / np.linalg.norm(read, axis=1)[:, None]).T
    expected = (output.logits_per_image / model.logit_scale.exp()).numpy(force=True)
    np.testing.assert_allclose(cosine, expected, atol=1e-5)


def test_a_clip_without_its_text_tower_or_tokenizer_is_refused(clip, tmp_path):
    folder = shutil.copytree(clip[0], tmp_path / "copy")
    for name in ("tokenizer.json", "vocab.json"):
        (folder / name).unlink(missing_ok=True)
    with pytest.raises(ModelError, match="has no tokenizer"):
        ClipText(str(folder))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config["vision_config"]))
    with pytest.raises(ModelError, match="has no text tower"):
        ClipText(str(folder))
    with pytest.raises(ConfigError, match="'clipp' is unknown"):
        ClipText("clipp")


def test_inception_gives_the_numbers_of_the_reference_network(tmp_path):
    """The numbers were read from torch-fidelity 0.4.0's network on the same weights and pictures."""
    path = toy_vision.save_inception(tmp_path / "inception.pth")
    pictures = np.random.default_rng(128).integers(0, 256, (2, 128, 128, 3), dtype=np.uint8)
    features = InceptionImage(str(path))(pictures)
    assert features.shape == (2, 2048)
    np.testing.assert_allclose(features[:, ::512], REFERENCE, rtol=2e-4)
    tensors = torch.load(path)
    del tensors["Mixed_7c.branch_pool.bn.weight"]
    save_file({**tensors}, tmp_path / "less.safetensors")
    with pytest.raises(ModelError, match=r"1 tensors differ, Mixed_7c\.branch_pool\.bn\.weight"):
        load_inception(tmp_path / "less.safetensors")


def test_inception_scales_from_the_corner_as_tensorflow_1_did():
    values = torch.arange(4.0)[None, None, None].expand(1, 1, 4, 4)
    expected = [min(3.0, 4 / 7 * k) for k in range(7)]
    np.testing.assert_allclose(resized(values, 7)[0, 0, 0], expected, atol=1e-6)
    np.testing.assert_allclose(resized(values.transpose(2, 3), 7)[0, 0, :, 0], expected, atol=1e-6)


def test_a_file_that_is_no_inception_is_refused(tmp_path):
    (tmp_path / "odd.pth").write_bytes(b"no pickle at all")
    with pytest.raises(ModelError, match=r"odd\.pth (holds more than tensors|cannot)|Inception in"):
        load_inception(tmp_path / "odd.pth")
    torch.save({"a": print}, tmp_path / "code.pth")
    with pytest.raises(ModelError, match="more than tensors"):
        load_inception(tmp_path / "code.pth")
    with pytest.raises(ModelError, match=rf"no such file; {inception.RELEASED} is meant"):
        InceptionImage(str(tmp_path / "nowhere.pth"))
