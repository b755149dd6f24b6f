"""iTunes Search: a whole album in one lookup, with genre, cover and 30 s previews. It asks for no key.

Covers and previews are for promoting the store, which their licence says.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from covergen.errors import BadInput, ConfigError, RejectCode
from covergen.sources import enriching
from covergen.sources.enriching import Origin, SourceAlbum, SourceSong
from covergen.sources.http.json_fields import address, error_in, items_in, object_in, shapeless, whole, words
from covergen.sources.matching.editions import without_edition
from covergen.sources.matching.matching import Candidate, best, first_artist, upc_key
from covergen.sources.web_source import Answer, Parsed, RateLimit, Refusal, Request, Wanted, usual_refusal

BASE: Final = "https://itunes.apple.com"
LICENCE: Final = "itunes-promotional"
LIMIT_WAIT: Final = 60.0  # seconds: the limit is told by the minute
_SUFFIX: Final = re.compile(r"\s+-\s+(EP|Single)$")
_ART: Final = re.compile(r"/\d+x\d+(bb|cc|sr)?(-\d+)?\.(jpg|png|webp)$")
_SONGS: Final = 200  # the most that one lookup gives


class ITunesSource:
    """More about known albums, from Apple's iTunes Search API.

    `base` is the address it asks, `country` the store, two letters, `cover_size` the pixels of a cover. An
    album is looked up by its UPC; if that is unknown there, it is searched, chosen and looked up.
    """

    name: ClassVar[str] = "itunes"
    turn: ClassVar[int] = 1
    follow_ups: ClassVar[float] = 1
    answer_bytes: ClassVar[int] = 20_000
    media_bytes: ClassVar[Mapping[str, int]] = {
        "cover": 250_000,
        "audio": 1_000_000,
    }  # 1000 px; 30 s of 256 kb/s
    is_api: ClassVar[bool] = True

    def __init__(self, *, base: str = BASE, country: str = "us", cover_size: int = 1000):
        if not re.fullmatch(r"[A-Za-z]{2}", country):
            raise ConfigError(f"itunes: country {country!r} is no store; give two letters such as us or de.")
        self.base, self.country, self.cover_size = base.rstrip("/"), country.lower(), cover_size
        self.origin = Origin(self.name, LICENCE)

    def requests(self, wanted: Iterable[Wanted]) -> Iterator[Request]:
        """Yield one request an album: by UPC where it is known, else a search."""
        for album in wanted:
            if upc := upc_key(album.upc):
                yield self._lookup(album, upc=f"{int(upc):012}")
            else:
                yield self._search(album)

    def rate_limit(self, request: Request) -> RateLimit:
        """20 requests a minute, one at a time."""
        return RateLimit(request.source, 20, 60.0, at_once=1)

    def headers(self) -> dict[str, str]:
        """Nothing is asked for; answers are JSON, whatever type they say they are."""
        return {}

    def refusal(self, request: Request, answer: Answer) -> Refusal | None:
        """Return what an answer refuses: a 403 with an empty body is the rate limit, and forbids nothing."""
        if answer.status == 429 or (answer.status == 403 and not answer.body.strip()):
            said = f"iTunes answered {request.url} with {answer.status}: too many requests a minute"
            return Refusal(RejectCode.RATE_LIMITED, said, wait=LIMIT_WAIT, again=True)
        if refused := usual_refusal(answer):
            return refused
        if error := error_in(answer, "errorMessage"):
            return Refusal(RejectCode.SOURCE_ERROR, f"iTunes answered {request.url} with an error: {error}")
        return shapeless(answer, lists=("results",))

    def parse(self, request: Request, answer: Answer) -> Parsed:
        """Return the album to look up of a search, and the records of a lookup."""
        wanted = enriching.wanted_of(request)
        try:
            results = items_in(object_in(answer), "results", answer)
            if request.kind == "search":
                return Parsed(follow=(self._lookup(wanted, id=_best(wanted, results).id),))
            return self._looked_up(wanted, results, request, answer)
        except BadInput as problem:
            return Parsed(enriching.rejected(wanted, problem, self.name))

    def _looked_up(
        self, wanted: Wanted, results: list[Mapping[str, Any]], request: Request, answer: Answer
    ) -> Parsed:
        albums = {words(each, "collectionId"): each for each in _albums(results)}
        if request.about["by"] == "upc":
            if not albums:
                return Parsed(follow=(self._search(wanted),))
            chosen = _best(wanted, list(albums.values()), upc=wanted.upc).id
        else:
            chosen = request.about["itunes_album"]
        if chosen not in albums:
            raise BadInput(RejectCode.NOT_FOUND, f"iTunes no longer has the album {chosen}")
        album = self._album_of(albums[chosen])
        songs = [
            _song(each)
            for each in results
            if words(each, "kind") == "song" and words(each, "collectionId") == chosen
        ]
        found = enriching.album_found(wanted, album, self.origin, fetched_at=answer.fetched_at)
        found.add(enriching.songs_found(wanted, album, songs, self.origin))
        return Parsed(found)

    def _album_of(self, album: Mapping[str, Any]) -> SourceAlbum:
        art, genre = address(album, "artworkUrl100"), words(album, "primaryGenreName")
        return SourceAlbum(
            artist=words(album, "artistName"),
            title=_split(words(album, "collectionName"))[0],
            date=words(album, "releaseDate")[:10] or None,
            genres=(genre,) if genre else (),
            cover=larger(art, self.cover_size) if art else None,
            url=address(album, "collectionViewUrl"),
        )

    def _search(self, wanted: Wanted) -> Request:
        term = f"{first_artist(wanted.artist)} {without_edition(wanted.title)}"
        parameters = {"term": term, "entity": "album", "media": "music"}
        return self._ask(wanted, "search", parameters | {"limit": "25"}, by="words")

    def _lookup(self, wanted: Wanted, *, id: str = "", upc: str = "") -> Request:
        parameters = {"upc": upc} if upc else {"id": id}
        parameters |= {"entity": "song", "limit": str(_SONGS)}
        more = {"by": "upc"} if upc else {"by": "id", "itunes_album": id}
        return self._ask(wanted, "lookup", parameters, **more)

    def _ask(self, wanted: Wanted, kind: str, parameters: Mapping[str, str], **more: str) -> Request:
        url = f"{self.base}/{kind}?{urlencode({**parameters, 'country': self.country})}"
        return Request(self.name, kind, url, enriching.about(wanted, **more))


def larger(art: str, size: int) -> str:
    """Return the address of a cover of `size` pixels a side.

    The last part of an artwork's address names its size, as in .../100x100bb.jpg, and the host makes any that
    is no larger than the original. An address of another form stays as it is.
    """
    return _ART.sub(lambda found: f"/{size}x{size}{found[1] or ''}{found[2] or ''}.{found[3]}", art)


def _albums(results: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [each for each in results if words(each, "wrapperType") == "collection"]


def _best(wanted: Wanted, results: list[Mapping[str, Any]], upc: str | None = None) -> Candidate:
    """Return the best of the albums; `upc`: what they were found by, which they do not tell."""
    return best(wanted, [_candidate(each, upc) for each in _albums(results)])


def _candidate(album: Mapping[str, Any], upc: str | None) -> Candidate:
    title, kind = _split(words(album, "collectionName"))
    return Candidate(
        id=words(album, "collectionId"),
        artist=words(album, "artistName"),
        title=title,
        year=words(album, "releaseDate")[:4] or None,
        upc=upc,
        kind=kind,
    )


def _split(title: str) -> tuple[str, str]:
    """Return a title and its kind: the store writes "Blue - EP" and "Blue - Single"."""
    found = _SUFFIX.search(title)
    return (title[: found.start()], found[1].lower()) if found else (title, "album")


def _song(song: Mapping[str, Any]) -> SourceSong | BadInput:
    if not (title := words(song, "trackName")):
        return BadInput(RejectCode.MISSING_FIELD, "the song of iTunes has no title")
    ids = {"itunes": words(song, "trackId"), "itunes_album": words(song, "collectionId")}
    return SourceSong(
        title=title,
        artist=words(song, "artistName"),
        disc=whole(song, "discNumber"),
        number=whole(song, "trackNumber"),
        duration_ms=whole(song, "trackTimeMillis"),
        preview=address(song, "previewUrl"),
        url=address(song, "trackViewUrl"),
        ids={name: id for name, id in ids.items() if id},
    )
