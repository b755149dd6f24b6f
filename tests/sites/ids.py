"""Names and numbers as each service gives them, made from words, always the same."""

import base64
import hashlib
import uuid

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def digest(*parts: object) -> bytes:
    return hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).digest()


def key_of(*parts: object) -> str:
    """16 hexadecimal digits, the name of an album or a song on the media host."""
    return digest(*parts).hex()[:16]


def spotify_id(*parts: object) -> str:
    number = int.from_bytes(digest("spotify", *parts)[:16], "big")
    letters = []
    for _ in range(22):
        number, rest = divmod(number, 62)
        letters.append(BASE62[rest])
    return "".join(reversed(letters))


def youtube_id(*parts: object) -> str:
    return base64.urlsafe_b64encode(digest("youtube", *parts)[:8]).decode().rstrip("=")


def number_id(*parts: object, digits: int = 9) -> int:
    first = 10 ** (digits - 1)
    return first + int.from_bytes(digest(*parts)[:8], "big") % (9 * first)


def mbid(*parts: object) -> str:
    return str(uuid.UUID(bytes=digest("musicbrainz", *parts)[:16], version=4))


def upc(eleven: str) -> str:
    """Twelve digits: the eleven given and the check digit of GS1."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(eleven))
    return f"{eleven}{-total % 10}"
