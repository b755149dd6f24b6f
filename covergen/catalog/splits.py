"""Train, validation or test: by artist, for good."""

import hashlib
from typing import Final

from covergen.sources.matching.editions import artist_key

_PROCEDURAL: Final = "procedural:"


def split_of(artist: str, *, validation: float, test: float, source_url: str | None = None) -> str:
    """Return the split of all of an artist's albums; `validation` and `test` are shares of artists.

    A hash of the first artist's name decides, without "The" and guests, so every spelling of one artist is in
    one split, more rows move nobody, and a greater share only adds to a split what the next one gives. Albums
    of the controlled world keep its own split: no training saw those for evaluation.
    """
    place = hashlib.sha256(f"split/{artist_key(artist)}".encode()).digest()
    share = int.from_bytes(place[:8], "big") / 2**64
    if source_url and source_url.startswith(_PROCEDURAL):
        own = source_url.removeprefix(_PROCEDURAL).split("/")[0]
        return "test" if own == "eval" else "validation" if share < validation else "train"
    if share < test:
        return "test"
    return "validation" if share < test + validation else "train"
