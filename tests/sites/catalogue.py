"""The albums that all sites tell of, drawn from the controlled world, so that they agree with each other.

Every fourth album has a decoy that no Wikipedia page lists: a karaoke version, as every shop sells them.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

from covergen.procedural.factors import (
    MOTIF_WORDS,
    TITLE_FILLERS,
    TITLE_SHAPES,
    Album,
    draw_album,
)
from covergen.sources.identity import normalise
from tests.sites import ids

LABELS = ("Paper Kite", "Nine Lanterns", "Tin Harbour", "Blue Kiln", "Quarry & Sons")
KARAOKE = "Parlour Karaoke Band"
# (year, half of the split year); the first matter most: both layouts, their border, the split year
_FIRST = ((1980, 0), (2021, 1), (2021, 2), (2004, 0), (2005, 0), (2024, 0), (1999, 0), (2012, 0))
_ALL = tuple((year, half) for year in range(1980, 2025) for half in ((1, 2) if year == 2021 else (0,)))
_OTHERS = tuple(slot for slot in _ALL if slot not in _FIRST)
SLOTS = _FIRST + tuple(_OTHERS[index * 17 % len(_OTHERS)] for index in range(len(_OTHERS)))


@dataclass(frozen=True)
class Song:
    """A song and what the services say of it; `music` is what it is synthesised from."""

    key: str
    number: int
    title: str
    artist: str
    isrc: str
    seconds: int
    popularity: int  # 0 to 100
    views: int
    music: Album

    @property
    def spotify_id(self) -> str:
        return ids.spotify_id("song", self.key)

    @property
    def youtube_id(self) -> str:
        return ids.youtube_id(self.key)

    @property
    def deezer_id(self) -> int:
        return ids.number_id("deezer", self.key)

    @property
    def recording_id(self) -> str:
        return ids.mbid("recording", self.key)


@dataclass(frozen=True)
class Record:
    """An album with its songs."""

    key: str
    artist: str
    title: str
    genre: str
    label: str
    released: date
    upc: str
    kind: str  # "album" or "ep"
    decoy: bool
    songs: tuple[Song, ...]
    album: Album

    @property
    def spotify_id(self) -> str:
        return ids.spotify_id("album", self.key)

    @property
    def deezer_id(self) -> int:
        return ids.number_id("deezer", self.key)

    @property
    def itunes_id(self) -> int:
        return ids.number_id("itunes", self.key, digits=10) // 100 * 100

    @property
    def release_id(self) -> str:
        return ids.mbid("release", self.key)

    @property
    def group_id(self) -> str:
        return ids.mbid("group", self.key)

    @property
    def seconds(self) -> int:
        return sum(song.seconds for song in self.songs)

    @property
    def popularity(self) -> int:
        return max(song.popularity for song in self.songs)


class Catalogue:
    """`count` albums of a seed, their decoys, and ways to find them."""

    def __init__(self, count: int = 24, seed: int = 0):
        self.seed = seed
        self.records = tuple(self._drawn(count))
        decoys = tuple(self._decoy(record) for record in self.records[::4])
        self.sold = decoys + self.records  # decoys first: whoever takes the first hit takes the wrong one

    def _drawn(self, count: int) -> Iterator[Record]:
        given: set[str] = set()
        number = self.seed
        while len(given) < count:
            album = draw_album(number, "train")
            number += 1
            name = normalise(f"{album.artist} {album.title}")
            if name not in given:
                yield self._record(len(given), album)
                given.add(name)

    def _record(self, index: int, album: Album) -> Record:
        key = ids.key_of("record", self.seed, index)
        kind = "ep" if index % 7 == 6 else "album"
        rng = random.Random(key)
        released = _released(index, self.seed)
        songs = _songs(key, album, released, rng, count=4 if kind == "ep" else rng.randint(5, 7))
        return Record(
            key=key,
            artist=album.artist,
            title=album.title,
            genre=album.genre,
            label=rng.choice(LABELS),
            released=released,
            upc=ids.upc(f"{'00' if index % 3 == 0 else '60'}{rng.randrange(10**9):09d}"),
            kind=kind,
            decoy=False,
            songs=songs,
            album=album,
        )

    def _decoy(self, record: Record) -> Record:
        key = ids.key_of("decoy", record.key)
        rng = random.Random(key)
        songs = tuple(
            replace(
                song,
                key=ids.key_of(key, song.number),
                title=f"{song.title} (Originally Performed by {song.artist}) [Karaoke Version]",
                artist=KARAOKE,
                isrc=f"QZKAR{record.released:%y}{rng.randrange(10**5):05d}",
                popularity=song.popularity // 4,
                views=song.views // 50,
            )
            for song in record.songs
        )
        return replace(
            record,
            key=key,
            artist=KARAOKE,
            title=f"{record.title} (Originally Performed by {record.artist}) [Karaoke Version]",
            upc=ids.upc(f"70{rng.randrange(10**9):09d}"),
            decoy=True,
            songs=songs,
        )

    @cached_property
    def songs(self) -> tuple[tuple[Record, Song], ...]:
        return tuple((record, song) for record in self.sold for song in record.songs)

    @cached_property
    def by_key(self) -> dict[str, Record | Song]:
        """Albums and songs by the name they have on the media host."""
        return {r.key: r for r in self.sold} | {song.key: song for _, song in self.songs}

    def of(self, year: int, half: int = 0) -> list[Record]:
        """Return the albums of a year or of its half (1, 2), by date."""
        months = {0: range(1, 13), 1: range(1, 7), 2: range(7, 13)}[half]
        found = [r for r in self.records if r.released.year == year and r.released.month in months]
        return sorted(found, key=lambda r: (r.released, r.title))


def _released(index: int, seed: int) -> date:
    """Return a date; two albums share a page, every third pair a day, another third a month."""
    pair, second = divmod(index, 2)
    year, half = SLOTS[pair % len(SLOTS)]
    first, last = {0: (1, 12), 1: (1, 6), 2: (7, 12)}[half]
    rng = random.Random(f"{seed}/{pair}")
    month, day = rng.randint(first, last), rng.randint(1, 14)
    if second and pair % 3 == 1:
        day += rng.randint(1, 14)
    elif second and pair % 3 == 2:
        month = month - 1 if month > first else month + 1
    return date(year, month, day)


def _songs(key: str, album: Album, released: date, rng: random.Random, *, count: int) -> tuple[Song, ...]:
    titles = [album.title] if rng.random() < 0.5 else []
    while len(titles) < count:
        motif = rng.choice(rng.choice(list(MOTIF_WORDS.values())))
        title = rng.choice(TITLE_SHAPES).format(motif=motif, filler=rng.choice(TITLE_FILLERS))
        if title not in titles:
            titles.append(title)
    songs = []
    for number, title in enumerate(titles, start=1):
        fame = rng.random()
        songs.append(
            Song(
                key=ids.key_of(key, number),
                number=number,
                title=title,
                artist=album.artist,
                isrc=f"QZCVG{released:%y}{rng.randrange(10**5):05d}",
                seconds=rng.randint(120, 330),
                popularity=round(10 + 85 * fame),
                views=int(10 ** (2.5 + 6 * fame)),
                music=replace(album, seed=(album.seed + 7919 * number) % 2**31),
            )
        )
    return tuple(songs)
