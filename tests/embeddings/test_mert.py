"""MERT on random weights saved in the released layout, legacy weight-norm names included."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from covergen.embeddings import mert
from covergen.embeddings.mert import Mert
from covergen.errors import ConfigError, ModelError
from tests import toys

RELEASES = {"95m": toys.MERT_95M, "330m": toys.MERT_330M}
WINDOWS = (np.random.default_rng(0).normal(0, 0.1, (3, 120_000)) + 0.05).astype(np.float32)


@pytest.fixture(scope="module", params=RELEASES)
def saved(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    return folder, toys.save_mert(folder, release=RELEASES[request.param])


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("mert")
    toys.save_mert(folder)
    return folder


def test_the_released_layout_has_legacy_names(small):
    keys = set(torch.load(small / "pytorch_model.bin", weights_only=True))
    assert {"encoder.pos_conv_embed.conv.weight_g", "encoder.pos_conv_embed.conv.weight_v"} <= keys
    assert not any("parametrizations" in key for key in keys)


def test_every_tensor_arrives(saved):
    folder, original = saved
    loaded = mert.load_hubert(folder).state_dict()
    assert set(loaded) == set(original.state_dict())
    for name, value in original.state_dict().items():
        assert torch.equal(loaded[name], value), name


def test_frames_are_the_hidden_states_of_hubert_pooled(saved):
    folder, original = saved
    encoder = Mert(str(folder), layers=(0, 2, 4))
    frames = encoder(WINDOWS)
    assert frames.shape == (3, 3, 10, 32) == (3, encoder.layers, 10, encoder.width)
    windows = torch.from_numpy(WINDOWS)
    normal = (windows - windows.mean(1, keepdim=True)) / windows.std(1, keepdim=True, correction=0)
    with torch.no_grad():
        output = original(normal, output_hidden_states=True)
    assert output.hidden_states[0].shape[1] == 374, "75 frames a second, less the edge"
    expected = [output.hidden_states[0], output.hidden_states[2], output.last_hidden_state]
    for layer, hidden in enumerate(expected):
        pooled = functional.adaptive_avg_pool1d(hidden.transpose(1, 2), 10).transpose(1, 2)
        assert np.allclose(frames[:, layer], pooled.numpy(), atol=1e-4)


def test_level_and_offset_do_not_matter(small):
    encoder = Mert(str(small))
    assert np.allclose(encoder(WINDOWS), encoder(WINDOWS * 0.2 + 0.3), atol=1e-3)


def test_rows_do_not_see_their_neighbours(saved):
    encoder = Mert(str(saved[0]))
    assert np.allclose(encoder(WINDOWS)[1:2], encoder(WINDOWS[1:2]), atol=1e-5)


def test_the_same_music_is_always_heard_alike(small):
    """Training mode would mask parts of it at random."""
    encoder = Mert(str(small))
    assert not encoder.model.training
    assert np.array_equal(encoder(WINDOWS), encoder(WINDOWS))


def test_bfloat16_stays_close(small):
    exact, rounded = Mert(str(small))(WINDOWS), Mert(str(small), bf16=True)(WINDOWS)
    assert rounded.dtype == np.float32
    assert not np.array_equal(exact, rounded)
    assert np.abs(exact - rounded).mean() < 0.02


def test_safetensors_are_preferred(tmp_path):
    original = toys.save_mert(tmp_path, pickle=False)
    (tmp_path / "pytorch_model.bin").write_bytes(b"not to be read")
    weights = mert.load_hubert(tmp_path).feature_projection.projection.weight
    assert torch.equal(weights, original.feature_projection.projection.weight)


def test_a_pickle_with_code_is_refused(small, tmp_path):
    copy = shutil.copytree(small, tmp_path / "copy")
    tensors = torch.load(copy / "pytorch_model.bin", weights_only=True)
    torch.save(tensors | {"masked_spec_embed": _Code(tmp_path / "ran")}, copy / "pytorch_model.bin")
    with pytest.raises(ModelError, match="holds more than tensors"):
        mert.load_hubert(copy)
    assert not (tmp_path / "ran").exists()


class _Code:
    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_a_missing_tensor_is_never_left_random(small, tmp_path):
    copy = shutil.copytree(small, tmp_path / "copy")
    tensors = torch.load(copy / "pytorch_model.bin", weights_only=True)
    del tensors["encoder.pos_conv_embed.conv.weight_g"]
    torch.save(tensors, copy / "pytorch_model.bin")
    with pytest.raises(ModelError, match="another architecture: 1 keys differ"):
        mert.load_hubert(copy)


@pytest.mark.parametrize("key", ["feature_extractor_cqt", "deepnorm"])
def test_variants_that_hubert_cannot_compute_are_refused(small, tmp_path, key):
    copy = shutil.copytree(small, tmp_path / "copy")
    config = json.loads((copy / "config.json").read_text()) | {key: True}
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=f"{key}=true"):
        Mert(str(copy))


def test_a_folder_without_a_mert_says_what_to_name(tmp_path):
    with pytest.raises(ModelError, match="name one of mert-v1-95m, mert-v1-330m or a folder"):
        Mert(str(tmp_path))


def test_presets_know_their_shape_and_digest_without_weights():
    encoder = Mert("mert-v1-330m", offline=True)
    assert (encoder.layers, encoder.width, encoder.states) == (4, 1024, (6, 12, 18, 24))
    assert encoder.digest != Mert("mert-v1-95m").digest
    assert all(len(preset.revision) == 40 for preset in mert.PRESETS.values())
    with pytest.raises(ModelError, match=r"are not in the local cache .* offline was chosen"):
        encoder(WINDOWS)


def test_the_digest_follows_weights_and_settings(small, tmp_path):
    digests = [
        Mert(str(small)).digest,
        Mert(str(small), layers=(1,)).digest,
        Mert(str(small), frame_rate=1.0).digest,
        Mert(str(small), bf16=True).digest,
    ]
    toys.save_mert(tmp_path, seed=1)
    assert len({*digests, Mert(str(tmp_path)).digest}) == 5
    assert Mert(str(small)).digest == digests[0]


@pytest.mark.parametrize("arguments", [{"layers": (13,)}, {"layers": ()}, {"frame_rate": 3.3}])
def test_what_it_cannot_do_is_refused(arguments):
    with pytest.raises(ConfigError, match="mert-v1-95m"):
        Mert("mert-v1-95m", **arguments)


@pytest.mark.slow
def test_the_full_95m_architecture_loads_all_of_its_211_tensors(tmp_path):
    original = toys.save_mert(tmp_path, full_size=True)
    tensors = torch.load(tmp_path / "pytorch_model.bin", weights_only=True)
    assert len(tensors) == 211
    assert 94e6 < sum(value.numel() for value in tensors.values()) < 95e6
    encoder = Mert(str(tmp_path))
    assert (encoder.layers, encoder.width, encoder.states) == (4, 768, (3, 6, 9, 12))
    for name, value in original.state_dict().items():
        assert torch.equal(encoder.model.state_dict()[name], value), name
    frames = encoder(WINDOWS[:1])
    assert frames.shape == (1, 4, 10, 768)
    assert np.isfinite(frames).all()


@pytest.mark.slow
def test_the_full_330m_architecture_hears(tmp_path):
    original = toys.save_mert(tmp_path, release=toys.MERT_330M, full_size=True)
    sums = {name: value.double().sum().item() for name, value in original.state_dict().items()}
    del original  # a machine need not hold both
    encoder = Mert(str(tmp_path))
    assert (encoder.layers, encoder.width, encoder.states) == (4, 1024, (6, 12, 18, 24))
    assert 310e6 < sum(value.numel() for value in encoder.model.parameters()) < 320e6
    assert {n: v.double().sum().item() for n, v in encoder.model.state_dict().items()} == sums
    frames = encoder(WINDOWS[:1])
    assert frames.shape == (1, 4, 10, 1024)
    assert np.isfinite(frames).all()
