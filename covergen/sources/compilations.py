"""Songs to albums: which belong together although their tags do not say so."""

import os
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import groupby

from covergen.sources.fields import VARIOUS
from covergen.sources.identity import normalise
from covergen.sources.songs import Song


def albums_of(songs: Iterable[Song]) -> list[tuple[str, str | None, list[Song]]]:
    """Return (album artist, year, songs) of each album, in a fixed order; songs by disc and number.

    Songs are grouped by album artist, album title and the year of their folder. Groups of one title without
    an album artist are one compilation if their track numbers fit together: see `_fit_together`.
    """
    groups: dict[tuple[str, str, str], list[Song]] = defaultdict(list)
    songs = list(songs)
    years = _years(songs)
    for song in songs:
        groups[(*song.group, years[song.folder, *song.group] or "")].append(song)
    by_title: dict[str, list[list[Song]]] = defaultdict(list)
    for (_, title, _), group in sorted(groups.items(), key=lambda item: item[0]):
        by_title[title].append(group)
    albums = [album for title in sorted(by_title) for album in _merged(by_title[title])]
    named = [(_artist(album), _commonest(song.year for song in album), _in_order(album)) for album in albums]
    return sorted(
        named, key=lambda album: (normalise(album[0]), normalise(album[2][0].album), album[1] or "")
    )


def _years(songs: list[Song]) -> dict[tuple[object, ...], str | None]:
    """Return each folder's year of each album: one album often has songs of several years."""
    found: dict[tuple[object, ...], list[str | None]] = defaultdict(list)
    for song in songs:
        found[song.folder, *song.group].append(song.year)
    return {key: _commonest(years) for key, years in found.items()}


def _commonest(years: Iterable[str | None]) -> str | None:
    counts = Counter(year for year in years if year)
    return min(counts, key=lambda year: (-counts[year], year)) if counts else None


def _merged(groups: list[list[Song]]) -> list[list[Song]]:
    """Return the groups of one title, those that are one compilation joined."""
    loose = [group for group in groups if not any(song.album_artist for song in group)]
    rest = [group for group in groups if group not in loose]
    by_folder = defaultdict(list)
    for group in loose:
        by_folder[group[0].folder].append(group)
    within = [
        part for parts in by_folder.values() for part in (_joined(parts) if _no_clash(parts) else parts)
    ]
    return rest + (_joined(within) if _fit_together(within) else within)


def _joined(groups: list[list[Song]]) -> list[list[Song]]:
    return [[song for group in groups for song in group]] if groups else []


def _no_clash(groups: list[list[Song]]) -> bool:
    """Say whether no two songs claim the same disc and number."""
    places = [song.place for group in groups for song in group if song.place]
    return len(places) == len(set(places))


def _fit_together(groups: list[list[Song]]) -> bool:
    """Say whether groups from several folders fill one numbering: no clash, no gap, no other total or year.

    Two artists' "Greatest Hits" clash at number 1; the parts of one soundtrack, sorted into the folders of
    its artists, do not.
    """
    songs = [song for group in groups for song in group]
    places = sorted(song.place for song in songs if song.place)
    if len(places) < len(songs) or not _no_clash(groups):
        return False
    for disc, on_disc in groupby(places, key=lambda place: place[0]):
        numbers = [number for _, number in on_disc]
        totals = {s.tags.total for s in songs if s.tags.total and (s.disc or 1) == disc}
        if numbers != list(range(1, len(numbers) + 1)) or totals - {len(numbers)}:
            return False
    return len({song.year for song in songs if song.year}) <= 1


def _artist(songs: list[Song]) -> str:
    """Return the album artist: the one that the tags name, else the one in every song, else many."""
    if told := sorted(song.album_artist for song in songs if song.album_artist):
        return Counter(told).most_common(1)[0][0]
    artists = Counter(song.artist for song in songs)
    main = min(artists, key=lambda name: (len(normalise(name)), name))
    words = normalise(main)
    everywhere = all(f" {normalise(name)} ".startswith(f" {words} ") for name in artists)
    return main if everywhere else VARIOUS


def _in_order(songs: list[Song]) -> list[Song]:
    return sorted(songs, key=lambda song: (song.disc or 1, song.number or 10**6, os.fsencode(song.path)))
