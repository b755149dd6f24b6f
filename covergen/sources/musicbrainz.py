"""MusicBrainz: dates, genres with counts, labels, ISRCs under CC0; front covers of the Cover Art Archive."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Final
from urllib.parse import quote, urlencode

from covergen.errors import BadInput, RejectCode
from covergen.sources import enriching
from covergen.sources.enriching import Origin, SourceAlbum, SourceSong
from covergen.sources.field_parsing import join_names
from covergen.sources.http.json_fields import (
    error_in,
    items_in,
    object_in,
    objects,
    part,
    shapeless,
    whole,
    words,
)
from covergen.sources.identity import normalise
from covergen.sources.matching.editions import NOBODY, artist_key, title_key, without_edition
from covergen.sources.matching.matching import Candidate, best, first_artist, isrc_key, upc_key
from covergen.sources.protocol import Found
from covergen.sources.web_source import Answer, Parsed, RateLimit, Refusal, Request, Wanted, usual_refusal

BASE: Final = "https://musicbrainz.org/ws/2"
COVERS: Final = "https://coverartarchive.org"
LICENCE: Final = "CC0-1.0"
COVER_LICENCE: Final = "label-copyright"  # the archive may show them; they stay the labels'
LIMIT_WAIT: Final = 2.0  # seconds after a 503
_LISTS: Final = {"search": "release-groups", "barcode": "releases"}  # of the answers that are one
_GROUP: Final = "artist-credits+genres+releases+media"
_RELEASE: Final = "artist-credits+genres+labels+recordings+isrcs+release-groups+media"
_PAGES: Final = "https://musicbrainz.org"
_PROPER: Final = {"Soundtrack", "Mixtape/Street"}  # of the secondary types: what is still an album proper
_VIDEO: Final = ("dvd", "blu-ray", "vhs", "video", "laserdisc", "vcd")


class MusicBrainzSource:
    """More about known albums, from MusicBrainz and the Cover Art Archive.

    `base` and `covers` are the addresses of the two; the User-Agent has to name a contact. A release is found
    by its barcode; if that is unknown there, the album is searched among the release groups, and the group's
    release nearest to the original is looked up.
    """

    name: ClassVar[str] = "musicbrainz"
    turn: ClassVar[int] = 1
    follow_ups: ClassVar[float] = 1.5
    answer_bytes: ClassVar[int] = 25_000
    media_bytes: ClassVar[Mapping[str, int]] = {"cover": 300_000}  # 1200 px
    is_api: ClassVar[bool] = True

    def __init__(self, *, base: str = BASE, covers: str = COVERS):
        self.base, self.covers = base.rstrip("/"), covers.rstrip("/")
        self.origin = Origin(self.name, LICENCE, COVER_LICENCE)

    def requests(self, wanted: Iterable[Wanted]) -> Iterator[Request]:
        """Yield one search an album: by barcode where it is known, else by artist and title."""
        for album in wanted:
            if upc := upc_key(album.upc):
                number = int(upc)
                query = f"barcode:{number:012} OR barcode:{number:013}"
                yield self._ask(album, "barcode", "release", query=query, limit="25")
            else:
                yield self._search(album)

    def rate_limit(self, request: Request) -> RateLimit:
        """One request a second, one at a time."""
        return RateLimit(request.source, 1, 1.0, at_once=1)

    def headers(self) -> dict[str, str]:
        """JSON, please."""
        return {"accept": "application/json"}

    def refusal(self, request: Request, answer: Answer) -> Refusal | None:
        """Return what an answer refuses: 503 is its rate limit, 403 a User-Agent without a contact."""
        if answer.status in {429, 503}:
            said = f"MusicBrainz answered {request.url} with {answer.status}: more than one request a second"
            return Refusal(RejectCode.RATE_LIMITED, said, wait=LIMIT_WAIT, again=True)
        if answer.status == 403:
            said = "MusicBrainz answered with 403: it wants a User-Agent with a contact, an address or a page"
            return Refusal(RejectCode.FORBIDDEN, said)
        if refused := usual_refusal(answer):
            return refused
        if error := error_in(answer, "error"):
            said = f"MusicBrainz answered {request.url} with an error: {error}"
            return Refusal(RejectCode.SOURCE_ERROR, said)
        name = _LISTS.get(request.kind)
        return shapeless(answer, lists=(name,)) if name else shapeless(answer, texts=("id",))

    def parse(self, request: Request, answer: Answer) -> Parsed:
        """Return what to look up of a search or of a group of releases, and the records of a release."""
        wanted = enriching.wanted_of(request)
        parsers = {"barcode": self._by_barcode, "search": self._searched, "group": self._group}
        try:
            if request.kind == "release":
                return self._release(wanted, request, answer)
            return parsers[request.kind](wanted, answer)
        except BadInput as problem:
            return Parsed(enriching.rejected(wanted, problem, self.name))

    def _by_barcode(self, wanted: Wanted, answer: Answer) -> Parsed:
        releases = items_in(object_in(answer), "releases", answer)
        try:
            chosen = best(wanted, [candidate(release) for release in releases if words(release, "id")])
        except BadInput:
            return Parsed(follow=(self._search(wanted),))
        return Parsed(follow=(self._look_up(wanted, "release", chosen.id),))

    def _searched(self, wanted: Wanted, answer: Answer) -> Parsed:
        groups = items_in(object_in(answer), "release-groups", answer)
        chosen = best(wanted, [candidate(group) for group in groups if words(group, "id")])
        return Parsed(follow=(self._look_up(wanted, "group", chosen.id),))

    def _group(self, wanted: Wanted, answer: Answer) -> Parsed:
        group = object_in(answer)
        genres = genre_counts(group)
        if release := original(wanted, group):
            more = {"genres": json.dumps(genres, ensure_ascii=False)}
            return Parsed(follow=(self._look_up(wanted, "release", release, **more),))
        return Parsed(self._album(wanted, group, words(group, "id"), genres, answer))

    def _release(self, wanted: Wanted, request: Request, answer: Answer) -> Parsed:
        release = object_in(answer)
        if not words(release, "id") or not words(release, "title"):
            raise BadInput(RejectCode.MISSING_FIELD, f"the release of {answer.url} has no id or no title")
        group = group_of(release)
        counts = json.loads(request.about.get("genres", "{}"))
        for more in (genre_counts(group), genre_counts(release)):
            counts = {name: max(counts.get(name, 0), more.get(name, 0)) for name in {**counts, **more}}
        found = self._album(wanted, release, words(group, "id"), counts, answer)
        album = album_of(release, (), self._cover(words(group, "id")))
        found.add(enriching.songs_found(wanted, album, songs_of(release), self.origin))
        return Parsed(found)

    def _album(
        self, wanted: Wanted, thing: Mapping[str, Any], group: str, genres: Mapping[str, int], answer: Answer
    ) -> Found:
        """Return an album's genres, the most agreed on first, and its cover."""
        ordered = sorted(genres, key=lambda name: (-genres[name], name))
        album = album_of(thing, ordered, self._cover(group))
        return enriching.album_found(wanted, album, self.origin, fetched_at=answer.fetched_at)

    def _cover(self, group: str) -> str | None:
        return f"{self.covers}/release-group/{quote(group, safe='')}/front-1200" if group else None

    def _search(self, wanted: Wanted) -> Request:
        query = f"releasegroup:{phrase(without_edition(wanted.title))}"
        if artist_key(wanted.artist) not in NOBODY:
            query += f" AND artist:{phrase(first_artist(wanted.artist))}"
        return self._ask(wanted, "search", "release-group", query=query, limit="25")

    def _look_up(self, wanted: Wanted, kind: str, id: str, **more: str) -> Request:
        place, included = ("release-group", _GROUP) if kind == "group" else ("release", _RELEASE)
        url = f"{self.base}/{place}/{quote(id, safe='')}?inc={included}&fmt=json"
        return Request(self.name, kind, url, enriching.about(wanted, **more))

    def _ask(self, wanted: Wanted, kind: str, place: str, **parameters: str) -> Request:
        url = f"{self.base}/{place}?{urlencode({**parameters, 'fmt': 'json'})}"
        return Request(self.name, kind, url, enriching.about(wanted))


