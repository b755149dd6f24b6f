"""Every audio encoder keeps the contract."""

import inspect

import numpy as np
import pytest
import torch

from covergen.embeddings.protocol import frames_per_window
from covergen.embeddings.registry import AUDIO_ENCODERS, MODEL_TYPES, build_encoder
from covergen.errors import ConfigError, ModelError
from tests import toy_clap, toy_encoders, toys

SAVED = {
    "mert_model": toys.save_mert,
    "musicgen": toy_encoders.save_musicgen,
    "clap": toy_clap.save_clap,
}


@pytest.mark.parametrize("name", AUDIO_ENCODERS)
def test_facts_are_known_before_any_weight_is_read(name):
    encoder = build_encoder(name, offline=True, allow_noncommercial=True)
    assert encoder.name == name
    assert encoder.sample_rate in {24_000, 32_000, 48_000}
    assert frames_per_window(encoder) == encoder.frame_rate * encoder.segment_seconds >= 1
    assert min(encoder.layers, encoder.width) >= 1
    assert len(encoder.digest) == 64
    assert encoder.licence
    assert encoder.commercial == ("-NC-" not in encoder.licence)
    assert inspect.getdoc(type(encoder))


@pytest.fixture(scope="module", params=["logmel", *SAVED])
def chosen(request, tmp_path_factory) -> str:
    """A name for every kind of encoder: logmel itself, a folder for each type of model."""
    if request.param == "logmel":
        return request.param
    folder = tmp_path_factory.mktemp(request.param)
    SAVED[request.param](folder)
    return str(folder)


def _windows(encoder, count: int) -> np.ndarray:
    samples = round(encoder.segment_seconds * encoder.sample_rate)
    return np.random.default_rng(0).normal(0, 0.1, (count, samples)).astype(np.float32)


def test_every_type_of_model_is_held_to_the_contract():
    assert set(SAVED) == set(MODEL_TYPES)


def test_row_i_belongs_to_window_i_whatever_else_is_there(chosen):
    encoder = build_encoder(chosen, allow_noncommercial=True)
    windows = _windows(encoder, 3)
    frames = encoder(windows)
    assert frames.shape == (3, encoder.layers, frames_per_window(encoder), encoder.width)
    assert frames.dtype == np.float32 and np.isfinite(frames).all()
    assert np.abs(frames[0] - frames[1]).max() > 1e-3
    assert np.allclose(encoder(windows[::-1])[::-1], frames, atol=1e-4)
    assert np.allclose(encoder(windows[2:]), frames[2:], atol=1e-4)


def test_windows_that_are_on_the_device_already_are_heard_alike(chosen):
    encoder = build_encoder(chosen, allow_noncommercial=True)
    windows = _windows(encoder, 2)
    assert np.array_equal(encoder(torch.from_numpy(windows)), encoder(windows))


def test_the_digest_follows_layers_and_frame_rate(chosen):
    choices = [{}, {"frame_rate": 1.0}]
    choices += [] if chosen == "logmel" else [{"bf16": True}]
    choices += [{"layers": (1,)}] if build_encoder(chosen, allow_noncommercial=True).layers > 1 else []
    digests = [build_encoder(chosen, allow_noncommercial=True, **choice).digest for choice in choices]
    assert len(set(digests)) == len(choices)
    assert build_encoder(chosen, allow_noncommercial=True, offline=True).digest == digests[0]


def test_what_cannot_be_kept_is_refused_by_name(chosen):
    for wrong in ({"layers": (99,)}, {"frame_rate": 3.3}, {"frame_rate": 1000.0}):
        with pytest.raises(ConfigError, match=r"cannot (be kept|give)") as refusal:
            build_encoder(chosen, allow_noncommercial=True, **wrong)
        assert str(refusal.value).startswith(chosen)


@pytest.mark.parametrize("name", AUDIO_ENCODERS)
def test_a_licence_without_commercial_use_asks_for_consent(name):
    allowed = build_encoder(name, offline=True, allow_noncommercial=True)
    if allowed.commercial:
        assert build_encoder(name, offline=True).licence == allowed.licence
        return
    with pytest.raises(
        ConfigError, match=rf"{name} are CC-BY-NC-4.0.*allow_noncommercial=true.*choose clap or logmel"
    ):
        build_encoder(name)


def test_consent_is_asked_for_a_folder_too(chosen):
    if build_encoder(chosen, allow_noncommercial=True).commercial:
        assert build_encoder(chosen).commercial
        return
    with pytest.raises(ConfigError, match="allow_noncommercial=true"):
        build_encoder(chosen)


def test_an_unknown_name_is_answered_with_the_known_ones(tmp_path):
    with pytest.raises(ConfigError, match="'logmell' is unknown; choose one of logmel, mert-v1-95m"):
        build_encoder("logmell")
    with pytest.raises(ConfigError, match="is unknown"):
        build_encoder(str(tmp_path))


@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_a_folder_is_heard_with_what_its_configuration_names(model_type, tmp_path):
    SAVED[model_type](tmp_path)
    encoder = build_encoder(str(tmp_path), allow_noncommercial=True)
    assert isinstance(encoder, MODEL_TYPES[model_type])
    assert encoder.name == str(tmp_path)


def test_a_folder_with_another_model_is_refused(tmp_path):
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be read; name one of logmel"):
        build_encoder(str(tmp_path), allow_noncommercial=True)
    for content, kind in (("{}", "None"), ('{"model_type": "whisper"}', "'whisper'")):
        (tmp_path / "config.json").write_text(content)
        with pytest.raises(ConfigError, match=f"type {kind}.*model_type mert_model or musicgen"):
            build_encoder(str(tmp_path), allow_noncommercial=True)
