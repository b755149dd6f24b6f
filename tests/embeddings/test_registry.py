"""Every audio encoder keeps the contract."""

import inspect

import numpy as np
import pytest

from covergen.embeddings.mert import Mert
from covergen.embeddings.protocol import frames_per_window
from covergen.embeddings.registry import AUDIO_ENCODERS, build_encoder
from covergen.errors import ConfigError, ModelError
from tests import toys


@pytest.mark.parametrize("name", AUDIO_ENCODERS)
def test_facts_are_known_before_any_weight_is_read(name):
    encoder = build_encoder(name, offline=True, allow_noncommercial=True)
    assert encoder.name == name
    assert encoder.sample_rate in {24_000, 32_000, 48_000}
    assert frames_per_window(encoder) == encoder.frame_rate * encoder.segment_seconds >= 1
    assert min(encoder.layers, encoder.width) >= 1
    assert len(encoder.digest) == 64
    assert encoder.licence
    assert inspect.getdoc(type(encoder))


@pytest.mark.parametrize("name", ["logmel", "mert"])
def test_answers_have_the_promised_shape(name, tmp_path):
    if name == "mert":
        toys.save_mert(tmp_path)
    chosen = str(tmp_path) if name == "mert" else name
    encoder = build_encoder(chosen, allow_noncommercial=True)
    samples = round(encoder.segment_seconds * encoder.sample_rate)
    windows = np.random.default_rng(0).normal(0, 0.1, (2, samples)).astype(np.float32)
    frames = encoder(windows)
    assert frames.shape == (2, encoder.layers, frames_per_window(encoder), encoder.width)
    assert np.allclose(encoder(windows[::-1])[::-1], frames, atol=1e-4)


def test_a_licence_without_commercial_use_asks_for_consent():
    with pytest.raises(ConfigError, match=r"CC-BY-NC-4.0.*allow_noncommercial=true.*choose clap or logmel"):
        build_encoder("mert-v1-95m")
    assert build_encoder("logmel").commercial


def test_an_unknown_name_is_answered_with_the_known_ones(tmp_path):
    with pytest.raises(ConfigError, match="'logmell' is unknown; choose one of logmel, mert-v1-95m"):
        build_encoder("logmell")
    with pytest.raises(ConfigError, match="is unknown"):
        build_encoder(str(tmp_path))


def test_a_folder_with_a_mert_serves_as_a_name(tmp_path):
    toys.save_mert(tmp_path)
    assert isinstance(build_encoder(str(tmp_path), allow_noncommercial=True), Mert)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        build_encoder(str(tmp_path), allow_noncommercial=True)