def phrase(text: str) -> str:
    r"""Return a text as a phrase of Lucene's query syntax, in which nothing but " and \ is special."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


# What MusicBrainz tells of groups, releases and recordings. Any field may be missing or null.


def candidate(thing: Mapping[str, Any]) -> Candidate:
    """Return a group or a release of a search as a candidate."""
    group = group_of(thing)
    kind, more = words(group, "primary-type").lower(), group.get("secondary-types")
    if isinstance(more, list):
        kind = next((each.lower() for each in more if isinstance(each, str) and each not in _PROPER), kind)
    return Candidate(
        id=words(thing, "id"),
        artist=credit(thing),
        title=words(thing, "title"),
        year=_date(thing) or None,
        upc=words(thing, "barcode") or None,
        kind=kind or None,
    )


def album_of(thing: Mapping[str, Any], genres: Iterable[str], cover: str | None) -> SourceAlbum:
    """Return a release, or a group without one, as an album."""
    labels = [words(part(each, "label"), "name") for each in objects(thing, "label-info")]
    group = group_of(thing)
    kind = "release-group" if group is thing else "release"
    return SourceAlbum(
        artist=credit(thing) or credit(group),
        title=words(thing, "title"),
        date=words(group, "first-release-date") or _date(thing) or None,
        genres=tuple(genres),
        label=next(filter(None, labels), None),
        cover=cover,
        url=f"{_PAGES}/{kind}/{words(thing, 'id')}",
    )


def songs_of(release: Mapping[str, Any]) -> Iterable[SourceSong | BadInput]:
    """Yield the songs of all discs, in order; videos are none."""
    for place, medium in enumerate(objects(release, "media"), start=1):
        if words(medium, "format").lower().startswith(_VIDEO):
            continue
        for track in objects(medium, "tracks"):
            if part(track, "recording").get("video") is not True:
                yield _song(track, release, whole(medium, "position") or place)


def original(wanted: Wanted, group: Mapping[str, Any]) -> str | None:
    """Return the id of a group's release to look up; None where it tells of none.

    One in the wanted spelling goes first, then official ones, then those that are no edition and need no
    words to be told apart, then the earliest; of dates that agree as far as they go, the fuller.
    """

    def rank(release: Mapping[str, Any]) -> tuple[Any, ...]:
        title, date = words(release, "title"), _date(release)
        return (
            normalise(title) != normalise(wanted.title),
            words(release, "status") not in {"Official", ""},
            title_key(title).is_edition or bool(words(release, "disambiguation")),
            date + "-99-99"[len(date) - 4 :] if date else "9999",
            words(release, "id"),
        )

    releases = [each for each in objects(group, "releases") if words(each, "id") and words(each, "title")]
    return words(min(releases, key=rank), "id") if releases else None


def genre_counts(thing: Mapping[str, Any]) -> dict[str, int]:
    """Return genres with the votes for them; those voted down are left out."""
    counts = {words(each, "name"): whole(each, "count") for each in objects(thing, "genres")}
    return {name: count for name, count in counts.items() if name and count}


def group_of(thing: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the group of a release, or the group itself; an empty one where it is not told."""
    return thing if "primary-type" in thing else part(thing, "release-group")


