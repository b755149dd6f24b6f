"""A catalogue's genres in a line."""

from collections import Counter
from typing import Final

import pyarrow as pa

SHOWN: Final = 5
_SOURCES: Final = {
    "artist": "from the artist's other albums",
    "tags": "heard in the music",
    "default": "by default",
}


def genre_summary(catalog: pa.Table) -> str:
    """Return the largest genres with their albums, and how many no source told of the album itself."""
    counts = Counter(catalog["genre"].to_pylist())
    first = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    told = ", ".join(f"{genre} {count}" for genre, count in first[:SHOWN])
    more = f" and {len(first) - SHOWN} more" if len(first) > SHOWN else ""
    origins = Counter(catalog["genre_source"].to_pylist())
    filled = ", ".join(f"{origins[name]} {words}" for name, words in _SOURCES.items() if origins[name])
    return f"genres: {told or 'none'}{more}{f'; {filled}' if filled else ''}"
