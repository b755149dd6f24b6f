"""Which of the things that a source offers is the album, or the song, that is wanted.

A wrong match puts another's sound and cover on an album, a missed one only leaves a gap: in doubt, none. Rows
of one catalogue are merged by a stricter rule, which knows their songs: `catalog/deduplicate.py`.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeVar

from covergen.errors import BadInput, RejectCode
from covergen.sources.field_parsing import parse_date
from covergen.sources.identity import normalise
from covergen.sources.matching.editions import (
    NOBODY,
    artist_key,
    first_name,
    fold,
    title_key,
    without_edition,
    years_since,
)
from covergen.sources.matching.spellings import AlbumTitle, read_title, same_spelling, same_title, scripts
from covergen.sources.matching.versions import version
from covergen.sources.web_source import Wanted, WantedTrack

_KIND_RANK: Final = {"album": 0, "single": 0}  # any other: 1
_UNDATED: Final = 2  # behind the same year and the next one
_JOINTS: Final = re.compile(
    r"\s*(?:[;,&/+、，]|\b(?:and|with|x|vs\.?|feat\.?|ft\.?|featuring)\s)\s*", re.IGNORECASE
)
_SPACED_JOINTS: Final = re.compile(
    r"\s*[,、，]\s*|\s+(?:[&/+×]|and|with|x|vs\.?|feat\.?|ft\.?|featuring)\s+", re.IGNORECASE
)
_ONE_ACT: Final = re.compile(r"[^,&]+(?:,[^,&]+)+,?\s+(?:&|and)\s[^,&]+|[^,&]+,\s*the\s[^,&]+", re.IGNORECASE)
_READING: Final = re.compile(r"(.*\S)\s*[(\[]([^()\[\]]+)[)\]]")
_PROFESSION: Final = re.compile(
    r"(.*\S)\s*\((?:band|group|duo|singer|musician|rapper|artist|producer)\)", re.IGNORECASE
)
_INVERTED: Final = re.compile(r"([^,;&]+),\s*([^,;&]+)")
_MANY: Final = NOBODY - {"unknown artist", "unknown"}
_ALBUM_VERSION: Final = re.compile(r"\s*[(\[-]\s*(?:album|lp|original) version\s*[)\]]?$", re.IGNORECASE)
_GUESTS: Final = re.compile(r"\s+(?:feat|ft)\.\s.*$", re.IGNORECASE)  # of songs; brackets: `title_key`
_SHOWN: Final = 4  # of what was offered, in a reason


@dataclass(frozen=True)
class Candidate:
    """An album that a source offers. `kind`: album, ep, single, compilation, live..., where that is told."""

    id: str
    artist: str
    title: str
    year: str | None = None
    upc: str | None = None
    kind: str | None = None


@dataclass(frozen=True)
class TrackCandidate:
    """A song that a source offers."""

    id: str
    artist: str
    title: str
    isrc: str | None = None
    album: str = ""


_Offered = TypeVar("_Offered", Candidate, TrackCandidate)
_Rank = tuple[int, ...]
_Sorted = tuple[list[tuple[_Rank, _Offered]], list[tuple[_Offered, str]]]


def upc_key(text: str | None) -> str | None:
    """Return a UPC, EAN or GTIN as 14 digits, leading zeros in front; None for what is none."""
    digits = re.sub(r"[\s-]", "", text or "")
    number = digits.lstrip("0")
    return number.zfill(14) if digits.isascii() and digits.isdigit() and 8 <= len(number) <= 14 else None


def isrc_key(text: str | None) -> str | None:
    """Return an ISRC as its 12 capital letters and digits; None for what is none."""
    bare = re.sub(r"[\s-]", "", text or "").upper()
    return bare if re.fullmatch(r"[A-Z]{2}[A-Z0-9]{3}\d{7}", bare) else None


def best(wanted: Wanted, candidates: Iterable[Candidate]) -> Candidate:
    """Return the candidate that is the wanted album. Raises BadInput, NO_MATCH, naming what was offered.

    The same UPC decides. Else artist and title have to agree, and the years within one where both are known,
    unless one of the two is another edition: see `_may_be_edition`. The album proper goes before an EP or a
    compilation, then before an edition, then the nearer year and the nearer spelling; among equals the first
    that is offered, except that two of different years or nicknames are not equals: then there is none.
    """
    description = f"the album {wanted.title!r} by {wanted.artist} ({wanted.year or 'of an unknown year'})"
    return _first(description, _ranked(candidates, lambda each: _judged(wanted, each, dated=True)))


def leads(wanted: Wanted, candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return those which may be the wanted album as far as is known, the likeliest first.

    For sources whose search tells too little, no years say: look them up in turn and ask `best` of each.
    """
    ranked, _ = _ranked(candidates, lambda each: _judged(wanted, each, dated=False))
    return [each for _, each in ranked]


