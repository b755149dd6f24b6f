"""Resampling on the device: heard as on the CPU, whatever rates and lengths meet in a batch."""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from covergen.embeddings import resample
from covergen.embeddings.audio_stage import CutWindows, HearTracks
from covergen.embeddings.resample import Resampler, is_fit, resampled_size
from covergen.errors import ConfigError
from covergen.media import audio
from covergen.procedural.factors import draw_album
from covergen.procedural.music import synthesise
from tests import toys
from tests.files import songs, wav

WANTED = 24_000
RATES = (8_000, 22_050, 44_100, 48_000, 96_000)


@pytest.fixture
def torchaudio():
    """The test is skipped where torchaudio is not there, or not beside this build of torch."""
    try:
        resample.check()
    except ConfigError as reason:
        pytest.skip(str(reason))


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request, torchaudio) -> str:
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    return request.param


@pytest.fixture(params=["logmel", "mert"])
def encoder(request, tmp_path) -> str:
    if request.param == "mert":
        toys.save_mert(tmp_path)
    return str(tmp_path) if request.param == "mert" else request.param


def music(rate: int, seconds: float = 10, album: int = 1) -> bytes:
    return wav(synthesise(draw_album(album, "eval"), seconds, rate), rate)


def both_ways(encoder: str, device: str, *contents: bytes) -> tuple[pa.Table, pa.Table]:
    """Outcomes of songs resampled on the CPU and on the device, heard on the device."""
    options = {"seconds": 10, "allow_noncommercial": True, "device": device}
    ways = (HearTracks(encoder, resample_on_device=on_device, **options) for on_device in (False, True))
    on_cpu, on_device = (way(songs(*contents)) for way in ways)
    return on_cpu, on_device


def frames(heard: pa.Table) -> np.ndarray:
    """Frames (rows, numbers) of the rows that were not refused."""
    kept = heard["frames"].drop_null().to_pylist()
    return np.stack([np.frombuffer(value, "<f2") for value in kept]).astype(float)


def cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return (first * second).sum(axis=1) / norms


def test_frames_are_those_of_the_cpu_at_every_rate(encoder, device):
    """Stored frames differ by what their 16 bits round; one below 4 in size is rounded by 1e-3."""
    on_cpu, on_device = both_ways(encoder, device, *map(music, RATES))
    assert (1 - cosines(frames(on_cpu), frames(on_device))).max() < 1e-6
    assert np.abs(frames(on_cpu) - frames(on_device)).max() < 4e-3
    assert on_device["seconds"].to_pylist() == [10.0] * len(RATES)


@pytest.mark.parametrize("seconds", [12, 30])
def test_frames_of_excerpts_are_those_of_the_cpu_too(encoder, device, seconds):
    """Excerpts begin at whole samples of either rate, and their margins hide where they were cut."""
    on_cpu, on_device = both_ways(encoder, device, *(music(rate, seconds) for rate in RATES))
    assert (1 - cosines(frames(on_cpu), frames(on_device))).max() < 1e-6
    assert np.abs(frames(on_cpu) - frames(on_device)).max() < 4e-3


def test_short_refused_and_mixed_songs_keep_their_places(encoder, device):
    contents = (
        music(44_100, 7, album=2),
        b"not audio",
        music(48_000, album=3),
        music(44_100, 4.99),
        music(44_056, album=4),
        music(44_100, 7, album=5),
        music(44_100, 5, album=6),
    )
    on_cpu, on_device = both_ways(encoder, device, *contents)
    for name in ("track_id", "input_digest", "reject_code", "reject_retriable"):
        assert on_cpu[name].to_pylist() == on_device[name].to_pylist(), name
    assert on_cpu["reject_reason"].to_pylist() == on_device["reject_reason"].to_pylist()
    assert on_device["reject_code"].to_pylist() == [
        None, "unsupported_format", None, "too_short", None, None, None,
    ]  # fmt: skip
    heard = frames(on_device)
    assert np.abs(frames(on_cpu) - heard).max() < 8e-3
    similar = np.corrcoef(frames(on_cpu), heard)[: len(heard), len(heard) :]
    assert (similar.argmax(axis=0) == np.arange(len(heard))).all()


@pytest.mark.parametrize("rate", RATES)
def test_samples_are_those_of_the_cpu(rate, device):
    """The music's level is 0.1; with torchaudio's own filter the average difference would be 1e-3."""
    song = music(rate)
    clip = audio.decode(song, None).waveform
    (resampled,) = Resampler(WANTED, device)([clip], [rate])
    difference = resampled.cpu().numpy() - audio.decode(song, WANTED).waveform
    assert resampled.device.type == device
    assert np.abs(difference).max() < 4e-4
    assert np.sqrt(np.mean(np.square(difference))) < 3e-5


def test_clips_of_one_rate_and_length_do_not_hear_each_other(torchaudio):
    clips = [audio.decode(music(44_100, 5, album=k), None).waveform for k in range(3)]
    clips.insert(1, clips[0][:-7])
    together = Resampler(WANTED, "cpu")(clips, [44_100] * 4)
    for clip, resampled in zip(clips, together, strict=True):
        (alone,) = Resampler(WANTED, "cpu")([clip], [44_100])
        assert len(alone) == resampled_size(len(clip), 44_100, WANTED)
        assert torch.allclose(alone, resampled, atol=1e-6)


def cut(*contents: bytes | Path) -> pa.Table:
    return CutWindows(sample_rate=WANTED, segment_seconds=5.0, count=2, keep_rate=True)(songs(*contents))


def test_workers_only_decode():
    cuts = cut(music(44_100, 12), music(8_000, 7))
    assert cuts["windows"].null_count == 2
    assert cuts["sample_rate"].to_pylist() == [44_100, 8_000]
    assert cuts["pieces"].to_pylist() == [2, 1]
    assert [len(clip) // 4 for clip in cuts["clip"].to_pylist()] == [2 * 5.08 * 44_100, 56_000]


def test_a_rate_that_would_need_huge_filters_is_resampled_at_once():
    assert cut(music(44_056))["sample_rate"].to_pylist() == [WANTED]
    assert all(
        is_fit(rate, wanted) for rate in (*RATES, 11_025, 192_000) for wanted in (24_000, 32_000, 48_000)
    )
    assert not is_fit(44_056, WANTED)
    assert not is_fit(384_000, WANTED)


def test_clips_that_have_the_encoders_rate_need_no_torchaudio():
    contents = [music(WANTED, 12, album=1), b"", music(WANTED, 7, album=2), music(WANTED, 3)]
    stage = HearTracks("logmel", seconds=10)
    assert stage.hear()(cut(*contents)).equals(stage(songs(*contents)))


def test_the_recipe_names_the_resampler_only_where_it_is_the_device(monkeypatch):
    monkeypatch.setattr(resample, "check", lambda: None)
    asked, plain = (HearTracks("logmel", resample_on_device=on).recipe() for on in (True, False))
    assert asked == plain | {"resampler": "torchaudio:1"}


def test_a_missing_torchaudio_is_told_before_any_work(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchaudio", None)
    with pytest.raises(ConfigError, match=r"not installed: pip install .*\[gpu\].* or take resample=cpu"):
        HearTracks("logmel", resample_on_device=True)


def test_a_torchaudio_for_another_torch_is_told_with_its_reason(monkeypatch, tmp_path):
    (tmp_path / "torchaudio.py").write_text("raise OSError('libc10_cuda.so: cannot open shared object file')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torchaudio", raising=False)
    with pytest.raises(ConfigError, match=r"does not load beside torch 2.*libc10_cuda\.so.*the CUDA build"):
        resample.check()
