"""One file of a music folder as a song: what its tags tell, and what its path tells where they do not."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from covergen.sources.fields import VARIOUS, clean_text, parse_date
from covergen.sources.identity import normalise
from covergen.sources.lyrics import lyrics_beside, plain_lyrics
from covergen.sources.music_tags import FileTags, read_tags
from covergen.sources.places import name_of

UNKNOWN: Final = "Unknown Artist"
_DISC_FOLDER: Final = re.compile(r"(?:cd|dis[ck]|side)[ _.-]*(\d{1,3})\b", re.IGNORECASE)
_NUMBERED: Final = re.compile(r"(?:(\d{1,2})-)?(\d{1,3})(?:\s*[-._)]\s*|\s+)(?=\S)(.+)")
_ARTIST_AND_TITLE: Final = re.compile(r"(.+?)\s+-\s+(.+)")


@dataclass(frozen=True)
class Song:
    """One file: its tags with the gaps filled from its path, and which of the two told of the album."""

    path: Path
    tags: FileTags
    artist: str
    album: str
    title: str
    disc: int | None
    number: int | None
    basis: str  # "tags", "tags and path" or "path"

    @property
    def folder(self) -> Path:
        """The album's folder: that above the folders of single discs."""
        parent = self.path.parent
        return parent.parent if _DISC_FOLDER.fullmatch(parent.name) else parent

    @property
    def album_artist(self) -> str:
        """Whose album the tags say it is; empty where they do not tell it from the song's artist."""
        return self.tags.album_artist or (VARIOUS if self.tags.compilation else "")

    @property
    def year(self) -> str | None:
        """Year of release by the tags."""
        date, _ = parse_date(self.tags.date)
        return date and date[:4]

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
        return normalise(self.album_artist or self.artist), normalise(self.album)


def read_song(path: Path, root: Path) -> Song:
    """Return the song in a file under `root`, whose tags are read once."""
    tags = read_tags(path)
    guess = song_from_path(path, root)
    told = [bool(tags.artist or tags.album_artist), bool(tags.album), bool(tags.title)]
    return Song(
        path=path,
        tags=tags,
        artist=tags.artist or tags.album_artist or guess.artist,
        album=tags.album or guess.album,
        title=tags.title or guess.title,
        disc=tags.disc or guess.disc,
        number=tags.number or guess.number,
        basis="tags" if all(told) else "tags and path" if any(told) else "path",
    )


def song_from_path(path: Path, root: Path) -> Song:
    """Return what `Artist/Album/CD 2/03 - Title.ext` tells; fewer levels tell less.

    A file that lies in `root` itself belongs to an album named after `root`.
    """
    folders = [clean_text(name_of(Path(name))) for name in path.relative_to(root).parts[:-1]]
    disc = None
    if folders and (found := _DISC_FOLDER.fullmatch(folders[-1])):
        disc = int(found[1])
        folders = folders[:-1]
    artist, album = _artist_and_album(folders, root)
    stem = clean_text(name_of(path).removesuffix(path.suffix))
    number, title = None, stem
    if found := _NUMBERED.fullmatch(stem):
        disc = disc or (int(found[1]) if found[1] else None)
        number, title = int(found[2]) or None, found[3]
    if artist == UNKNOWN and (found := _ARTIST_AND_TITLE.fullmatch(title)):
        artist, title = found[1], found[2]
    return Song(path, FileTags(), artist, album, title or stem, disc, number, "path")


def _artist_and_album(folders: list[str], root: Path) -> tuple[str, str]:
    if len(folders) >= 2:
        return folders[-2], folders[-1]
    album = folders[0] if folders else clean_text(name_of(root)) or "Music"
    found = _ARTIST_AND_TITLE.fullmatch(album)
    return (found[1], found[2]) if found else (UNKNOWN, album)
