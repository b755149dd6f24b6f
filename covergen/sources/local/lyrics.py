"""Lyrics that a user supplies: beside a song as .lrc or .txt of its name, or in its tags."""

import re
from pathlib import Path
from typing import Final

from covergen.sources.fields import clean_text

SUFFIXES: Final = (".lrc", ".txt")
MAX_BYTES: Final = 256 * 1024  # a longer text is none of a song
MAX_CHARACTERS: Final = 20_000
_STAMP: Final = re.compile(r"\[\d+:\d+(?:[.:]\d+)?\]|<\d+:\d+(?:[.:]\d+)?>")
_HEADING: Final = re.compile(r"\s*\[[^\]]*\]\s*")  # [Chorus], and [ar: ...] of LRC
_LOG: Final = re.compile(  # of rippers and meters, which name their texts like the song, and cue sheets
    r"exact audio copy|eac extraction|x lossless decoder|xld extraction|dbpoweramp|cdparanoia|accuraterip"
    r"|created by: (?:whipper|morituri)|cuetools|audiochecker|aucdtect|dynamic range meter|log checksum"
    r"|\bTRACK \d\d AUDIO\b|\bINDEX \d\d \d\d:\d\d:\d\d",
    re.IGNORECASE,
)


def lyrics_beside(song: Path) -> str:
    """Return the lyrics in the text file with a song's name, empty where there is none that can be read."""
    for suffix in SUFFIXES:
        path = song.with_suffix(suffix)
        try:
            is_text = path.is_file() and path.stat().st_size <= MAX_BYTES
            if is_text and (lyrics := plain_lyrics(_text(path.read_bytes()))):
                return lyrics
        except OSError:
            continue
    return ""


def plain_lyrics(text: str) -> str:
    """Return lyrics without LRC's time stamps, headings in brackets and control characters; a line each.

    A ripper's log and a cue sheet are no lyrics, and give none.
    """
    if _LOG.search(text):
        return ""
    lines = (_STAMP.sub("", line) for line in text.splitlines())
    kept = [clean_text(line) for line in lines if not _HEADING.fullmatch(line)]
    return "\n".join(line for line in kept if line)[:MAX_CHARACTERS]


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")
