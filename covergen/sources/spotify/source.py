"""Spotify's Web API: songs, ids, covers and, for apps that may still have them, popularity and previews.

Two surfaces. New apps are in `development`: ten results a search, one album a call, songs as the album tells
them. An `extended` app asks for songs again in batches, which alone tells popularity and ISRC.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar, Final

from covergen.errors import ConfigError
from covergen.sources.request import Answer, Manners, Parsed, Refusal, Request, Wanted
from covergen.sources.spotify.answers import Reader
from covergen.sources.spotify.auth import TOKEN_URL, Token, check_credentials
from covergen.sources.spotify.refusals import refusal_of
from covergen.sources.spotify.requests import BASE, NAME, Asking, Subject, begin

WINDOW: Final = 30.0  # seconds over which Spotify counts; how many it allows is not published


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

    def manners(self, request: Request) -> Manners:
        """Return the one bucket of all requests."""
        return Manners(request.source, self.requests_per_window, WINDOW)

    def headers(self) -> dict[str, str]:
        """Return the bearer token, for which at most one request is sent, blocking.

        Raises ConfigError where Spotify refuses the credentials, BadInput where it gives no token just now.
        """
        return {"Authorization": f"Bearer {self._token.read()}"}

    def forget_token(self) -> None:
        """Make `headers` ask for a new token; `refusal` does so itself on seeing a 401."""
        self._token.forget()

    def refusal(self, request: Request, answer: Answer) -> Refusal | None:
        """Return why an answer is none; after a 401, `headers` gives a new token for the next try."""
        refused = refusal_of(request, answer)
        if refused is not None and refused.unauthorised:
            self._token.forget(answer.fetched_at)
        return refused.refusal if refused is not None else None

    def parse(self, request: Request, answer: Answer) -> Parsed:
        """Return what an answer tells of each album it is about. Raises BadInput where it tells of none."""
        return self._reader.read(request, answer)
