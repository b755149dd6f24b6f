"""Every audio encoder of the registry keeps the contract."""

import inspect
import re
from functools import partial

import numpy as np
import pytest
import torch

from covergen.embeddings.clap import Clap
from covergen.embeddings.mert import Mert
from covergen.embeddings.musicgen import MusicGen
from covergen.embeddings.protocol import frames_per_window
from covergen.embeddings.registry import AUDIO_ENCODERS, MODEL_TYPES, build_encoder
from covergen.errors import ConfigError, ModelError
from tests import toy_clap, toy_encoders, toys

# What saves a small random model of a class whose released weights are not here.
STAND_INS = {Mert: toys.save_mert, MusicGen: toy_encoders.save_musicgen, Clap: toy_clap.save_clap}


def class_of(factory) -> type:
    return factory.func if isinstance(factory, partial) else factory


# One name of each class: presets of one class differ in weights alone.
ONE_OF_EACH = list({class_of(factory): name for name, factory in AUDIO_ENCODERS.items()}.values())


@pytest.mark.parametrize("name", AUDIO_ENCODERS)
def test_facts_are_known_before_any_weight_is_read(name):
    encoder = build_encoder(name, offline=True, allow_noncommercial=True)
    assert encoder.name == name
    assert isinstance(encoder.sample_rate, int) and 8_000 <= encoder.sample_rate <= 192_000, "in Hz"
    assert frames_per_window(encoder) == encoder.frame_rate * encoder.segment_seconds >= 1
    assert min(encoder.layers, encoder.width) >= 1
    assert re.fullmatch("[0-9a-f]{64}", encoder.digest), "a SHA-256"
    assert encoder.licence
    assert not (encoder.commercial and "-NC-" in encoder.licence)
    assert inspect.getdoc(type(encoder))


@pytest.fixture(scope="module", params=ONE_OF_EACH)
def chosen(request, tmp_path_factory) -> str:
    """What can be run of every class in the registry: the name itself, or a folder with a stand-in."""
    save = STAND_INS.get(class_of(AUDIO_ENCODERS[request.param]))
    if save is None:
        return request.param
    folder = tmp_path_factory.mktemp(request.param)
    save(folder)
    return str(folder)


def _build(chosen: str, **options):
    try:
        return build_encoder(chosen, allow_noncommercial=True, **options)
    except ModelError as error:
        pytest.fail(f"{chosen} cannot be run here ({error}); add what saves a small one to STAND_INS")


def _windows(encoder, count: int) -> np.ndarray:
    samples = round(encoder.segment_seconds * encoder.sample_rate)
    return np.random.default_rng(0).normal(0, 0.1, (count, samples)).astype(np.float32)


def test_every_type_of_model_has_a_stand_in():
    assert set(MODEL_TYPES.values()) <= set(STAND_INS)


def test_row_i_belongs_to_window_i_whatever_else_is_there(chosen):
    encoder = _build(chosen)
    windows = _windows(encoder, 3)
    frames = encoder(windows)
    promised = (3, encoder.layers, frames_per_window(encoder), encoder.width)
    assert frames.shape == promised, "frames are (windows, layers, frames, width)"
    assert frames.dtype == np.float32 and np.isfinite(frames).all()
    assert not np.allclose(frames[0], frames[1]), "two sounds are heard alike"
    atol = 1e-4 * max(1.0, float(np.abs(frames).max()))
    assert np.allclose(encoder(windows[::-1])[::-1], frames, atol=atol), "a row depends on its place"
    assert np.allclose(encoder(windows[2:]), frames[2:], atol=atol), "a row depends on its batch"


def test_windows_that_are_on_the_device_already_are_heard_alike(chosen):
    encoder = _build(chosen)
    windows = _windows(encoder, 2)
    assert np.array_equal(encoder(torch.from_numpy(windows)), encoder(windows))


def test_whatever_changes_a_frame_changes_the_digest(chosen):
    plain = _build(chosen)
    windows = _windows(plain, 1)
    frames, digests = plain(windows), {plain.digest}
    for choice in ({"frame_rate": 1.0}, {"bf16": True}, {"layers": (plain.layers - 1,)}, {"layers": (1,)}):
        try:
            other = _build(chosen, **choice)
        except ConfigError:
            continue  # it may not offer this choice, as long as it says so
        if not np.array_equal(other(windows), frames):
            assert other.digest not in digests, choice
    assert _build(chosen, offline=True).digest == plain.digest, "where weights come from is no matter"


def test_what_cannot_be_kept_is_refused_by_name(chosen):
    for wrong in ({"layers": (99,)}, {"frame_rate": 1 / 7}, {"frame_rate": 1e6}):
        with pytest.raises(ConfigError) as refusal:
            build_encoder(chosen, allow_noncommercial=True, **wrong)
        assert str(refusal.value).startswith(chosen)


@pytest.mark.parametrize("name", AUDIO_ENCODERS)
def test_a_licence_without_commercial_use_asks_for_consent(name):
    allowed = build_encoder(name, offline=True, allow_noncommercial=True)
    if allowed.commercial:
        assert build_encoder(name, offline=True).licence == allowed.licence
        return
    with pytest.raises(ConfigError, match=rf"{name} are .*allow_noncommercial=true") as refusal:
        build_encoder(name)
    assert allowed.licence in str(refusal.value)
    free = [n for n in AUDIO_ENCODERS if build_encoder(n, offline=True, allow_noncommercial=True).commercial]
    assert str(refusal.value).endswith(f"or choose {' or '.join(free)}")


def test_consent_is_asked_for_a_folder_too(chosen):
    if build_encoder(chosen, allow_noncommercial=True).commercial:
        assert build_encoder(chosen).commercial
        return
    with pytest.raises(ConfigError, match="allow_noncommercial=true"):
        build_encoder(chosen)


def test_an_unknown_name_is_answered_with_the_known_ones(tmp_path):
    with pytest.raises(ConfigError, match="'logmell' is unknown; choose one of") as refusal:
        build_encoder("logmell")
    assert all(name in str(refusal.value) for name in AUDIO_ENCODERS)
    with pytest.raises(ConfigError, match="is unknown"):
        build_encoder(str(tmp_path))


@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_a_folder_is_heard_with_what_its_configuration_names(model_type, tmp_path):
    STAND_INS[MODEL_TYPES[model_type]](tmp_path)
    encoder = build_encoder(str(tmp_path), allow_noncommercial=True)
    assert isinstance(encoder, MODEL_TYPES[model_type])
    assert encoder.name == str(tmp_path)


def test_a_folder_with_another_model_is_refused(tmp_path):
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be read; name one of"):
        build_encoder(str(tmp_path), allow_noncommercial=True)
    for content, kind in (("{}", "None"), ('{"model_type": "whisper"}', "'whisper'")):
        (tmp_path / "config.json").write_text(content)
        with pytest.raises(ConfigError, match=f"type {kind}.*model_type {' or '.join(MODEL_TYPES)}"):
            build_encoder(str(tmp_path), allow_noncommercial=True)
