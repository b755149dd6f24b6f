"""What a client of the sites does first: it asks Spotify for a token."""

from typing import Any

import httpx2


def token(client: httpx2.Client, **form: Any) -> str:
    asked = {"grant_type": "client_credentials", **form}
    answer = client.post("/spotify-accounts/api/token", data=asked, auth=("somebody", "secret"))
    return answer.json()["access_token"]
