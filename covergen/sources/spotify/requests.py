"""What Spotify's Web API is asked, and what a request carries for the parser of its answer.

Every request is about one or several albums: `subjects` holds a `Subject` each as JSON, `albums` their ids.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final
from urllib.parse import urlencode

from covergen.errors import BadInput, ConfigError, RejectCode
from covergen.sources.field_parsing import VARIOUS, clean_text
from covergen.sources.http.addresses import query_of
from covergen.sources.identity import normalise
from covergen.sources.matching.matching import isrc_key, upc_key
from covergen.sources.web_source import Request, Wanted, WantedTrack

NAME: Final = "spotify"
BASE: Final = "https://api.spotify.com/v1"
_ALBUM_IDS: Final = ("spotify_album", "spotify_album_id", "album_id")
_ID: Final = re.compile(r"[0-9A-Za-z]{22}")
_QUERY: Final = 100  # longer ones have been answered with 400 and 404
_ARTIST: Final = 35
_PAGE: Final = 50  # songs of an album in one answer, whatever the surface


@dataclass(frozen=True)
class Surface:
    """How much one call may ask for; None: not in batches."""

    search: int
    albums: int | None = None
    tracks: int | None = None
    artists: int | None = None


SURFACES: Final[Mapping[str, Surface]] = {
    "development": Surface(search=10),
    "extended": Surface(search=50, albums=20, tracks=50, artists=50),
}


@dataclass(frozen=True)
class Subject:
    """A wanted album and what is known of it at Spotify: `steps` are searches not yet made."""

    wanted: Wanted
    spotify_id: str | None = None
    steps: tuple[tuple[str, str], ...] = ()  # (upc, isrc or words, what for)
    facts: Mapping[str, Any] = field(default_factory=dict)  # of the album, once it is known
    songs: tuple[tuple[str, str], ...] = ()  # (Spotify's id, track_id), in the order asked

    @property
    def name(self) -> str:
        """What a person looks for."""
        return f"{self.wanted.artist}: {self.wanted.title}"


def begin(wanted: Wanted) -> Subject:
    """Return a wanted album with its Spotify id if it is known, else with the searches that may find it."""
    known = (track.ids.get(place) or "" for track in wanted.tracks for place in _ALBUM_IDS)
    if spotify_id := next(filter(_ID.fullmatch, known), None):
        return Subject(wanted, spotify_id)
    steps = [("upc", upc) for upc in _upcs(wanted.upc)]
    if not steps:
        isrcs = (isrc_key(track.isrc) for track in wanted.tracks)
        steps = [("isrc", isrc) for isrc in isrcs if isrc][:1]
    return Subject(wanted, steps=(*steps, ("words", _words(wanted))))


def subjects_of(request: Request) -> list[Subject]:
    """Return what a request is about."""
    return [_read(fields) for fields in json.loads(request.about["subjects"])]


class Asking:
    """Makes the requests for one surface of the API at `base`; `market` is a country's two letters."""

    def __init__(self, base: str, surface: str, market: str | None):
        if surface not in SURFACES:
            kinds = " or ".join(SURFACES)
            raise ConfigError(f"The source spotify has no surface={surface!r}; it is {kinds}.")
        if market is not None and not re.fullmatch(r"[A-Z]{2}", market):
            raise ConfigError(
                f"The source spotify: market={market!r} is not a country's two capital letters."
            )
        self.base = base.rstrip("/")
        self.surface = SURFACES[surface]
        self._market = {"market": market} if market else {}

    def search(self, subject: Subject) -> Request:
        """Return the first of a subject's searches; there has to be one."""
        (kind, text), *later = subject.steps
        query = text if kind == "words" else f"{kind}:{text}"
        parameters = {
            "q": query,
            "type": "track" if kind == "isrc" else "album",
            "limit": self.surface.search,
        }
        subject = replace(subject, steps=tuple(later))
        return self._request(f"search_{kind}", "search", [subject], **parameters)

    def albums(self, subjects: Sequence[Subject]) -> list[Request]:
        """Return requests for the albums of subjects whose Spotify id is known."""
        if self.surface.albums is None:
            return [self._request("album", f"albums/{each.spotify_id}", [each]) for each in subjects]
        if len(subjects) == 1:
            return [self._request("album", f"albums/{subjects[0].spotify_id}", subjects)]
        return [
            self._request("albums", "albums", part, ids=",".join(str(each.spotify_id) for each in part))
            for part in _parts(subjects, self.surface.albums)
        ]

    def songs(self, subject: Subject) -> list[Request]:
        """Return requests for the songs of a subject, whole ones; none where there are no batches."""
        if self.surface.tracks is None:
            return []
        bare = _without_tracks(subject)
        return [
            self._request(
                "songs", "tracks", [replace(bare, songs=tuple(part))], ids=",".join(id for id, _ in part)
            )
            for part in _parts(subject.songs, self.surface.tracks)
        ]

    def artists(self, subjects: Sequence[Subject]) -> list[Request]:
        """Return requests for the artists of subjects, for their genres; none where there are no batches."""
        if self.surface.artists is None:
            return []
        bare = [_without_tracks(each) for each in subjects]
        return [
            self._request("artists", "artists", part, ids=",".join(_artist_ids(part)))
            for part in _by_artists(bare, self.surface.artists)
        ]

    def first_page(self, subject: Subject) -> Request:
        """Return the request for an album's songs, for an answer that tells none."""
        return self._request("page", f"albums/{subject.spotify_id}/tracks", [subject], limit=_PAGE)

    def next_page(self, subject: Subject, page: Mapping[str, Any]) -> Request | None:
        """Return the request for what follows a page of songs; None at the end.

        Raises BadInput for an address elsewhere, which may not be given a token, or one that leads back.
        """
        if not (url := page.get("next")):
            return None
        here = page.get("offset")
        leads_on = _offset(str(url)) > (here if isinstance(here, int) else 0)
        if not leads_on or not str(url).startswith(f"{self.base}/"):
            raise BadInput(RejectCode.NEW_LAYOUT, f"the next page of its songs is said to be {url}")
        return Request(NAME, "page", str(url), _about([subject]))

    def _request(self, kind: str, path: str, subjects: Sequence[Subject], **parameters: Any) -> Request:
        query = urlencode({**parameters, **self._market}, safe=",")
        return Request(NAME, kind, f"{self.base}/{path}{'?' if query else ''}{query}", _about(subjects))


