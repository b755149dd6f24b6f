"""Who an album and a track are, whatever source tells of them."""

import hashlib
import unicodedata

from covergen.sources.field_parsing import UNSEEN

_APOSTROPHES = str.maketrans("", "", "'’‘ʼ`´" + UNSEEN)
_UNSEEN = str.maketrans("", "", UNSEEN)


def normalise(text: str) -> str:
    """Return text for comparing: NFKC, case folded, letters, marks and digits of any script, single spaces.

    Apostrophes and what is not seen vanish, other punctuation is a space. A name of punctuation alone, such
    as "!!!", keeps it.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    kept = "".join(c if unicodedata.category(c)[0] in "LMN" else " " for c in folded.translate(_APOSTROPHES))
    return " ".join(kept.split()) or " ".join(folded.translate(_UNSEEN).split())


def album_id(artist: str, title: str, year: str | int | None = None) -> str:
    """Return SHA-256 of the normalised artist, title and year (empty where unknown), hexadecimal."""
    return _digest(normalise(artist), normalise(title), str(year or ""))


def track_id(album: str, disc: int | None, number: int | None, title: str) -> str:
    """Return SHA-256 of the album's id, disc (1 where unknown), number and normalised title, hexadecimal."""
    return _digest(album, str(disc or 1), str(number or ""), normalise(title))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()
