"""Where Spotify's tokens come from: client credentials in, a token out that expires."""

import base64
import binascii
import secrets
import time

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.sites.answers import plain_json, whole
from tests.sites.world import World

WRONG_SECRET = "wrong"  # the one secret that is refused


class SpotifyAccounts:
    """The service; any id and secret will do but WRONG_SECRET.

    A form field expires_in shortens the life of a token.
    """

    def __init__(self, world: World):
        self.world = world

    def routes(self) -> list[Route]:
        return [Route("/api/token", self.token, methods=["POST"])]

    async def token(self, request: Request) -> Response:
        form = await request.form()
        client, secret = _basic(request) or (form.get("client_id"), form.get("client_secret"))
        if form.get("grant_type") != "client_credentials":
            said = {"error": "unsupported_grant_type", "error_description": "grant_type must be given"}
            return plain_json(said, 400)
        if not client or not secret or secret == WRONG_SECRET:
            return plain_json({"error": "invalid_client", "error_description": "Invalid client secret"}, 400)
        seconds = whole(str(form.get("expires_in", "")), self.world.settings.values["token_seconds"])
        token = secrets.token_urlsafe(48)
        self.world.tokens[token] = time.monotonic() + seconds
        return plain_json({"access_token": token, "token_type": "Bearer", "expires_in": seconds})


def _basic(request: Request) -> tuple[str, str] | None:
    scheme, _, told = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client, _, secret = base64.b64decode(told).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return client, secret
