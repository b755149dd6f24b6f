"""Seconds to merge duplicates and to clean a catalogue, over growing numbers of made-up albums."""

import json
import random
import resource
import time
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import typer

from benchmarks.outcome import device
from covergen.catalog.clean import clean
from covergen.catalog.deduplicate import duplicates
from covergen.sources.identity import album_id, track_id
from covergen.storage import rows
from covergen.storage.columns import Table
from covergen.storage.tables import ALBUMS, MEDIA, TRACKS

SIZES = (50_000, 100_000, 200_000)
SUFFIXES = (" (Deluxe Edition)", " [Remastered 2011]", " - Expanded", "!", " (Live)", ", Vol. 2")
GENRES = ("speed metal", "new wave pop", "bebop", "tech house", "k-pop", "indie folk", "southern hip hop")
SHARE = 5  # one album in so many is told twice, half of these as what is no duplicate


def main(*, quick: bool = False) -> None:
    """Print a line for each size, then all of them as JSON."""
    results = []
    print(f"{'albums':>10} {'merged':>8} {'merge s':>9} {'clean s':>9}")
    for size in SIZES[:1] if quick else SIZES:
        albums, tracks, media = made_up(size)
        start = time.perf_counter()
        merged = duplicates(albums.select(["album_id", "artist", "title", "release_date"]).to_pylist())
        middle = time.perf_counter()
        clean(albums, tracks, media)
        done = time.perf_counter()
        results.append(
            {"albums": size, "merged": len(merged), "merge_s": middle - start, "clean_s": done - middle}
        )
        print(f"{size:>10} {len(merged):>8} {middle - start:>9.1f} {done - middle:>9.1f}", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"name": "catalogue", "results": results, "peak_gib": peak, "device": device()}))


def made_up(count: int) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Return `count` albums of eight an artist, each with a track and its audio."""
    records = list(_albums(count))
    songs = [_track(album) for album in records]
    audio = [{"owner_id": song["track_id"], "kind": "audio", "sha256": song["track_id"]} for song in songs]
    return _table(ALBUMS, records), _table(TRACKS, songs), _table(MEDIA, audio)


def _albums(count: int) -> Iterator[dict[str, Any]]:
    draw = random.Random(0)
    for k in range(count):
        number, suffix = k, ""
        if k % SHARE == 1:
            number, suffix = k - 1, draw.choice(SUFFIXES)
        artist, title = f"The Artist {number // 8}", f"Title {number}{suffix}"
        year = str(1980 + number % 40)
        key = album_id(artist, title, f"{year}{suffix}")  # "!" would give the same id
        genres = [draw.choice(GENRES)] if k % 7 else []
        yield {"album_id": key, "artist": artist, "title": title, "release_date": year, "genres": genres}


def _track(album: dict[str, Any]) -> dict[str, Any]:
    key = album["album_id"]
    return {"track_id": track_id(key, 1, 1, "Song"), "album_id": key, "title": "Song"}


def _table(kind: Table, records: list[dict[str, Any]]) -> pa.Table:
    return rows.conform(kind, rows.from_records(kind, records).drop_columns("checksum"), kind.schema())


if __name__ == "__main__":
    typer.run(main)
