"""Albums of the controlled world: known factors, synthesised songs, painted covers, nothing to download."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, ClassVar, Final, cast

from covergen.errors import BadInput, RejectCode
from covergen.media import audio, images
from covergen.procedural.covers import paint
from covergen.procedural.factors import Album, Split, draw_album
from covergen.procedural.music import synthesise
from covergen.sources.identity import album_id, track_id
from covergen.sources.protocol import Found

LICENCE: Final = "CC0-1.0"
SAMPLE_RATE: Final = 24_000
SCHEME: Final = "procedural://"
REVISION: Final = "1"  # by hand, whenever the generator draws, plays or paints otherwise
_PLACE: Final = re.compile(
    r"[^/]+/(?P<split>train|eval)/(?P<seed>\d{1,18})/"
    r"(?:song/(?P<seconds>\d{1,4}(?:\.\d+)?)|cover/(?P<pixels>\d{1,4}))",
    re.ASCII,
)


class ProceduralSource:
    """`train` and `evaluation` albums from the generator; no artist, seed or patch is in both.

    `source_url` is procedural:SPLIT/SEED, by which the clean job keeps the generator's own split.
    """

    name: ClassVar[str] = "procedural"

    def __init__(
        self, train: int, evaluation: int, seed: int = 0, *, seconds: float = 12.0, cover_size: int = 128
    ):
        self.train, self.evaluation, self.seed = train, evaluation, seed
        self.seconds, self.cover_size = seconds, cover_size

    def read(self) -> Iterator[Found]:
        """Yield one album after another: the training ones, then those for evaluation."""
        given: set[str] = set()
        counts: dict[Split, int] = {"train": self.train, "eval": self.evaluation}
        for split, count in counts.items():
            seed, left = self.seed, count
            while left:
                found = self._found(seed, split, given)
                seed += 1
                if found is not None:
                    left -= 1
                    yield found

    def _found(self, seed: int, split: Split, given: set[str]) -> Found | None:
        """Return an album; None where chance drew artist and title of an earlier one."""
        album = draw_album(seed, split)
        key = album_id(album.artist, album.title)
        if key in given:
            return None
        given.add(key)
        url, place = f"procedural:{split}/{seed}", f"{SCHEME}{REVISION}/{split}/{seed}"
        track = track_id(key, 1, 1, album.title)
        return Found(
            albums=[_album(album, key, url)],
            tracks=[_track(album, key, track, url, self.seconds)],
            media=[
                {"owner_id": track, "kind": "audio", "uri": f"{place}/song/{self.seconds}", **_source(url)},
                {"owner_id": key, "kind": "cover", "uri": f"{place}/cover/{self.cover_size}", **_source(url)},
            ],
        )


def fetch(address: str) -> bytes:
    """Return the song (FLAC, 24 kHz, mono) or the cover (PNG) that a media address of this source names.

    procedural://REVISION/SPLIT/SEED/song/SECONDS or .../cover/PIXELS. Making them is left to whoever opens
    them, so that many workers share the work. Raises BadInput with BAD_ADDRESS.
    """
    found = _PLACE.fullmatch(address.removeprefix(SCHEME))
    if found is None:
        raise BadInput(RejectCode.BAD_ADDRESS, f"{address[:200]!r} names nothing of the controlled world")
    album = draw_album(int(found["seed"]), cast(Split, found["split"]))
    if found["seconds"]:
        return audio.encode_flac(synthesise(album, float(found["seconds"]), SAMPLE_RATE), SAMPLE_RATE)
    return images.encode_png(paint(album.factors, album.seed, int(found["pixels"])))


def _source(url: str) -> dict[str, Any]:
    return {"source": ProceduralSource.name, "source_url": url, "licence": LICENCE}


def _album(album: Album, key: str, url: str) -> dict[str, Any]:
    return {
        "album_id": key,
        "artist": album.artist,
        "title": album.title,
        "genres": [album.genre],
        **_source(url),
        "source_revision": REVISION,
        "fetched_at": datetime.now(UTC),
    }


def _track(album: Album, key: str, track: str, url: str, seconds: float) -> dict[str, Any]:
    return {
        "track_id": track,
        "album_id": key,
        "title": album.title,
        "artist": album.artist,
        "disc": 1,
        "number": 1,
        "duration_ms": round(seconds * 1000),
        **_source(url),
    }
