"""Excerpts lie evenly over a song, are not silent where another place sounds, and are always the same."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covergen.errors import BadInput, RejectCode
from covergen.media import audio
from covergen.media.excerpts import excerpts, spread
from tests.audio_files import ENCODERS, encoded
from tests.files import wav

RATE = 8_000
SILENT = 0.0


def staircase(*pitches: float, each: float = 1.0, rate: int = RATE) -> np.ndarray:
    """A song whose second tells its place: pitches in Hz in turn, a pitch of 0 for silence."""
    time = np.arange(round(each * rate)) / rate
    return np.concatenate([0.3 * np.sin(2 * np.pi * pitch * time) for pitch in pitches]).astype(np.float32)


def pitches_of(piece: np.ndarray, rate: int) -> list[int]:
    """The pitch of each tenth of a second, in Hz; 0 where it is silent."""
    parts = piece[: piece.size // (rate // 10) * (rate // 10)].reshape(-1, rate // 10)
    spectrum = np.abs(np.fft.rfft(parts, axis=1))
    return [
        0 if not part.any() else int(10 * bins.argmax()) for part, bins in zip(parts, spectrum, strict=True)
    ]


@given(count=st.integers(1, 8), size=st.integers(1, 50), length=st.integers(1, 2000))
def test_places_are_even_ordered_and_within_the_song(count, size, length):
    starts = spread(length, count, size)
    if length >= size:
        assert starts[0] >= -1e-9 and starts[-1] + size <= length + 1e-9
    steps = np.diff(starts)
    assert np.allclose(steps, steps[:1])
    if length >= count * size:
        assert (steps >= size - 1e-9).all(), "none overlaps another"
        assert starts[0] == pytest.approx(length - size - starts[-1]), "as far from the end as from the start"


def test_windows_that_fill_a_song_lie_side_by_side():
    assert spread(10.0, 2, 5.0) == [0.0, 5.0]
    assert spread(240.0, 2, 5.0) == [57.5, 177.5]
    assert spread(7.0, 3, 5.0) == [0.0, 1.0, 2.0]


def test_a_song_no_longer_than_what_is_heard_comes_whole():
    song = staircase(*range(100, 600, 100))
    heard = excerpts(wav(song, RATE), RATE, count=5, seconds=1.0)
    assert len(heard.pieces) == 1 and heard.seconds == 5.0
    assert np.array_equal(heard.pieces[0], audio.decode(wav(song, RATE), RATE, seconds=5.0).waveform)


@pytest.mark.parametrize("kind", ENCODERS)
@pytest.mark.parametrize("rate", [RATE, None])
def test_every_container_is_sought_in_its_middle_shares(kind, rate):
    song = staircase(*range(200, 1300, 100), each=2.0, rate=48_000)  # 22 s
    data = encoded(kind, song[None])
    heard = excerpts(data, rate, count=2, seconds=0.5)
    assert {piece.size for piece in heard.pieces} == {heard.sample_rate // 2}
    found = [pitches_of(piece, heard.sample_rate) for piece in heard.pieces]
    assert found == [[400] * 5, [1000] * 5], "at 5.5 s and 16.5 s"
    again = excerpts(data, rate, count=2, seconds=0.5)
    assert all(np.array_equal(one, other) for one, other in zip(heard.pieces, again.pieces, strict=True))


def test_a_song_that_tells_no_length_is_spread_too():
    song = staircase(*range(200, 1300, 100), each=2.0, rate=48_000)
    data = encoded("mp3", song[None])
    lengthless = data[data.index(b"\xff\xfb", data.index(b"Info" if b"Info" in data else b"Xing")) :]
    assert audio.probe(lengthless).container_seconds is None
    heard = excerpts(lengthless, RATE, count=2, seconds=1.0)
    assert [pitches_of(piece, RATE)[5] for piece in heard.pieces] == [400, 1000]


def test_a_silent_place_is_passed_over_for_the_nearest_that_sounds():
    song = staircase(*[300] * 8, *[SILENT] * 30, 700, 700)  # a hidden track after a long silence
    heard = excerpts(wav(song, RATE), RATE, count=2, seconds=1.0)
    assert [pitches_of(piece, RATE)[5] for piece in heard.pieces] == [300, 700]


def test_one_place_that_sounds_is_heard_again_for_those_that_do_not():
    song = staircase(*[SILENT] * 20, *[500] * 3, *[SILENT] * 17)
    heard = excerpts(wav(song, RATE), RATE, count=2, seconds=1.0)
    assert {pitches_of(piece, RATE)[5] for piece in heard.pieces} == {500}


def test_silence_at_the_ends_of_a_short_song_is_left_out():
    song = staircase(SILENT, 300, 400, SILENT)
    heard = excerpts(wav(song, RATE), RATE, count=2, seconds=1.0)
    assert pitches_of(np.concatenate(heard.pieces), RATE) == [300] * 10 + [400] * 10


def test_silence_alone_is_refused():
    for seconds in (3, 30):
        with pytest.raises(BadInput) as refusal:
            excerpts(wav(np.zeros(seconds * RATE, np.float32), RATE), RATE, count=2, seconds=1.0)
        assert refusal.value.code is RejectCode.SILENT


def test_what_ends_before_an_excerpt_is_heard_around_its_middle():
    noise = np.random.default_rng(0).normal(0, 0.2, (1, 20 * 48_000))
    data = encoded("flac", noise)
    cut_off = data[: len(data) * 7 // 10]
    heard = excerpts(cut_off, RATE, count=2, seconds=1.0)
    middle = audio.decode(cut_off, RATE, seconds=2.0)
    assert len(heard.pieces) == 1 and np.array_equal(heard.pieces[0], middle.waveform)
