import errno
import io
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from covergen.errors import BadInput, RejectCode
from covergen.media import audio
from tests.audio_files import ENCODERS, encoded, id3, tone, video, wav_header
from tests.files import wav
from tests.lying_files import ogg_pages, sealed

RATE = 24_000


def code_of(source: bytes | Path, **limits) -> RejectCode:
    """The code that both ways of decoding refuse with."""
    with pytest.raises(BadInput) as measured:
        audio.measure(source, audio.AudioLimits(**limits))
    with pytest.raises(BadInput) as decoded:
        audio.decode(source, RATE, limits=audio.AudioLimits(**limits))
    assert measured.value.code is decoded.value.code
    return decoded.value.code


@pytest.mark.parametrize("kind", ENCODERS)
def test_every_format_keeps_pitch_level_and_length(kind):
    clip = audio.decode(encoded(kind, np.stack([tone(), tone()])), RATE)
    assert clip.waveform.dtype == np.float32
    assert clip.seconds == pytest.approx(4.0, abs=0.1)
    spectrum = np.abs(np.fft.rfft(clip.waveform))
    assert np.fft.rfftfreq(clip.waveform.size, 1 / RATE)[spectrum.argmax()] == pytest.approx(440, abs=1)
    assert np.sqrt(np.mean(clip.waveform**2)) == pytest.approx(
        np.sqrt(np.mean(tone() ** 2)), rel=0.06
    )  # LAME itself takes 5% off


@pytest.mark.parametrize("kind", ENCODERS)
def test_measure_agrees_with_the_container(kind):
    seconds, facts = audio.measure(encoded(kind, tone()[None]))
    assert seconds == pytest.approx(4.0, abs=0.1)
    assert facts.container_seconds == pytest.approx(seconds, abs=0.1)
    assert facts.mime.startswith("audio/")


def test_channels_are_averaged():
    clip = audio.decode(encoded("flac", np.stack([tone(), 0 * tone()])), 48_000)
    assert np.abs(clip.waveform - tone() / 2).max() < 1e-3


@pytest.mark.parametrize("count", [3, 8, 9, 16])
def test_surround_sound_is_averaged_too(count):
    channels = np.stack([tone(2.0, RATE, 200 + 50 * channel) for channel in range(count)])
    data = wav_header(count, RATE, data=(channels.T * 32767).astype("<i2").tobytes())
    assert np.abs(audio.decode(data, RATE).waveform - channels.mean(axis=0)).max() < 1e-3


@pytest.mark.parametrize("kind", ENCODERS)
def test_cut_is_centred_exact_and_repeatable(kind):
    data = encoded(kind, tone()[None])
    cut = audio.decode(data, RATE, seconds=1.0)
    assert cut.waveform.size == RATE
    assert np.array_equal(cut.waveform, audio.decode(data, RATE, seconds=1.0).waveform)
    whole = audio.decode(data, RATE).waveform
    start = round((cut.container_seconds - 1) / 2 * RATE)
    same = whole[start : start + RATE]
    assert np.corrcoef(cut.waveform, same)[0, 1] > 0.99  # shifted by a quarter period it would be 0
    own = audio.decode(data, None, seconds=1.0)
    assert own.sample_rate == own.waveform.size == audio.probe(data).sample_rate


def test_cut_of_a_shorter_song_is_all_of_it():
    assert audio.decode(encoded("flac", tone(2.0)[None]), RATE, seconds=25).seconds == pytest.approx(
        2.0, abs=0.01
    )


def test_flac_and_wav_keep_the_absolute_level():
    quiet = (0.02 * np.sin(np.arange(2 * RATE) / 9)).astype(np.float32)
    for data in (audio.encode_flac(quiet, RATE), wav(quiet, RATE)):
        assert np.abs(audio.decode(data, RATE).waveform - quiet).max() <= 0.5 / 32768 + 1e-7
    assert audio.encode_flac(quiet, RATE) == audio.encode_flac(quiet, RATE)


