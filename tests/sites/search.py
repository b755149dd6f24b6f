"""Searching the catalogue as the services do: words, and fields such as artist:"..." and upc:..."""

import re
from collections.abc import Iterable
from typing import Any

from covergen.sources.identity import normalise
from tests.sites.catalogue import Catalogue, Record, Song

_FIELD = re.compile(r'(\w+):\s*(?:"([^"]*)"|\(([^)]*)\)|(.*?)(?=\s+(?:(?:AND|OR)\s+)?\w+:|$))')
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")


def fields_of(query: str) -> tuple[dict[str, str], str]:
    """Return the fields of a query, their names in lower case, and the words outside them."""
    fields = {}
    for found in _FIELD.finditer(query):
        fields[found[1].lower()] = next(value for value in found.groups()[1:] if value is not None)
    rest = " ".join(word for word in _FIELD.sub(" ", query).split() if word not in {"AND", "OR"})
    return fields, rest


def same_code(one: str, other: str) -> bool:
    """Whether two barcodes are the same but for leading zeros."""
    return one.lstrip("0") == other.lstrip("0")


def albums(catalogue: Catalogue, query: str, names: dict[str, str]) -> list[Record]:
    """Return albums; `names` maps the service's fields to ours: artist, album, upc, year, id."""
    fields, words = fields_of(query)
    asked = {names[name]: value for name, value in fields.items() if name in names}
    return [r for r in catalogue.sold if _album_fits(r, asked) and _has(f"{r.artist} {r.title}", words)]


def songs(catalogue: Catalogue, query: str, names: dict[str, str]) -> list[tuple[Record, Song]]:
    """Return songs; `names` maps the service's fields to ours: artist, album, track, isrc, upc, year."""
    fields, words = fields_of(query)
    asked = {names[name]: value for name, value in fields.items() if name in names}
    return [
        (record, song)
        for record, song in catalogue.songs
        if _album_fits(record, asked)
        and _has(song.title, asked.get("track", ""))
        and asked.get("isrc", song.isrc).upper() == song.isrc
        and _has(f"{song.artist} {song.title} {record.title}", words)
    ]


def _album_fits(record: Record, asked: dict[str, str]) -> bool:
    year = asked.get("year", "")
    first, _, last = year.partition("-")
    return (
        _has(record.artist, asked.get("artist", ""))
        and _has(record.title, asked.get("album", ""))
        and same_code(asked.get("upc", record.upc), record.upc)
        and asked.get("id", record.release_id) in {record.release_id, record.group_id}
        and (not year or first <= str(record.released.year) <= (last or first))
    )


def _has(text: str, words: str) -> bool:
    return set(normalise(words).split()) <= set(normalise(text).split())


def closest(catalogue: Catalogue, query: str) -> list[tuple[Record, Song]]:
    """Return songs by how much of the query they share, best first, as a site that never finds nothing."""
    asked = set(normalise(query).split())

    def shared(pair: tuple[Record, Song]) -> tuple[int, bool, int]:
        record, song = pair
        own = set(normalise(_BRACKETS.sub(" ", song.title)).split())
        every = own | set(normalise(f"{song.artist} {record.title}").split())
        return len(asked & own) + len(asked & every), not record.decoy, -len(own - asked)

    return sorted(catalogue.songs, key=shared, reverse=True)


def page_of(items: Iterable[Any], start: int, limit: int) -> list[Any]:
    return list(items)[start : start + limit]