def best_track(
    wanted: WantedTrack, candidates: Iterable[TrackCandidate], *, album: str = ""
) -> TrackCandidate:
    """Return the candidate that is the wanted song. Raises BadInput, NO_MATCH, naming what was offered.

    The same ISRC decides. Else artist and title have to agree but for guests and "Remastered"; live and other
    versions are other songs. The whole artist goes before the first of several, then the song on `album`, the
    title of the wanted album, then the nearer spelling; among equals the first that is offered.
    """
    description = f"the song {wanted.title!r} by {wanted.artist}"
    return _first(description, _ranked(candidates, lambda each: _judged_track(wanted, each, album)))


def same_artist(one: str, other: str) -> bool:
    """Say whether two names are one artist, or the same artists joined otherwise: "A & B" and "B; A"."""
    names = _names(one)
    if artist_key(one) == artist_key(other) or (bool(names) and names == _names(other)):
        return True
    return _are_many(one, other) or any(
        same_spelling(a, b) for a in _written(first_name(one)) for b in _written(first_name(other))
    )


def first_artist(artist: str) -> str:
    """Return the first of several names as it is written, the best to search by: A of "A & B".

    What is one name stays whole: slashes and plus signs within a word ("AC/DC"), lists that end in "and"
    ("Earth, Wind & Fire"), "the" after a comma ("Tyler, the Creator").
    """
    first = next((part.strip() for part in artist.split(";") if part.strip()), artist)
    if _ONE_ACT.fullmatch(first):
        return first
    return next((part for part in _SPACED_JOINTS.split(first) if part.strip()), first)


def same_song(one: str, other: str) -> bool:
    """Say whether two titles on one album are one song: guests and "Remastered" do not count."""
    return _song_key(one) == _song_key(other) or same_spelling(_song_name(one), _song_name(other))


def _judged(wanted: Wanted, offered: Candidate, *, dated: bool) -> _Rank | str:
    """Return how near a candidate is, the smaller the nearer, or why it is not the wanted album."""
    if (upc := upc_key(wanted.upc)) and upc == upc_key(offered.upc):
        return (0, 0, 0, 0, 0, 0)
    if rendition := version((offered.title, offered.artist), (wanted.title, wanted.artist)):
        return rendition
    partly = not same_artist(wanted.artist, offered.artist)
    if partly and not _shares_first(wanted.artist, offered.artist):
        return "another artist"
    one, other = read_title(wanted.title, wanted.artist), read_title(offered.title, wanted.artist)
    if not same_title(one, other, kind=offered.kind):
        return "another title"
    if offered.kind == "single" and not _may_be_single(wanted):
        return "a single"
    is_spelt_so = normalise(wanted.title) == normalise(offered.title)
    other_edition = (one.is_edition or other.is_edition) and fold(wanted.title) != fold(offered.title)
    apart = _years_apart(wanted.year, offered.year)
    if (
        apart is not None
        and apart > 1
        and not (other_edition and _may_be_edition(wanted, offered, one, other))
    ):
        return "another year"
    nobody = artist_key(wanted.artist) in {*NOBODY, ""}
    doubtful = partly or nobody or one.has_article != other.has_article or one.nickname != other.nickname
    if doubtful and apart != 0 and (dated or apart is not None):
        return "the same only in part, and not surely of one year"
    edition = (2 if other.is_edition else 1) if other_edition else 0
    years = _UNDATED if apart is None else apart
    kind = 0 if _says(wanted, offered.kind) else _KIND_RANK.get(offered.kind or "album", 1)
    return (1, int(partly), kind, edition, years, int(not is_spelt_so))


def _may_be_edition(wanted: Wanted, offered: Candidate, one: AlbumTitle, other: AlbumTitle) -> bool:
    """Say whether years that are apart may be those of an album and its edition.

    An edition is never older than the album. Where it says of which anniversary it is, that tells the album's
    year; else one that is named after its artist holds to the year, since many artists have two of those.
    """
    album, edition = (wanted, offered) if other.is_edition else (offered, wanted)
    years, later = years_since(edition.title), _years_after(album.year, edition.year)
    if one.is_edition and other.is_edition:
        return not _is_self_titled(one.name, wanted.artist)
    if later < 0:
        return False
    if years is not None:
        return abs(later - years) <= 1
    return not _is_self_titled(one.name, wanted.artist)


def _is_self_titled(title: str, artist: str) -> bool:
    """Say whether an album is named after its artist, or after a part of the name: "Elvis"."""
    return same_spelling(title, artist) or f" {fold(title)} " in f" {fold(artist)} "


def _judged_track(wanted: WantedTrack, offered: TrackCandidate, album: str) -> _Rank | str:
    if (isrc := isrc_key(wanted.isrc)) and isrc == isrc_key(offered.isrc):
        return (0, 0, 0, 0)
    wanted_texts = (wanted.title, wanted.artist, album)
    if rendition := version((offered.title, offered.artist, offered.album), wanted_texts):
        return rendition
    partly = not same_artist(wanted.artist, offered.artist)
    if partly and not _shares_first(wanted.artist, offered.artist):
        return "another artist"
    if not same_song(wanted.title, offered.title):
        return "another title"
    elsewhere = title_key(album).key != title_key(offered.album).key
    return (1, int(partly), int(elsewhere), int(normalise(wanted.title) != normalise(offered.title)))


