import hashlib
import pickle

import numpy as np
import pyarrow as pa
import pytest

from covergen import images, rows
from covergen.audio import AudioLimits
from covergen.errors import BadInput, RejectCode
from covergen.sources.folder import FolderSource
from covergen.sources.media import CheckMedia, media_source, read_media
from covergen.sources.places import address_of
from covergen.tables import MEDIA

CANDIDATE = ["owner_id", "kind", "uri", "source", "source_url", "licence", "bytes"]


def candidates(*records: dict) -> pa.Table:
    return rows.from_records(MEDIA, records).select(CANDIDATE)


def check(*records: dict, **limits) -> list[dict]:
    return CheckMedia(AudioLimits(**limits))(candidates(*records)).to_pylist()


def audio_row(path, owner: str = "t") -> dict:
    return {"owner_id": owner, "kind": "audio", "uri": address_of(path), "source": "folder"}


def test_good_files_become_rows_that_the_table_takes(song, tmp_path, picture):
    song("A/B/01 - C.mp3", picture=picture, artist="A", album="B", title="C")
    song("A/B/02 - D.flac", artist="A", album="B", title="D", tracknumber="2")
    (piece,) = FolderSource(tmp_path).read()
    checked = CheckMedia()(candidates(*piece.media))
    assert checked["reject_code"].null_count == 3
    accepted = checked.drop_columns(rows.REJECT_COLUMNS.names)
    assert rows.conform(MEDIA, accepted, MEDIA.schema()).num_rows == 3
    song_row, _, cover = checked.to_pylist()
    assert song_row["mime"] == "audio/mpeg"
    assert song_row["seconds"] == pytest.approx(2.0, abs=0.1)
    assert song_row["size_bytes"] == (tmp_path / "A/B/01 - C.mp3").stat().st_size
    assert song_row["sha256"] == hashlib.sha256((tmp_path / "A/B/01 - C.mp3").read_bytes()).hexdigest()
    assert (cover["mime"], cover["width"], cover["height"]) == ("image/png", 48, 64)
    assert cover["sha256"] == hashlib.sha256(picture).hexdigest()
    assert read_media(cover) == picture


def test_each_bad_file_has_its_code_and_is_named(song, tmp_path):
    whole = song("whole.flac").read_bytes()
    files = {
        "empty.mp3": b"",
        "text.mp3": b"words " * 500,
        "cut.flac": whole[: len(whole) // 2],
        "cover.jpg": b"words",
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    found = check(
        audio_row(tmp_path / "empty.mp3"),
        audio_row(tmp_path / "text.mp3"),
        audio_row(tmp_path / "cut.flac"),
        audio_row(tmp_path / "none.mp3"),
        {"owner_id": "a", "kind": "cover", "uri": address_of(tmp_path / "cover.jpg")},
        {"owner_id": "a", "kind": "cover", "uri": address_of(tmp_path / "whole.flac") + "#embedded"},
        {"owner_id": "t", "kind": "audio", "uri": "https://example.org/a.mp3"},
        {"owner_id": "t", "kind": "audio"},
    )
    codes = ["empty_file", "unsupported_format", "shortened", "missing_file"]
    assert [row["reject_code"] for row in found] == [
        *codes,
        "damaged_image",
        "damaged_image",
        "missing_file",
        "missing_file",
    ]
    named = [
        "empty.mp3",
        "text.mp3",
        "cut.flac",
        "none.mp3",
        "cover.jpg",
        "whole.flac (embedded",
        "example.org",
    ]
    for row, name in zip(found, named, strict=False):
        assert name in row["reject_reason"]
        assert row["sha256"] is None


def test_limits_are_obeyed(song, tmp_path):
    path = song("a.flac")
    assert check(audio_row(path), max_seconds=1.5)[0]["reject_code"] == RejectCode.TOO_LONG
    assert check(audio_row(path), max_bytes=100)[0]["reject_code"] == RejectCode.TOO_LARGE
    cover = images.encode_png(np.zeros((100, 100, 3), np.uint8))
    row = candidates({"owner_id": "a", "kind": "cover", "bytes": cover})
    assert CheckMedia(max_pixels=99)(row).to_pylist()[0]["reject_code"] == RejectCode.TOO_LARGE


def test_bytes_stay_with_the_row(sounds):
    (row,) = check(
        {"owner_id": "t", "kind": "audio", "uri": "procedural:train/0/song.flac", "bytes": sounds[".flac"]}
    )
    assert row["reject_code"] is None
    assert row["bytes"] == sounds[".flac"]
    assert media_source(row) == sounds[".flac"]


def test_no_batch_is_a_batch():
    empty = candidates()
    assert CheckMedia()(empty).num_rows == 0


def test_stage_travels_to_workers(song):
    stage = pickle.loads(pickle.dumps(CheckMedia(AudioLimits(max_seconds=9), max_pixels=5)))
    assert (stage.limits.max_seconds, stage.max_pixels) == (9, 5)


def test_reading_a_medium_that_went_away(tmp_path):
    with pytest.raises(BadInput) as refusal:
        read_media(audio_row(tmp_path / "gone.mp3"))
    assert refusal.value.code is RejectCode.MISSING_FILE
    with pytest.raises(BadInput) as refusal:
        read_media({"uri": address_of(tmp_path / "gone.mp3") + "#embedded"})
    assert refusal.value.code is RejectCode.MISSING_FILE
