import hashlib
import pickle
from concurrent.futures import ThreadPoolExecutor

import httpx2
import numpy as np
import pyarrow as pa
import pytest

from covergen.errors import BadInput, RejectCode
from covergen.media import images
from covergen.media.audio import AudioLimits
from covergen.sources.http.fetch import Fetcher
from covergen.sources.limiter.limiter import LocalLimiter
from covergen.sources.local.file_urls import address_of
from covergen.sources.local.folder import FolderSource
from covergen.sources.media import CheckMedia, media_source, read_media, stamp
from covergen.storage import rows
from covergen.storage.tables import MEDIA

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


class Web:
    """Files by address; anything else is not found. Counts the clients that are made."""

    made = 0

    def __init__(self, files: dict[str, bytes]):
        self.files = files

    def __call__(self) -> Fetcher:
        Web.made += 1
        transport = httpx2.MockTransport(self._answer)
        return Fetcher("covergen-tests/1", LocalLimiter(background=False), transport=transport)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        body = self.files.get(request.url.path)
        return httpx2.Response(404) if body is None else httpx2.Response(200, content=body)


def cover_row(name: str) -> dict:
    return {"owner_id": name, "kind": "cover", "uri": f"https://pictures.example/{name}", "source": "deezer"}


def test_a_downloaded_cover_is_scaled_down_and_told_as_it_is_kept():
    wide = images.encode_jpeg(gradient(600, 900))
    files = {"/wide": wide, "/small": images.encode_png(gradient(64, 48)), "/cut": wide[: len(wide) // 2]}
    stage = CheckMedia(fetcher=Web(files), cover_pixels=128)
    rows_in = [cover_row(name) for name in ("wide", "small", "cut", "none")]
    rows_in.append({"owner_id": "own", "kind": "cover", "bytes": wide})
    scaled, small, cut, none, own = stage(candidates(*rows_in)).to_pylist()
    assert (scaled["height"], scaled["width"], scaled["mime"]) == (128, 192, "image/jpeg")
    assert images.decode(scaled["bytes"]).shape == (128, 192, 3)
    assert scaled["size_bytes"] == len(scaled["bytes"]) < len(wide)
    assert scaled["sha256"] == hashlib.sha256(scaled["bytes"]).hexdigest()
    assert (small["bytes"], small["mime"], small["width"]) == (files["/small"], "image/png", 48)
    assert (cut["reject_code"], none["reject_code"]) == ("damaged_image", "not_found")
    assert "pictures.example/cut" in cut["reject_reason"] and cut["bytes"] is None
    assert (own["bytes"], own["width"]) == (wide, 900)  # one's own is left alone


def test_without_a_size_a_downloaded_cover_stays_as_it_is():
    wide = images.encode_jpeg(gradient(600, 900))
    (row,) = CheckMedia(fetcher=Web({"/wide": wide}))(candidates(cover_row("wide"))).to_pylist()
    assert (row["bytes"], row["width"], row["height"]) == (wide, 900, 600)


STRANGE = [
    "https://[cdn]/cover.jpg", "http://[::1", "HTTPS://a..org/x", "http://pictures.example:99999/x", "https://",
    "procedural://1/train/zero/cover/64", "procedural://nowhere", "x" * 300, "file:///a%00b.jpg", "s3://b/x.jpg",
]  # fmt: skip


@pytest.mark.parametrize("with_web", [True, False])
def test_addresses_that_are_none_are_refused_and_the_others_of_the_batch_are_read(with_web):
    good = {"owner_id": "own", "kind": "cover", "bytes": images.encode_png(gradient(8, 8))}
    rows_in = [{"owner_id": str(n), "kind": "cover", "uri": uri} for n, uri in enumerate(STRANGE)]
    checked = CheckMedia(fetcher=Web({}) if with_web else None)(candidates(*rows_in, good)).to_pylist()
    codes = [row["reject_code"] for row in checked]
    assert codes == ["bad_address"] * 7 + ["unreadable", "bad_address", "missing_file", None]
    assert not any(row["reject_retriable"] for row in checked)
    assert len({stamp(row) for row in [*rows_in, good]}) == len(checked)


def test_a_host_is_one_bucket_whoever_signs_in():
    class Ask:
        def download(self, url, rate_limit, **how):
            buckets.append(rate_limit.bucket)
            raise BadInput(RejectCode.UNREACHABLE, "nobody there")

    buckets = []
    rows_in = [
        {"owner_id": uri, "kind": "cover", "uri": uri}
        for uri in ("https://me:secret@a.org/x", "https://a.org:443/y", "https://A.ORG/z")
    ]
    checked = CheckMedia(fetcher=Ask)(candidates(*rows_in)).to_pylist()
    assert buckets == ["media/a.org"] * 3
    assert not any("secret" in row["reject_reason"] for row in checked)


def test_batches_at_once_share_one_client_and_keep_their_order():
    files = {f"/{n}": images.encode_png(gradient(8, n + 1)) for n in range(40)}
    stage = pickle.loads(pickle.dumps(CheckMedia(fetcher=Web(files), at_once=3)))
    batches = [
        candidates(*(cover_row(str(n)) for n in range(start, start + 10))) for start in range(0, 40, 10)
    ]
    Web.made = 0
    with ThreadPoolExecutor(4) as pool:
        checked = pa.concat_tables(pool.map(stage, batches))
    assert (Web.made, checked["width"].to_pylist()) == (1, list(range(1, 41)))
    assert pickle.loads(pickle.dumps(stage)).at_once == 3  # threads and client stay behind


def gradient(height: int, width: int) -> np.ndarray:
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([rows % 256, columns % 256, (rows + columns) // 2 % 256], axis=-1).astype(np.uint8)