def credit(thing: Mapping[str, Any]) -> str:
    """Return who is credited; several joined by '; ', as elsewhere, whatever joins them on the cover."""
    credits = objects(thing, "artist-credit")
    return join_names(words(each, "name") or words(part(each, "artist"), "name") for each in credits)


def _song(track: Mapping[str, Any], release: Mapping[str, Any], disc: int) -> SourceSong | BadInput:
    recording = part(track, "recording")
    if not (title := words(track, "title") or words(recording, "title")):
        return BadInput(RejectCode.MISSING_FIELD, "the track of MusicBrainz has no title")
    isrcs = recording.get("isrcs")
    keys = [isrc_key(each) for each in isrcs if isinstance(each, str)] if isinstance(isrcs, list) else []
    ids = {
        "musicbrainz": words(recording, "id"),
        "musicbrainz_release": words(release, "id"),
        "musicbrainz_release_group": words(group_of(release), "id"),
    }
    return SourceSong(
        title=title,
        artist=credit(track) or credit(recording),
        disc=disc,
        number=whole(track, "position"),
        isrcs=tuple(sorted(filter(None, keys))),
        duration_ms=whole(track, "length") or whole(recording, "length"),
        url=f"{_PAGES}/recording/{ids['musicbrainz']}" if ids["musicbrainz"] else None,
        ids={name: id for name, id in ids.items() if id},
    )


def _date(thing: Mapping[str, Any]) -> str:
    return words(thing, "first-release-date") or words(thing, "date")
