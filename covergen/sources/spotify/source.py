"""Spotify's Web API: songs, ids, covers and, for apps that may still have them, popularity and previews.

Two surfaces. New apps are in `development`: ten results a search, one album a call, songs as the album tells
them. An `extended` app asks for songs again in batches, which alone tells popularity and ISRC.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

from covergen.errors import BadInput, ConfigError, RejectCode
from covergen.sources.field_parsing import clean_text
from covergen.sources.spotify.answers import Reader
from covergen.sources.spotify.auth import TOKEN_URL, Token, check_credentials
from covergen.sources.spotify.requests import BASE, NAME, Asking, Subject, begin
from covergen.sources.web_source import (
    Answer,
    Parsed,
    RateLimit,
    Refusal,
    Request,
    Wanted,
    no_answer,
    seconds_to_midnight,
    usual_refusal,
)

WINDOW: Final = 30.0  # seconds over which Spotify counts; how many it allows is not published
BATCHES: Final = frozenset({"albums", "songs", "artists"})
_SHAPES: Final = {  # what the answers of each kind have: an id, or a list
    "search_upc": "albums",
    "search_words": "albums",
    "search_isrc": "tracks",
    "album": "id",
    "albums": "albums",
    "page": "items",
    "songs": "tracks",
    "artists": "artists",
}
_PAUSE: Final = 30.0  # seconds that Spotify counts over, where it does not say how long to wait
_LONGEST: Final = 160


class SpotifySource:
    """More about known albums, asked with one's own app's credentials, once its owner has accepted the terms.

    `base` and `token_url` are the API's addresses; `market` (two letters) is the country whose catalogue is
    searched; `artist_genres` asks an extended app's artists for the genres that albums no longer tell;
    `requests_per_window` are sent in 30 s at most.
    """

    name: ClassVar[str] = NAME
    turn: ClassVar[int] = 1
    follow_ups: ClassVar[float] = 1
    answer_bytes: ClassVar[int] = 20_000
    media_bytes: Mapping[str, int]
    is_api: ClassVar[bool] = True

    def __init__(
        self,
        accept_terms: bool = False,
        *,
        surface: str = "development",
        base: str = BASE,
        token_url: str = TOKEN_URL,
        market: str | None = None,
        artist_genres: bool = False,
        requests_per_window: int = 30,
    ):
        if not accept_terms:
            raise ConfigError(
                "The source spotify is off. Its terms, which we know second-hand, forbid to train models "
                "on Spotify's content and to build databases of it. Read them; set accept_terms=true if what "
                "you do is allowed to you. Training leaves out its rows (licence spotify-terms) unless told "
                "otherwise. The sources deezer, itunes and musicbrainz need no account."
            )
        self.surface = surface
        preview = {"audio": 360_000} if surface == "extended" else {}  # 30 s of 96 kb/s; new apps get none
        self.media_bytes = {"cover": 90_000, **preview}  # 640 px
        self.requests_per_window = requests_per_window
        self._asking = Asking(base, surface, market)
        if artist_genres and self._asking.surface.artists is None:
            raise ConfigError(
                "The source spotify: artist_genres=true asks in batches; it needs surface=extended."
            )
        self._reader = Reader(self._asking, artist_genres=artist_genres)
        check_credentials()
        self._token = Token(token_url)

    def requests(self, wanted: Iterable[Wanted]) -> Iterator[Request]:
        """Yield lookups where the Spotify id is known, in batches if allowed, and searches for the others."""
        known: list[Subject] = []
        for subject in map(begin, wanted):
            if subject.spotify_id is None:
                yield self._asking.search(subject)
                continue
            known.append(subject)
            if len(known) == (self._asking.surface.albums or 1):
                yield from self._asking.albums(known)
                known = []
        yield from self._asking.albums(known)

    def rate_limit(self, request: Request) -> RateLimit:
        """Return the one bucket of all requests."""
        return RateLimit(request.source, self.requests_per_window, WINDOW)

    def headers(self) -> dict[str, str]:
        """Return the bearer token, for which at most one request is sent, blocking.

        Raises ConfigError where Spotify refuses the credentials, BadInput where it gives no token just now.
        """
        return {"Authorization": f"Bearer {self._token.read()}"}

    def refusal(self, request: Request, answer: Answer) -> Refusal | None:
        """Return why an answer is none; after a 401, `headers` gives a new token for the next try."""
        refused = refusal_of(request, answer)
        if refused is not None and refused.unauthorised:
            self._token.forget(answer.fetched_at)
        return refused.refusal if refused is not None else None

    def parse(self, request: Request, answer: Answer) -> Parsed:
        """Return what an answer tells of each album it is about. Raises BadInput where it tells of none."""
        return self._reader.read(request, answer)


# What Spotify means by an answer that is none: five failures that must not be taken for one another.


@dataclass(frozen=True)
class Refused:
    """A refusal; `unauthorised`: the token was not taken."""

    refusal: Refusal
    unauthorised: bool = False


def refusal_of(request: Request, answer: Answer) -> Refused | None:
    """Return why an answer is none. Looks into the body: of a 429 for the quota, of a 200 for an error."""
    body = _body(answer)
    error = body.get("error") if isinstance(body, Mapping) else None
    status = answer.status
    if status == 200:
        if not isinstance(body, Mapping):
            reason = f"{answer.url} answered 200 without a JSON object"
            return Refused(Refusal(RejectCode.SOURCE_ERROR, reason, again=True))
        if error is None:
            return (
                None if _has_shape(request.kind, body) else Refused(no_answer(answer, _SHAPES[request.kind]))
            )
        status = _status(error)
    message = _sentence(answer, error)
    if status == 429:
        return Refused(_too_many(answer, body, message))
    if status == 401:
        reason = f"{message}; the token has expired or was withdrawn"
        # not FORBIDDEN, which nobody tries again: a new token may well be taken
        return Refused(Refusal(RejectCode.SOURCE_ERROR, reason, again=True), unauthorised=True)
    if status == 403 and request.kind in BATCHES:
        reason = f"{message}; batches are refused, so the app is in development mode: set surface=development"
        return Refused(Refusal(RejectCode.FORBIDDEN, reason))
    usual = usual_refusal(replace(answer, status=status))
    return (
        Refused(replace(usual, reason=message))
        if usual
        else Refused(Refusal(RejectCode.SOURCE_ERROR, message))
    )


def _too_many(answer: Answer, body: Any, message: str) -> Refusal:
    """Return the refusal of a 429: for the day where the quota is the reason, else as Retry-After says."""
    if _reason(body) == "QUOTA_EXCEEDED":
        wait = seconds_to_midnight(answer.fetched_at, "UTC")  # when Spotify's day ends is not published
        return Refusal(RejectCode.QUOTA_SPENT, f"{message}; the app's quota is spent for the day", wait=wait)
    wait_for = None if "retry-after" in answer.headers else _PAUSE
    return Refusal(RejectCode.RATE_LIMITED, message, wait=wait_for, again=True)


def _body(answer: Answer) -> Any:
    try:
        return answer.json()
    except BadInput:
        return None


def _has_shape(kind: str, body: Mapping[str, Any]) -> bool:
    """Say whether an answer has what all of its kind have."""
    name = _SHAPES.get(kind)
    if name is None:
        return True
    value = body.get(name)
    return isinstance(value, (str, list)) or (isinstance(value, Mapping) and "items" in value)


def _reason(body: Any) -> str | None:
    """Return the reason that stands in the error, or beside it."""
    places = (body.get("error"), body) if isinstance(body, Mapping) else ()
    for place in places:
        if isinstance(place, Mapping) and isinstance(reason := place.get("reason"), str):
            return reason.upper()
    return None


def _status(error: Any) -> int:
    status = error.get("status") if isinstance(error, Mapping) else None
    return status if isinstance(status, int) else 0


def _sentence(answer: Answer, error: Any) -> str:
    message = error.get("message") if isinstance(error, Mapping) else error
    said = f": {clean_text(message)[:_LONGEST]}" if isinstance(message, str) and message else ""
    return f"{answer.url} answered {answer.status}{said}"
