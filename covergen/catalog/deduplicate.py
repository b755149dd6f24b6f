"""One album in several rows: which of them are the same, and which row stays.

A wrong merge loses an album, a missed one only doubles it: where in doubt, both stay. Rows are compared
within one artist and one title only, so the time is linear in rows.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Set
from typing import Any, Final, NamedTuple

from covergen.sources.matching.editions import NOBODY, TitleKey, artist_key, title_key

Row = Mapping[str, Any]
ENOUGH_TRACKS: Final = 3  # with fewer on either side, track titles prove nothing
SHARED_TRACKS: Final = 0.5  # of the shorter list
NEARLY_ALL: Final = 0.8  # of the longer list


def duplicates(
    albums: Iterable[Row],
    songs: Mapping[str, Set[str]] | None = None,
    *,
    rank: Callable[[str], tuple[Any, ...]] = lambda _: (),
) -> dict[str, str]:
    """Return album_id -> the album_id it is merged into, for every album that does not stay.

    `albums` need album_id, artist, title and release_date, one row per album_id; `songs` holds keys of their
    track titles, which may veto a merge, or make one where sources differ on the year. The lowest
    `rank(album_id)` stays, then one that is no edition, the earliest and the smallest id: the order of the
    rows decides nothing.
    """
    blocks: dict[tuple[str, str], list[_Album]] = defaultdict(list)
    for row in albums:
        artist, title = artist_key(row["artist"]), title_key(row["title"])
        year = row["release_date"][:4] if row["release_date"] else ""
        blocks[artist, title.key].append(_Album(row["album_id"], year, title))
    merged: dict[str, str] = {}
    for (artist, key), block in blocks.items():
        if len(block) == 1:
            continue
        groups = _by_year(block) if artist in NOBODY else _groups(sorted(block), is_own_name=artist == key)
        for group in _joined(groups, songs or {}):
            merged |= _into_one(group, songs or {}, rank)
    return merged


class _Album(NamedTuple):
    album_id: str
    year: str
    title: TitleKey


def _groups(block: list[_Album], *, is_own_name: bool) -> list[list[_Album]]:
    """Return what may be one album among rows of one artist and title.

    Plain titles of two years are two albums (many artists have two named after themselves); an edition of
    later years, or a row without a year, goes with the plain one only where there is just one, an edition of
    an earlier year never, nor of an album named after its artist one of another year. "The Night" and "Night"
    need one year to be one.
    """
    if len({album.year for album in block}) > 1 or not block[0].year:
        with_article = [album for album in block if album.title.has_article]
        without = [album for album in block if not album.title.has_article]
        if with_article and without:
            groups = (_groups(part, is_own_name=is_own_name) for part in (with_article, without))
            return [group for part in groups for group in part]
    plain = {album.year for album in block if album.year and not album.title.is_edition}
    undated = [album for album in block if not album.year]
    if len(plain) > 1:
        return [*_by_year(block), undated]
    first = int(min(plain, default="0"))
    apart = [
        album
        for album in block
        if album.year
        and plain
        and (int(album.year) < first - 1 or (is_own_name and int(album.year) > first + 1))
    ]
    return [[album for album in block if album not in apart], *_by_year(apart)]


def _by_year(block: list[_Album]) -> list[list[_Album]]:
    by_year: dict[str, list[_Album]] = defaultdict(list)
    for album in block:
        by_year[album.year].append(album)
    return [albums for year, albums in sorted(by_year.items()) if year]


def _joined(groups: list[list[_Album]], songs: Mapping[str, Set[str]]) -> list[list[_Album]]:
    """Return the groups, those with the same songs as one: sources may tell one album's year otherwise."""
    joined: list[tuple[Set[str], list[_Album]]] = []
    for group in groups:
        own = max((songs.get(album.album_id, set()) for album in group), key=len, default=set())
        same = next((albums for titles, albums in joined if _surely_same(titles, own)), None)
        if same is None:
            joined.append((own, list(group)))
        else:
            same += group
    return [group for _, group in joined]


def _into_one(
    group: list[_Album], songs: Mapping[str, Set[str]], rank: Callable[[str], tuple[Any, ...]]
) -> dict[str, str]:
    """Return who goes into the best of a group; whom their songs set apart form groups of their own."""
    merged: dict[str, str] = {}
    rest = sorted(group, key=lambda a: (rank(a.album_id), a.title.is_edition, a.year or "9999", a.album_id))
    while len(rest) > 1:
        best, *others = rest
        rest = []
        for album in others:
            if _same_songs(songs.get(best.album_id, set()), songs.get(album.album_id, set())):
                merged[album.album_id] = best.album_id
            else:
                rest.append(album)
    return merged


def _surely_same(one: Set[str], other: Set[str]) -> bool:
    more = max(len(one), len(other))
    return more > ENOUGH_TRACKS and len(one & other) >= NEARLY_ALL * more


def _same_songs(one: Set[str], other: Set[str]) -> bool:
    fewer = min(len(one), len(other))
    return fewer < ENOUGH_TRACKS or len(one & other) >= SHARED_TRACKS * fewer
