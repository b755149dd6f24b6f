"""Songs to albums: which belong together although their tags do not say so."""

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Final

from covergen.sources.field_parsing import VARIOUS
from covergen.sources.identity import album_id, normalise
from covergen.sources.local.file_urls import name_of
from covergen.sources.local.folder_names import year_in_name
from covergen.sources.local.songs import Song

Album = tuple[str, str | None, list[Song]]

_COPY_MS: Final = 2_000  # by which two copies of a song may differ in length


def albums_of(songs: Iterable[Song]) -> list[Album]:
    """Return (album artist, year, songs) of each album, in a fixed order; songs by disc and number.

    Songs are grouped by album artist, album title and the year of their folder: the commonest of its songs,
    of several the earliest. Groups of one title are one album where `_joined_years` or `_joined_compilations`
    finds them to be.
    """
    groups: dict[tuple[str, str, str], list[Song]] = defaultdict(list)
    songs = list(songs)
    years = _years(songs)
    for song in songs:
        groups[(*song.group, years[song.folder, *song.group] or "")].append(song)
    by_title: dict[str, list[list[Song]]] = defaultdict(list)
    for (_, title, _), group in sorted(groups.items(), key=lambda item: item[0]):
        by_title[title].append(group)
    found: dict[str, Album] = {}
    for title in sorted(by_title):
        for album in _merged(by_title[title]):
            artist, year = _artist(album), _commonest(song.year for song in album)
            # Two compilations of one title and year cannot be told apart by what names an album.
            same = found.get(name := album_id(artist, title, year))
            found[name] = (artist, year, [*same[2], *album] if same else album)
    named = [(artist, year, _in_order(_with_discs(album))) for artist, year, album in found.values()]
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
    """Return the groups of one title, those that are one album joined."""
    by_artist: dict[str, list[list[Song]]] = defaultdict(list)
    without_artist = []
    for group in groups:
        if any(song.tags.album_artist for song in group):
            by_artist[group[0].group[0]].append(group)
        else:
            without_artist.append(group)
    albums = [album for parts in by_artist.values() for album in _joined_years(parts)]
    return albums + _joined_compilations(without_artist)


def _joined_years(groups: list[list[Song]]) -> list[list[Song]]:
    """Return the groups of one album artist and title: those of several years may be one album.

    They are where one tells no year, or where the songs are several artists', each of its own year, as long
    as no two claim one number. An artist's two albums of one title stay two, whatever guests are on them.
    """
    albums: list[list[Song]] = []
    host = groups[0][0].group[0]
    own = [_names(song.artist, host) for group in groups for song in group]
    is_of_many = 2 * sum(own) < len(own) and len(_artists(groups)) > 1
    for group in sorted(groups, key=lambda group: _commonest(song.year for song in group) or "9999"):
        for album in albums:
            is_undated = not any(song.year for song in group)
            if _fit([album, group]) and (is_undated or is_of_many):
                album.extend(group)
                break
        else:
            albums.append(list(group))
    return albums


def _joined_compilations(groups: list[list[Song]]) -> list[list[Song]]:
    """Return the groups of one title without an album artist, those that are one compilation joined.

    In one folder they are where `_is_one_album` says so. Over several folders their tags have to prove it: by
    a total that the numbers fill, or by a compilation's flag. All else that bears one title stays apart.
    """
    by_folder: dict[Path, list[list[Song]]] = defaultdict(list)
    for group in groups:
        by_folder[group[0].folder].append(group)
    within: list[list[Song]] = []
    for parts in by_folder.values():
        albums = _with_guests(parts)
        within += _joined(albums) if _is_one_album(albums) else albums
    flagged = [group for group in within if _is_flagged([group])]
    if _is_scattered(flagged):
        within = [group for group in within if group not in flagged] + _joined(flagged)
    return _joined(within) if _fill_a_total(within) and len(_known_years(within)) <= 1 else within


def _with_guests(parts: list[list[Song]]) -> list[list[Song]]:
    """Return the parts of one folder, those of an artist's guests joined to the artist's own."""
    albums: list[list[Song]] = []
    for part in sorted(parts, key=lambda part: (len(part[0].group[0]), part[0].group[0])):
        for album in albums:
            is_guest = f"{part[0].group[0]} ".startswith(f"{album[0].group[0]} ")
            pair = [album, part]
            if is_guest and _fit(pair) and (_are_numbered(pair) or len(_known_years(pair)) <= 1):
                album.extend(part)
                break
        else:
            albums.append(list(part))
    return albums


def _is_one_album(parts: Sequence[list[Song]]) -> bool:
    """Say whether parts of several artists in one folder are one compilation.

    No two songs may claim one number, each has one unless the folder bears the album's name, and they tell
    one year at most or are counted through. Flagged ones of one year are, and those of more than two artists.
    """
    is_of_one_year = len(_known_years(parts)) <= 1
    is_numbered = _fit(parts) and _are_numbered(parts)
    if _is_flagged(parts) and (is_of_one_year or (is_numbered and len(_artists(parts)) > 2)):
        return True
    folder = normalise(year_in_name(name_of(parts[0][0].folder))[0])
    is_folder_of_it = f" {folder} ".endswith(f" {normalise(parts[0][0].album)} ")
    if is_of_one_year:
        return is_numbered or (_fit(parts) and is_folder_of_it)
    return is_numbered and (_is_counted(parts) or _fill_a_total(parts))


