"""One file of a music folder as a song: what its tags tell, and what its path tells where they do not."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from covergen.sources.field_parsing import clean_text, parse_date
from covergen.sources.identity import normalise
from covergen.sources.local.file_urls import name_of
from covergen.sources.local.folder_names import FolderNames, disc_in_title, disc_of_side, year_in_name
from covergen.sources.local.tags import FileTags, read_tags

UNKNOWN: Final = "Unknown Artist"
_NUMBERED: Final = re.compile(r"(?:(\d{1,2})-)?(\d{1,3})(?:\s*[-._)]\s*|\s+)(?=\S)(.+)")
_ARTIST_AND_TITLE: Final = re.compile(r"(.+?)\s+-\s+(.+)")
_ARTIST_NUMBER_TITLE: Final = re.compile(r"(.+?)\s+-\s+(\d{1,3})\s+-\s+(.+)")
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


@dataclass(frozen=True)
class Song:
    """One file: its tags with the gaps filled from its path, and which of the two told of the album."""

    path: Path
    folder: Path  # the album's: that above the folders of its discs
    tags: FileTags
    artist: str
    album: str
    title: str
    disc: int | None
    number: int | None
    year: str | None  # of release, by the tags; by the folder where it names the album
    basis: str  # "tags", "tags and path" or "path"

    @property
    def lyrics(self) -> str | None:
        """The words of the song: of a text beside it, else of its tags."""
        return lyrics_beside(self.path) or plain_lyrics(self.tags.lyrics) or None

    @property
    def place(self) -> tuple[int, int] | None:
        """Disc and number; None where there is no number."""
        return None if self.number is None else (self.disc or 1, self.number)

    @property
    def group(self) -> tuple[str, str]:
        """Normalised album artist and album: songs that share them are one album until years differ."""
        return normalise(self.tags.album_artist or self.artist), normalise(self.album)


def read_song(path: Path, root: Path, names: FolderNames) -> Song:
    """Return the song in a file under `root`, whose tags are read once."""
    tags = read_tags(path)
    guess = song_from_path(path, root, names)
    from_tags = [bool(tags.artist or tags.album_artist), bool(tags.album), bool(tags.title)]
    album, disc = disc_in_title(tags.album) if tags.album else (guess.album, None)
    date, _ = parse_date(tags.date)
    return Song(
        path=path,
        folder=guess.folder,
        tags=tags,
        artist=tags.artist or tags.album_artist or guess.artist,
        album=album,
        title=tags.title or guess.title,
        disc=disc_of_side(tags.side, tags.disc) if tags.side else tags.disc or guess.disc or disc,
        number=tags.number or guess.number,
        year=date[:4] if date else None if tags.album else guess.year,
        basis="tags" if all(from_tags) else "tags and path" if any(from_tags) else "path",
    )


def song_from_path(path: Path, root: Path, names: FolderNames | None = None) -> Song:
    """Return what `Artist/2001 - Album/CD 2/03 - Title.ext` tells; fewer levels tell less.

    A file that lies in `root` itself belongs to an album named after `root`. `names` knows of its neighbours.
    """
    names = names or FolderNames([path])
    folder, disc = names.album_folder(path, root)
    folders = [clean_text(name_of(Path(name))) for name in folder.relative_to(root).parts]
    artist, name = _artist_and_album(folders, root)
    album, year = year_in_name(name)
    album, disc_of_album = disc_in_title(album)
    stem = clean_text(name_of(path).removesuffix(path.suffix))
    singer, side, number, title = _named(stem)
    if path in names.sides:
        side, number, title = names.sides[path]
    elif artist == UNKNOWN and (found := _ARTIST_AND_TITLE.fullmatch(title)):
        singer, title = found[1], found[2]
    artist = singer or artist if artist == UNKNOWN else artist
    return Song(
        path,
        folder,
        FileTags(),
        artist,
        album,
        title or stem,
        disc or disc_of_album or side,
        number,
        year,
        "path",
    )


def _named(stem: str) -> tuple[str, int | None, int | None, str]:
    """Return (artist, disc, number, title) of `1-03 Title`, `03. Title` and `Artist - 03 - Title`."""
    if found := _NUMBERED.fullmatch(stem):
        return "", int(found[1]) if found[1] else None, int(found[2]) or None, found[3]
    if found := _ARTIST_NUMBER_TITLE.fullmatch(stem):
        return found[1], None, int(found[2]) or None, found[3]
    return "", None, None, stem


def _artist_and_album(folders: list[str], root: Path) -> tuple[str, str]:
    """Return the artist and the name of the album's folder, which may hold a year."""
    name = folders[-1] if folders else clean_text(name_of(root)) or "Music"
    found = _ARTIST_AND_TITLE.fullmatch(name)
    if len(folders) >= 2:
        is_doubled = found and normalise(found[1]) == normalise(folders[-2])
        return folders[-2], found[2] if found and is_doubled else name
    if found and year_in_name(name)[0] == name:
        return found[1], found[2]
    plain, year = year_in_name(name)
    if found := _ARTIST_AND_TITLE.fullmatch(plain):
        return found[1], f"{found[2]} ({year})" if year else found[2]
    return UNKNOWN, name


# Lyrics that a user supplies: beside a song as .lrc or .txt of its name, or in its tags.


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
