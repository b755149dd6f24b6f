"""CLAP's audio tower on random weights in the released layout; its mel frames against transformers'."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import ClapFeatureExtractor

from covergen.embeddings import clap
from covergen.embeddings.clap import Clap
from covergen.embeddings.registry import build_encoder
from covergen.errors import ConfigError, ModelError
from tests import toy_clap

SAMPLES = 480_000
WINDOWS = np.random.default_rng(0).normal(0, 0.1, (2, SAMPLES)).astype(np.float32)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clap")
    return folder, toy_clap.save_clap(folder)


@pytest.fixture
def copy(saved, tmp_path) -> Path:
    return shutil.copytree(saved[0], tmp_path / "copy")


def _rewrite(folder: Path, name: str, **changes: object) -> None:
    content = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps(content | changes))


@pytest.mark.parametrize("kind", ["music", "quiet", "silence"])
def test_mel_frames_are_those_of_the_feature_extractor(kind):
    time = np.arange(SAMPLES) / 48_000
    tones = sum(np.sin(2 * np.pi * f * time) for f in (110, 440, 3520)) * (0.6 + 0.4 * np.sin(6 * time))
    level = {"music": 0.2, "quiet": 1e-4, "silence": 0.0}[kind]
    waveform = (level * (tones + WINDOWS[0])).astype(np.float32)
    extractor = ClapFeatureExtractor(frequency_min=50, truncation="rand_trunc")
    expected = extractor(waveform, sampling_rate=48_000, return_tensors="pt")["input_features"]
    found = clap.log_mel(torch.from_numpy(waveform)[None])
    assert found.shape == expected.shape == (1, 1, 1001, 64)
    assert (found - expected).abs().max() < 0.02, "decibels"


def test_frames_are_the_last_hidden_state_averaged_over_frequency(saved):
    folder, original = saved
    frames = Clap(str(folder), frame_rate=3.2)(WINDOWS)
    with torch.no_grad():
        output = original.audio_model(clap.log_mel(torch.from_numpy(WINDOWS)))
    assert output.last_hidden_state.shape == (2, toy_clap.WIDTH, 2, 32)
    expected = output.last_hidden_state.mean(dim=2).transpose(1, 2)[:, None]
    assert frames.shape == (2, 1, 32, toy_clap.WIDTH)
    assert np.allclose(frames, expected.numpy(), atol=1e-4)
    pooled = output.pooler_output.numpy()
    assert np.allclose(frames.mean(axis=(1, 2)), pooled, atol=1e-4), "what the tagger's vector is made of"


@pytest.mark.parametrize("second", [0.5, 3.5, 6.5, 9.5])
def test_frames_follow_time_and_not_frequency(saved, second):
    encoder = Clap(str(saved[0]), frame_rate=1.0)
    quiet = 1e-3 * WINDOWS[:1]
    loud = quiet.copy()
    place = slice(int((second - 0.4) * 48_000), int((second + 0.4) * 48_000))
    loud[:, place] = WINDOWS[:1, place]
    change = np.abs(encoder(loud) - encoder(quiet)).mean(axis=(0, 1, 3))
    assert change.argmax() == int(second)


def test_rows_do_not_see_their_neighbours_and_nothing_is_drawn_at_random(saved):
    encoder = Clap(str(saved[0]))
    assert not encoder.model.training
    assert np.allclose(encoder(WINDOWS)[1:], encoder(WINDOWS[1:]), atol=1e-4)
    assert np.array_equal(encoder(WINDOWS), encoder(WINDOWS))


def test_bfloat16_stays_close(saved):
    exact, rounded = Clap(str(saved[0]))(WINDOWS), Clap(str(saved[0]), bf16=True)(WINDOWS)
    assert rounded.dtype == np.float32
    assert 0 < np.abs(exact - rounded).mean() < 0.02


def test_only_the_audio_tower_is_loaded_and_all_of_it(saved):
    folder, original = saved
    loaded = clap.load_clap(folder, with_text=False).state_dict()
    assert not any(key.startswith("text") for key in loaded)
    for name, value in original.state_dict().items():
        if name.startswith("audio"):
            assert torch.equal(loaded[name], value), name


@pytest.mark.parametrize("with_text", [False, True])
@pytest.mark.parametrize(
    ("lost", "refused"),
    [("audio_model.audio_encoder.norm.weight", True), ("text_model.embeddings.position_ids", False)],
)
def test_a_missing_tensor_is_never_left_random(copy, with_text, lost, refused):
    tensors = load_file(copy / clap.WEIGHTS)
    del tensors[lost]
    save_file(tensors, copy / clap.WEIGHTS, metadata={"format": "pt"})
    if not refused:
        assert clap.load_clap(copy, with_text=with_text) is not None
        return
    with pytest.raises(ModelError, match=r"another architecture: 1 keys differ, audio_model.*norm.weight"):
        clap.load_clap(copy, with_text=with_text)


def test_a_surplus_tensor_and_missing_weights_are_refused(copy):
    tensors = load_file(copy / clap.WEIGHTS)
    save_file(tensors | {"audio_model.extra": torch.ones(1)}, copy / clap.WEIGHTS, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"1 keys differ, audio_model\.extra"):
        clap.load_clap(copy, with_text=False)
    (copy / clap.WEIGHTS).unlink()
    torch.save(tensors, copy / "pytorch_model.bin")
    with pytest.raises(ModelError, match="cannot be loaded"):
        clap.load_clap(copy, with_text=False)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("config.json", {"model_type": "hubert"}, "holds no CLAP"),
        ("config.json", {"audio_config": {"hidden_size": 64, "enable_fusion": True}}, "mixes random crops"),
        ("preprocessor_config.json", {"frequency_min": 0}, r"frequency_min=0, here it is 50\.0"),
        ("preprocessor_config.json", {"truncation": "fusion"}, "truncation='fusion'"),
    ],
)
def test_a_release_that_hears_otherwise_is_refused(copy, name, changes, message):
    _rewrite(copy, name, **changes)
    with pytest.raises(ModelError, match=message):
        Clap(str(copy))


def test_a_folder_without_a_clap_says_what_to_name(tmp_path):
    with pytest.raises(ModelError, match="name clap or a folder in the released layout"):
        Clap(str(tmp_path))


def test_the_preset_knows_its_shape_and_digest_without_weights():
    encoder = build_encoder("clap", offline=True)
    assert (encoder.layers, encoder.width, encoder.commercial) == (1, 768, True)
    assert len(encoder.digest) == 64 and len(clap.PRESETS["clap"].revision) == 40
    with pytest.raises(ModelError, match=r"are not in the local cache .* offline was chosen"):
        encoder(WINDOWS)


def test_the_digest_follows_weights_and_settings(saved, tmp_path):
    folder = str(saved[0])
    digests = [Clap(folder).digest, Clap(folder, frame_rate=1.0).digest, Clap(folder, bf16=True).digest]
    toy_clap.save_clap(tmp_path, seed=1)
    assert len({*digests, Clap(str(tmp_path)).digest}) == 4
    assert Clap(folder).digest == digests[0]


@pytest.mark.parametrize("arguments", [{"layers": (1,)}, {"frame_rate": 4.0}, {"frame_rate": 1.23}])
def test_what_it_cannot_do_is_refused(arguments):
    with pytest.raises(ConfigError, match=r"^clap "):
        Clap("clap", **arguments)


@pytest.mark.slow
def test_the_full_architecture_loads_all_of_its_tensors(tmp_path):
    original = toy_clap.save_clap(tmp_path, full_size=True)
    size = (tmp_path / clap.WEIGHTS).stat().st_size
    assert 614e6 < size < 615e6, "the release has 614.5 MB"
    tower = {key: value for key, value in original.state_dict().items() if key.startswith("audio")}
    encoder = Clap(str(tmp_path))
    for name, value in tower.items():
        assert torch.equal(encoder.model.state_dict()[name], value), name
    frames = encoder(WINDOWS[:1])
    assert frames.shape == (1, 1, 20, 768)
    assert np.isfinite(frames).all()