def _ranked(offered: Iterable[_Offered], judge: Callable[[_Offered], _Rank | str]) -> _Sorted[_Offered]:
    """Return those that match, the best first and equals as they came, and the others with the reason."""
    fit: list[tuple[_Rank, _Offered]] = []
    unfit: list[tuple[_Offered, str]] = []
    for each in offered:
        rank = judge(each)
        if isinstance(rank, str):
            unfit.append((each, rank))
        else:
            fit.append((rank, each))
    return sorted(fit, key=lambda pair: pair[0]), unfit


def _first(description: str, judged: _Sorted[_Offered]) -> _Offered:
    fit, unfit = judged
    if not fit:
        offers = "; ".join(f"{_named(each)}: {reason}" for each, reason in unfit[:_SHOWN])
        more = f"; and {len(unfit) - _SHOWN} more" if len(unfit) > _SHOWN else ""
        raise BadInput(RejectCode.NO_MATCH, f"for {description} there was {offers or 'nothing'}{more}")
    first, *equals = [each for rank, each in fit if rank == fit[0][0]]
    albums = [each for each in (first, *equals) if isinstance(each, Candidate)]
    years = {_year(each.year) for each in albums} - {None}
    nicknames = {read_title(each.title, each.artist).nickname for each in albums}
    if (len(years) > 1 or len(nicknames) > 1) and fit[0][0][0]:
        offers = "; ".join(_named(each) for each in (first, *equals)[:_SHOWN])
        raise BadInput(
            RejectCode.NO_MATCH, f"for {description} there were several, none nearer than the rest: {offers}"
        )
    return first


def _named(each: Candidate | TrackCandidate) -> str:
    year = _year(each.year) if isinstance(each, Candidate) else None
    return f"{each.title!r} by {each.artist}" + (f" ({year})" if year else "")


def _names(artist: str) -> frozenset[str]:
    return frozenset(key for part in _JOINTS.split(artist) if (key := artist_key(part)))


def _are_many(one: str, other: str) -> bool:
    return {artist_key(one), artist_key(other)} <= _MANY


def _written(name: str) -> list[str]:
    """Return how else a name is written: "David Bowie" of "Bowie, David", "Nirvana" of "Nirvana (band)"."""
    bare = found[1] if (found := _PROFESSION.fullmatch(name)) else name
    inverted = _INVERTED.fullmatch(bare)
    return [bare, *([f"{inverted[2]} {inverted[1]}"] if inverted else [])]


def _shares_first(one: str, other: str) -> bool:
    """Say whether one name is that of the other's first artist, or its reading in another script.

    A source may name the first alone, or write "!!! (Chk Chk Chk)" and "BTS (방탄소년단)".
    """
    shorter, longer = sorted((_parts(one), _parts(other)), key=len)
    if len(shorter) == 1 and bool(shorter[0]) and shorter[0] == longer[0]:
        return True
    return any(same_spelling(a, b) for a in _readings(one) for b in _readings(other))


def _readings(artist: str) -> list[str]:
    """Return a name, and the two of "name (the same in another script)"."""
    found = _READING.fullmatch(first_name(artist))
    if not found or scripts(found[1]) == scripts(found[2]) or found[2].isdigit():
        return [artist]
    return [artist, found[1], found[2]]


def _parts(artist: str) -> list[str]:
    return [artist_key(part) for part in _JOINTS.split(artist) if part]


def _song_key(title: str) -> str:
    return title_key(_song_title(title)).key


def _song_name(title: str) -> str:
    return without_edition(_song_title(title))


def _song_title(title: str) -> str:
    return _ALBUM_VERSION.sub("", _GUESTS.sub("", title)) or title


def _says(wanted: Wanted, kind: str | None) -> bool:
    return bool(kind) and f" {fold(wanted.title)} ".endswith(f" {kind} ")


def _may_be_single(wanted: Wanted) -> bool:
    """Say whether one asks for a single: its title says so, or all its known songs are named like it.

    Many an album has a song that bears its name and came out by itself, with another cover.
    """
    own = _song_key(wanted.title)
    songs = {_song_key(track.title) for track in wanted.tracks}
    return wanted.kind in {"ep", "single"} or _says(wanted, "single") or songs == {own}


def _year(text: str | None) -> int | None:
    date, _ = parse_date(text)
    return int(date[:4]) if date else None


def _years_apart(one: str | None, other: str | None) -> int | None:
    first, second = _year(one), _year(other)
    return None if first is None or second is None else abs(first - second)


def _years_after(one: str | None, other: str | None) -> int:
    return (_year(other) or 0) - (_year(one) or 0)