def _is_scattered(flagged: Sequence[list[Song]]) -> bool:
    """Say whether flagged groups of several folders are one compilation and not each an artist's best."""
    if not _fit(flagged):
        return False
    if len(_known_years(flagged)) > 1:
        return _fill_a_total(flagged) or _is_counted(flagged)
    has_one_total = len(_totals(flagged)) == 1 and all(_totals([group]) for group in flagged)
    return all(len(group) == 1 for group in flagged) or has_one_total or _fill_a_total(flagged)


def _joined(groups: list[list[Song]]) -> list[list[Song]]:
    return [[song for group in groups for song in group]] if groups else []


def _is_flagged(groups: Sequence[list[Song]]) -> bool:
    return all(song.tags.compilation for group in groups for song in group)


def _artists(groups: Sequence[list[Song]]) -> set[str]:
    return {normalise(song.artist) for group in groups for song in group}


def _names(artist: str, host: str) -> bool:
    """Say whether an artist is the album artist, alone or with others."""
    return f" {host} " in f" {normalise(artist)} "


def _known_years(groups: Sequence[list[Song]]) -> set[str]:
    return {song.year for group in groups for song in group if song.year}


def _are_numbered(groups: Sequence[list[Song]]) -> bool:
    return all(song.place for group in groups for song in group)


def _is_counted(groups: Sequence[list[Song]]) -> bool:
    """Say whether the songs of at least three artists run from 1 on each disc without a gap."""
    return len(_artists(groups)) > 2 and _are_numbered(groups) and all(_run(groups).values())


def _run(groups: Sequence[list[Song]]) -> dict[int, int]:
    """Return each disc's last number, 0 where its numbers leave one out or double one."""
    places = sorted(song.place for group in groups for song in group if song.place)
    numbers = {
        disc: [number for _, number in on_disc]
        for disc, on_disc in groupby(places, key=lambda place: place[0])
    }
    return {disc: len(on) if on == list(range(1, len(on) + 1)) else 0 for disc, on in numbers.items()}


def _totals(groups: Sequence[list[Song]]) -> set[tuple[int, int]]:
    """Return the (disc, total of its songs) that tags tell."""
    return {(s.disc or 1, s.tags.total) for group in groups for s in group if s.tags.total}


def _fit(groups: Sequence[list[Song]]) -> bool:
    """Say whether no two songs claim the same disc and number, and no two a different total of a disc."""
    places = [song.place for group in groups for song in group if song.place]
    totals = _totals(groups)
    return len(places) == len(set(places)) and len(totals) == len({disc for disc, _ in totals})


def _fill_a_total(groups: Sequence[list[Song]]) -> bool:
    """Say whether groups fill one numbering from 1 to the total that their tags tell.

    The parts of one soundtrack, sorted into the folders of its artists, do.
    """
    return _are_numbered(groups) and _fit(groups) and _run(groups) == dict(_totals(groups))


def _artist(songs: list[Song]) -> str:
    """Return the album artist: the one that the tags name, else the one in every song, else many.

    A flag alone makes no compilation: players set it for the best of one artist, too.
    """
    if album_artists := sorted(song.tags.album_artist for song in songs if song.tags.album_artist):
        return Counter(album_artists).most_common(1)[0][0]
    artists = Counter(song.artist for song in songs)
    main = min(artists, key=lambda name: (len(normalise(name)), name))
    words = normalise(main)
    everywhere = all(f" {normalise(name)} ".startswith(f" {words} ") for name in artists)
    return main if everywhere else VARIOUS


def _with_discs(songs: list[Song]) -> list[Song]:
    """Return songs of one album with the discs of those that tell none.

    It is the disc of their folder's other songs. A folder that tells none is a disc of its own where an
    earlier folder has songs of its numbers, unless most of them are copies.
    """
    by_folder: dict[Path, list[Song]] = defaultdict(list)
    for song in _in_order(songs):
        by_folder[song.path.parent].append(song)
    taken: dict[tuple[int, int], Song] = {}
    settled: list[Song] = []
    for within in sorted(by_folder.values(), key=lambda within: not any(song.disc for song in within)):
        discs = Counter(song.disc for song in within if song.disc)
        disc = min(discs, key=lambda disc: (-discs[disc], disc)) if discs else _free_disc(within, taken)
        with_disc = [song if song.disc else replace(song, disc=disc) for song in within]
        taken |= {song.place: song for song in with_disc if song.place}
        settled += with_disc
    return settled


def _free_disc(songs: list[Song], taken: dict[tuple[int, int], Song]) -> int | None:
    """Return the next disc for songs whose numbers are taken on the first, None where they are not."""
    pairs = [(song, taken[song.place]) for song in songs if song.place in taken]
    copies = sum(_is_copy(*pair) for pair in pairs)
    return max(disc for disc, _ in taken) + 1 if pairs and 2 * copies < len(pairs) else None


def _is_copy(song: Song, other: Song) -> bool:
    lengths = song.tags.duration_ms, other.tags.duration_ms
    is_as_long = None in lengths or abs((lengths[0] or 0) - (lengths[1] or 0)) <= _COPY_MS
    return normalise(song.title) == normalise(other.title) and is_as_long


def _in_order(songs: list[Song]) -> list[Song]:
    return sorted(songs, key=lambda song: (song.disc or 1, song.number or 10**6, os.fsencode(song.path)))