def test_too_loud_is_clipped_not_wrapped():
    loud = 1.5 * np.sign(np.sin(np.arange(2 * RATE) / 9)).astype(np.float32)
    waveform = audio.decode(wav(loud, RATE), RATE).waveform
    assert (np.sign(waveform) == np.sign(loud)).all() and np.abs(waveform[loud != 0]).min() > 0.99


@pytest.mark.parametrize("kind", sorted(ENCODERS.keys() - {"m4a", "mp4", "m4r", "wv"}))
def test_cut_off_files_are_shortened(kind):
    data = encoded(kind, tone(8.0)[None])
    assert code_of(data[: len(data) * 7 // 10]) is RejectCode.SHORTENED


@pytest.mark.parametrize("kind", ["ogg", "opus"])
def test_ogg_cut_off_within_its_last_page_is_shortened(kind):
    assert code_of(encoded(kind, tone(8.0)[None])[:-10]) is RejectCode.SHORTENED


@pytest.mark.parametrize("kind", ["m4a", "wv"])
def test_cut_off_m4a_has_lost_its_index(kind):
    data = encoded(kind, tone(8.0)[None])
    assert code_of(data[: len(data) // 2]) is RejectCode.UNREADABLE


@pytest.mark.parametrize("kind", ["mp3", "opus", "m4a", "flac"])
def test_a_hole_in_the_middle_is_shortened(kind):
    noise = np.random.default_rng(0).normal(0, 0.2, 8 * 48_000)
    data = bytearray(encoded(kind, noise[None]))
    data[len(data) * 3 // 10 : len(data) * 6 // 10] = bytes(len(data) * 6 // 10 - len(data) * 3 // 10)
    assert code_of(bytes(data)) is RejectCode.SHORTENED


def test_a_cut_before_the_damage_is_still_good():
    data = encoded("flac", np.random.default_rng(0).normal(0, 0.2, (1, 10 * 48_000)))
    assert audio.decode(data[: len(data) * 8 // 10], RATE, seconds=2.0).seconds == 2.0


def test_flac_with_a_body_of_garbage_gives_no_frame():
    data = encoded("flac", tone()[None])
    garbage = np.random.default_rng(0).integers(0, 256, len(data), dtype=np.uint8).tobytes()
    assert code_of(data[:200] + garbage) is RejectCode.UNREADABLE


def test_silence_is_refused():
    assert code_of(encoded("flac", np.zeros((2, 96_000)))) is RejectCode.SILENT
    assert code_of(encoded("mp3", np.zeros((2, 96_000)))) is RejectCode.SILENT


def test_quiet_music_is_not_silence():
    assert audio.decode(encoded("flac", 0.01 * tone()[None]), RATE).seconds == pytest.approx(4.0, abs=0.01)


def unmarked(data: bytes) -> bytes:
    """An Ogg file whose last page does not say that it is the last, as recorders leave it."""
    pages = [place for place in range(len(data)) if data[place : place + 4] == b"OggS"]
    page = bytearray(data[pages[-1] :])
    page[5] &= ~0x04
    page[22:26] = bytes(4)
    page[22:26] = ogg_checksum(page).to_bytes(4, "little")
    return data[: pages[-1]] + bytes(page)


def ogg_checksum(page: bytes) -> int:
    value = 0
    for byte in page:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ 0x04C11DB7) & 0xFFFFFFFF if value & 0x80000000 else value << 1
    return value


@pytest.mark.parametrize("kind", ["ogg", "opus"])
def test_ogg_is_whole_without_the_mark_of_its_end(kind):
    data = unmarked(encoded(kind, tone()[None]))
    assert audio.measure(data)[0] == pytest.approx(4.0, abs=0.1)
    assert audio.decode(data, RATE).seconds == pytest.approx(4.0, abs=0.1)
    assert code_of(data[:-10]) is RejectCode.SHORTENED


@pytest.mark.parametrize(("first", "second"), [(48_000, 44_100), (44_100, 48_000), (48_000, 48_000)])
def test_links_of_a_chain_are_heard_at_one_rate(first, second):
    low, high = tone(3.0, first, 300), tone(3.0, second, 900)
    data = encoded("ogg", low[None], first) + encoded("ogg", np.stack([high, high]), second)
    seconds, facts = audio.measure(data)
    assert seconds == pytest.approx(6.0, abs=0.1) == facts.container_seconds
    waveform = audio.decode(data, RATE).waveform
    for part, hertz in ((waveform[RATE : 2 * RATE], 300), (waveform[4 * RATE : 5 * RATE], 900)):
        assert np.abs(np.fft.rfft(part)).argmax() == pytest.approx(hertz, abs=1)
    assert audio.decode(data, RATE, seconds=2.0).waveform.size == 2 * RATE  # over the joint


@pytest.mark.parametrize("second", [44_100, 48_000])
def test_links_that_share_a_serial_number_are_links(second):
    chain = encoded("ogg", tone(3.0)[None]) + encoded("ogg", tone(3.0, second)[None], second)
    data = b"".join(sealed(page[:14] + b"same" + page[18:]) for page in ogg_pages(chain))
    seconds, facts = audio.measure(data)
    assert seconds == pytest.approx(6.0, abs=0.1) == facts.container_seconds


def test_joined_mp3s_of_two_rates_are_heard():
    data = encoded("mp3", tone()[None]) + encoded("mp3", tone(4.0, 44_100)[None], 44_100)
    seconds, facts = audio.measure(data)
    assert seconds == pytest.approx(8.0, abs=0.2) == facts.container_seconds


def test_what_ends_in_something_else_is_told_in_our_own_words():
    ogg = encoded("ogg", tone()[None])
    with pytest.raises(BadInput) as refusal:
        audio.measure(ogg[: len(ogg) // 2] + encoded("opus", tone()[None]))
    assert "patches" not in refusal.value.reason and "Invalid" not in refusal.value.reason


def test_a_header_that_overstates_a_whole_mp3_is_not_believed():
    whole = encoded("mp3", tone(8.0)[None])
    half = mp3_frames(whole, 0.5)
    assert audio.measure(half)[0] == pytest.approx(4.0, abs=0.1)
    assert audio.probe(half).container_seconds == pytest.approx(4.0, abs=0.1)
    assert audio.decode(half, RATE, seconds=2.0).waveform.size == 2 * RATE
    tagged = id3((b"TIT2", b"\0Hello")) + half + b"TAG" + bytes(125)
    assert audio.measure(tagged)[0] == pytest.approx(4.0, abs=0.1)
    assert code_of(half[:-7]) is RejectCode.SHORTENED  # within a frame: that was no editor


def mp3_frames(data: bytes, share: float) -> bytes:
    """The first share of an mp3's frames, and its header, which tells of them all."""
    starts, place = [], data.index(b"\xff\xfb")
    while place < len(data):
        starts.append(place)
        kbits = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)[data[place + 2] >> 4]
        place += 144_000 * kbits // 48_000 + (data[place + 2] >> 1 & 1)
    return data[: starts[int(len(starts) * share)]]


@pytest.mark.parametrize("kind", ["flac", "mp3"])
def test_a_silence_in_the_middle_moves_the_cut(kind):
    song = np.concatenate([0 * tone(5.0), tone(3.0), 0 * tone(20.0), 0.5 * tone(2.0)])
    data = encoded(kind, song[None])
    audio.measure(data)
    cut = audio.decode(data, RATE, seconds=4.0)
    assert cut.waveform.size == 4 * RATE
    assert np.abs(cut.waveform).max() > 0.4  # the loudest second lies in the first part
    assert np.array_equal(cut.waveform, audio.decode(data, RATE, seconds=4.0).waveform)


def test_a_little_sound_is_no_silence_however_long_the_rest():
    song = np.concatenate([0 * tone(40.0), 0.004 * tone(1.0), 0 * tone(40.0)])
    data = encoded("flac", song[None])  # of the whole, the mean power is below the limit
    assert audio.measure(data)[0] == pytest.approx(81.0, abs=0.1)
    assert np.abs(audio.decode(data, RATE, seconds=2.0).waveform).max() > 1e-4


@pytest.mark.parametrize("level", [0.5, -0.2])
def test_a_constant_is_silence(level):
    assert code_of(encoded("flac", np.full((1, 96_000), level))) is RejectCode.SILENT


def test_empty_missing_and_folder(tmp_path):
    (tmp_path / "empty.mp3").touch()
    assert code_of(b"") is RejectCode.EMPTY_FILE
    assert code_of(tmp_path / "empty.mp3") is RejectCode.EMPTY_FILE
    assert code_of(tmp_path / "none.mp3") is RejectCode.MISSING_FILE
    assert code_of(tmp_path) is RejectCode.UNREADABLE


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_disk_that_fails_is_unreadable(share, tmp_path):
    data = encoded("flac", np.random.default_rng(0).normal(0, 0.2, (1, 4 * RATE)), RATE)

    class FailingFile(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() >= share * len(data):
                raise OSError(errno.EIO, "Input/output error")
            return super().read(size)

    class FailingPath(type(tmp_path)):
        def open(self, *_: str) -> io.BytesIO:
            return FailingFile(data)

    assert code_of(FailingPath("song.flac")) is RejectCode.UNREADABLE


def test_a_name_of_broken_bytes_can_be_told():
    with pytest.raises(BadInput) as refused:
        audio.probe(Path(os.fsdecode(b"/nowhere/\xff.mp3")))
    assert refused.value.reason == "there is no file /nowhere/\ufffd.mp3"


def test_short_long_and_large_are_refused():
    data = encoded("flac", tone(4.0)[None])
    assert code_of(data, min_seconds=5.0) is RejectCode.TOO_SHORT
    assert code_of(data, max_seconds=3.0) is RejectCode.TOO_LONG
    assert code_of(data, max_bytes=1000) is RejectCode.TOO_LARGE


def test_length_is_limited_where_the_header_claims_none():
    silent_about_length = encoded("mp3", tone(8.0)[None]).replace(b"Xing", b"____").replace(b"Info", b"____")
    assert audio.probe(silent_about_length).container_seconds is None
    assert audio.decode(silent_about_length, RATE, seconds=2.0).seconds == 2.0
    assert code_of(silent_about_length, max_seconds=3.0) is RejectCode.TOO_LONG


@pytest.mark.parametrize("size", [0x7FFFF000, 0x7FFFFFDB, 0x80000000, 0xFFFFFFD3, 0xFFFFFFFE])
def test_a_wav_from_a_pipe_is_whole_whatever_stands_for_its_unknown_size(size):
    """SoX, arecord and others write the largest size that they can think of, or a header more."""
    data = wav_header(rate=8_000, data=(tone(4.0, 8_000) * 32_767).astype("<i2").tobytes(), size=size)
    seconds, facts = audio.measure(data)
    assert seconds == pytest.approx(4.0, abs=0.01) == facts.container_seconds
    assert audio.decode(data, RATE).seconds == pytest.approx(4.0, abs=0.01)


def test_header_that_claims_days_is_refused():
    lie = wav_header(rate=1000, data=tone(2, 1000).astype("<i2").tobytes(), bits=8, size=2**30)
    assert code_of(lie) in {RejectCode.TOO_LONG, RejectCode.SHORTENED}


def test_too_many_channels_are_refused():
    assert code_of(wav_header(96, data=bytes(96 * 2 * 16_000))) is RejectCode.TOO_MANY_CHANNELS


@pytest.mark.parametrize("rate", [1, 900, 4_000_000_000])
def test_impossible_rates_are_refused(rate):
    assert code_of(wav_header(rate=rate, data=bytes(64_000))) in {
        RejectCode.UNREADABLE,
        RejectCode.UNSUPPORTED_FORMAT,
    }


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30, np.finfo("f4").max])
def test_what_is_no_number_is_refused(value, channels):
    samples = tone(2.0, 8_000).repeat(channels).astype("<f4")
    samples[9_000 * channels : 9_001 * channels] = value
    assert code_of(wav_header(channels, data=samples.tobytes(), kind=3, bits=32)) is RejectCode.NOT_FINITE


@pytest.mark.parametrize(
    "data",
    [
        b"this is a text file with the name of a song\n" * 50,
        ("the name of a song, " * 500).encode("utf-16"),
        bytes(50_000),
        b"<html><body>404 Not Found</body></html>",
        b"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:9/secret.ts\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"PK\x03\x04" + bytes(1000),
    ],
)
def test_what_only_has_the_name_of_audio_is_refused(data):
    assert code_of(data) is RejectCode.UNSUPPORTED_FORMAT


@pytest.mark.parametrize("suffix", ["flac", "aac", "mp3"])
def test_a_suffix_proves_nothing(tmp_path, suffix):
    page = tmp_path / f"song.{suffix}"
    page.write_bytes(b"<html><body>404 Not Found</body></html>")
    assert code_of(page) is RejectCode.UNSUPPORTED_FORMAT


def test_a_playlist_opens_nothing_else(tmp_path):
    song = tmp_path / "song.wav"
    song.write_bytes(wav(tone(2.0, RATE).astype(np.float32), RATE))
    playlist = tmp_path / "list.mp3"
    playlist.write_text(f"ffconcat version 1.0\nfile {song.name}\n")
    assert code_of(playlist) is RejectCode.UNSUPPORTED_FORMAT


def test_pictures_and_video_hold_no_audio():
    assert code_of(video("mp4")) is RejectCode.NO_AUDIO_STREAM


def test_an_id3_tag_alone_is_no_audio():
    assert code_of(id3((b"TIT2", b"\0Hello"))) is RejectCode.UNREADABLE


@pytest.fixture(scope="module")
def whole_files() -> dict[str, bytes]:
    return {kind: encoded(kind, tone(2.0)[None]) for kind in ENCODERS}


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(list(ENCODERS)),
    flips=st.lists(st.tuples(st.integers(0, 2**30), st.integers(1, 255)), max_size=20),
    keep=st.floats(0, 1),
)
def test_any_damage_ends_in_audio_or_a_code(whole_files, kind, flips, keep):
    data = bytearray(whole_files[kind])
    for position, mask in flips:
        data[position % len(data)] ^= mask
    try:
        clip = audio.decode(
            bytes(data[: int(len(data) * keep)]), 8_000, limits=audio.AudioLimits(max_seconds=30)
        )
    except BadInput as refusal:
        assert refusal.reason
    else:
        assert np.isfinite(clip.waveform).all()
        assert clip.seconds <= 31


@pytest.mark.samples
def test_real_music_is_heard():
    folder = os.environ.get("COVERGEN_SAMPLES")
    if not folder:
        pytest.skip("COVERGEN_SAMPLES is unset")
    paths = [p for p in sorted(Path(folder, "music").rglob("*")) if p.suffix in audio.AUDIO_SUFFIXES]
    one_of_each = {path.suffix: path for path in paths}
    assert len(one_of_each) == 6
    for path in one_of_each.values():
        seconds, facts = audio.measure(path)
        assert seconds == pytest.approx(facts.container_seconds, abs=0.1)
        assert audio.decode(path, RATE, seconds=5).waveform.size == 5 * RATE
