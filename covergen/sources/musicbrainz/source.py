"""MusicBrainz: dates, genres with counts, labels and ISRCs under CC0; front covers of the Cover Art Archive.

What is asked and how often is here, what the answers tell in `musicbrainz_rows.py`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Final
from urllib.parse import quote, urlencode

from covergen.errors import BadInput, RejectCode
from covergen.sources import enriching
from covergen.sources.enriching import Origin
from covergen.sources.http.json_fields import error_in, items_in, object_in, shapeless, words
from covergen.sources.matching.editions import NOBODY, artist_key, without_edition
from covergen.sources.matching.matching import best, first_artist, upc_key
from covergen.sources.musicbrainz import rows as told
from covergen.sources.protocol import Found
from covergen.sources.request import Answer, Manners, Parsed, Refusal, Request, Wanted, usual_refusal

BASE: Final = "https://musicbrainz.org/ws/2"
COVERS: Final = "https://coverartarchive.org"
LICENCE: Final = "CC0-1.0"
COVER_LICENCE: Final = "label-copyright"  # the archive may show them; they stay the labels'
LIMIT_WAIT: Final = 2.0  # seconds after a 503
_LISTS: Final = {"search": "release-groups", "barcode": "releases"}  # of the answers that are one
_GROUP: Final = "artist-credits+genres+releases+media"
_RELEASE: Final = "artist-credits+genres+labels+recordings+isrcs+release-groups+media"


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

    def manners(self, request: Request) -> Manners:
        """One request a second, one at a time."""
        return Manners(request.source, 1, 1.0, at_once=1)

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
            chosen = best(wanted, [told.candidate(release) for release in releases if words(release, "id")])
        except BadInput:
            return Parsed(follow=(self._search(wanted),))
        return Parsed(follow=(self._look_up(wanted, "release", chosen.id),))

    def _searched(self, wanted: Wanted, answer: Answer) -> Parsed:
        groups = items_in(object_in(answer), "release-groups", answer)
        chosen = best(wanted, [told.candidate(group) for group in groups if words(group, "id")])
        return Parsed(follow=(self._look_up(wanted, "group", chosen.id),))

    def _group(self, wanted: Wanted, answer: Answer) -> Parsed:
        group = object_in(answer)
        genres = told.genre_counts(group)
        if release := told.original(wanted, group):
            more = {"genres": json.dumps(genres, ensure_ascii=False)}
            return Parsed(follow=(self._look_up(wanted, "release", release, **more),))
        return Parsed(self._album(wanted, group, words(group, "id"), genres, answer))

    def _release(self, wanted: Wanted, request: Request, answer: Answer) -> Parsed:
        release = object_in(answer)
        if not words(release, "id") or not words(release, "title"):
            raise BadInput(RejectCode.MISSING_FIELD, f"the release of {answer.url} has no id or no title")
        group = told.group_of(release)
        counts = json.loads(request.about.get("genres", "{}"))
        for more in (told.genre_counts(group), told.genre_counts(release)):
            counts = {name: max(counts.get(name, 0), more.get(name, 0)) for name in {**counts, **more}}
        found = self._album(wanted, release, words(group, "id"), counts, answer)
        album = told.album(release, (), self._cover(words(group, "id")))
        songs = enriching.songs_found(wanted, album, told.songs(release), self.origin)
        return Parsed(
            Found(found.albums, songs.tracks, found.media + songs.media, found.rejects + songs.rejects)
        )

    def _album(
        self, wanted: Wanted, thing: Mapping[str, Any], group: str, genres: Mapping[str, int], answer: Answer
    ) -> Found:
        """Return an album's genres, the most agreed on first, and its cover."""
        ordered = sorted(genres, key=lambda name: (-genres[name], name))
        album = told.album(thing, ordered, self._cover(group))
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

    def _ask(self, wanted: Wanted, kind: str, place: str, **asked: str) -> Request:
        url = f"{self.base}/{place}?{urlencode({**asked, 'fmt': 'json'})}"
        return Request(self.name, kind, url, enriching.about(wanted))


def phrase(text: str) -> str:
    r"""Return a text as a phrase of Lucene's query syntax, in which nothing but " and \ is special."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
