"""The token of one's own app at Spotify: asked for by spotipy, kept in memory alone, shown nowhere.

Client id and secret are read from the environment when a token is needed. Errors are raised outside of their
handlers and tell nothing that a server said, for requests and answers hold what must not be told.
"""

import logging
import os
import threading
from datetime import UTC, datetime
from typing import Final

import requests
from spotipy.cache_handler import MemoryCacheHandler
from spotipy.exceptions import SpotifyOauthError
from spotipy.oauth2 import SpotifyClientCredentials

from covergen.errors import BadInput, ConfigError, CovergenError, RejectCode

CREDENTIALS: Final = ("SPOTIPY_CLIENT_ID", "SPOTIPY_CLIENT_SECRET")
TOKEN_URL: Final = SpotifyClientCredentials.OAUTH_TOKEN_URL
_LOGGERS: Final = ("spotipy.oauth2", "spotipy.client")
_TIMEOUT: Final = 20.0  # seconds
_REFUSED: Final = {"invalid_client", "invalid_request", "unauthorized_client", "unsupported_grant_type"}


class _NoDetails(logging.Filter):
    """Lets only warnings pass: what spotipy tells at DEBUG are the headers of its requests."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING


_NO_DETAILS: Final = _NoDetails()  # one for all, so that adding it again changes nothing


def check_credentials() -> None:
    """Raise ConfigError where the environment holds no client id or no secret."""
    if missing := [name for name in CREDENTIALS if not os.environ.get(name, "").strip()]:
        raise ConfigError(
            "The source spotify asks with your own app's client id and secret, which it reads from the "
            f"environment variables {' and '.join(CREDENTIALS)}; {' and '.join(missing)} "
            f"{'are' if len(missing) > 1 else 'is'} not set."
        )


class Token:
    """A bearer token for `url`'s API, renewed a minute before it expires. Pickles without it."""

    def __init__(self, url: str = TOKEN_URL):
        self.url = url
        self._credentials: SpotifyClientCredentials | None = None
        self._taken_at: datetime | None = None
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type["Token"], tuple[str]]:
        return Token, (self.url,)

    def read(self) -> str:
        """Return the token, after at most one request for it, which blocks.

        Raises ConfigError where Spotify refuses the credentials, BadInput where it gives no token just now.
        """
        with self._lock:
            result = self._token_or_error()
            if isinstance(result, CovergenError):
                self._credentials = None  # and what it may have kept
        if isinstance(result, CovergenError):
            raise result
        return result

    def forget(self, answered_at: datetime) -> None:
        """Ask for a new token next time, unless this one was taken after the answer that refused a token."""
        with self._lock:
            if self._taken_at is None or self._taken_at <= answered_at:
                self._credentials = self._taken_at = None

    def _token_or_error(self) -> str | CovergenError:
        try:
            if self._credentials is None:
                check_credentials()
                self._credentials = _credentials(self.url)
            before = self._credentials.cache_handler.get_cached_token()
            token = _checked(self._credentials.get_access_token(as_dict=False))
            if self._credentials.cache_handler.get_cached_token() is not before:
                self._taken_at = datetime.now(UTC)
        except ConfigError as error:
            return error
        except SpotifyOauthError as error:
            return _refused(error.error)
        except UnicodeEncodeError:
            return ConfigError(f"{' or '.join(CREDENTIALS)} holds letters that no client id or secret has.")
        except (requests.ConnectionError, requests.Timeout):
            reason = "Spotify's token address cannot be reached"
            return BadInput(RejectCode.UNREACHABLE, reason, retriable=True)
        except (requests.RequestException, ValueError, KeyError, TypeError, AttributeError):
            reason = "Spotify's token address did not answer with a token"
            return BadInput(RejectCode.SOURCE_ERROR, reason, retriable=True)
        return token


def _credentials(url: str) -> SpotifyClientCredentials:
    """Return spotipy's keeper of one token: no file, no retries of its own that would sleep."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_NO_DETAILS)
    keeper = SpotifyClientCredentials(
        requests_session=requests.Session(), requests_timeout=_TIMEOUT, cache_handler=MemoryCacheHandler()
    )
    keeper.OAUTH_TOKEN_URL = url
    return keeper


def _checked(token: object) -> str:
    """Return a token that fits into a header. Raises ValueError."""
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
        raise ValueError("no token")
    return token


def _refused(error: object) -> CovergenError:
    if isinstance(error, str) and error in _REFUSED:
        return ConfigError(
            f"Spotify refuses the client id and secret in {' and '.join(CREDENTIALS)} ({error}); "
            "compare them with those of your app on Spotify's dashboard."
        )
    reason = "Spotify gave no token for the time being"
    return BadInput(RejectCode.SERVER_FAILED, reason, retriable=True)