def _about(subjects: Sequence[Subject]) -> dict[str, str]:
    return {
        "albums": json.dumps([each.wanted.album_id for each in subjects]),
        "subjects": json.dumps([asdict(each) for each in subjects], ensure_ascii=False, sort_keys=True),
    }


def _read(fields: dict[str, Any]) -> Subject:
    wanted = fields["wanted"]
    tracks = tuple(WantedTrack(**track) for track in wanted["tracks"])
    return Subject(
        Wanted(**{**wanted, "tracks": tracks}),
        fields["spotify_id"],
        tuple((kind, text) for kind, text in fields["steps"]),
        fields["facts"],
        tuple((spotify_id, track_id) for spotify_id, track_id in fields["songs"]),
    )


def _upcs(upc: str | None) -> list[str]:
    """Return the spellings of a UPC in Spotify's index: of 12 digits, of 13 or 14 with leading zeros."""
    key = upc_key(upc)
    return list(dict.fromkeys(key.lstrip("0").zfill(length) for length in (12, 13, 14))) if key else []


def _words(wanted: Wanted) -> str:
    """Return the search for artist and title, as much of them as a query may hold."""
    artist = _cut(wanted.artist.split(";")[0], _ARTIST)
    if normalise(artist) == normalise(VARIOUS):
        artist = ""
    by = f' artist:"{artist}"' if artist else ""
    return f'album:"{_cut(wanted.title, _QUERY - len(by) - 8)}"{by}'


def _cut(text: str, length: int) -> str:
    """Return the words of a text that fit a length, without quotes; a first word longer than that is cut."""
    bare = clean_text(text.replace('"', " "))
    if len(bare) <= length:
        return bare
    return bare[: length + 1].rpartition(" ")[0].strip() or bare[:length]


def _offset(url: str) -> int:
    value = query_of(url).get("offset", "")
    return int(value) if value.isascii() and value.isdigit() else -1


def _artist_ids(subjects: Iterable[Subject]) -> list[str]:
    return list(dict.fromkeys(id for each in subjects for id in each.facts.get("artist_ids", ())))


def _by_artists(subjects: Sequence[Subject], size: int) -> list[list[Subject]]:
    """Return subjects in parts whose artists fit one request; without artists, none."""
    parts: list[list[Subject]] = []
    for each in filter(lambda each: each.facts.get("artist_ids"), subjects):
        if parts and len(_artist_ids([*parts[-1], each])) <= size:
            parts[-1].append(each)
        else:
            parts.append([each])
    return parts


def _without_tracks(subject: Subject) -> Subject:
    return replace(subject, wanted=replace(subject.wanted, tracks=()), songs=())


def _parts(several: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [several[start : start + size] for start in range(0, len(several), size)]
