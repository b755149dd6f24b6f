"""Whose cover a command paints: the words of a song's album or of a folder's albums, and the songs to hear.

Tags tell first; where they do not, the names of folders and files do (covergen/sources/local/songs.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from covergen.catalog.genres import split_genres
from covergen.catalog.prompts.styles import mood_sentence
from covergen.catalog.tagged import heard_moods
from covergen.serving.service import SONG
from covergen.sources.local.file_urls import path_of
from covergen.sources.local.folder import FolderSource
from covergen.sources.local.folder_names import FolderNames
from covergen.sources.local.songs import UNKNOWN, read_song
from covergen.sources.local.tags import FileTags, read_tags
from covergen.sources.protocol import Found
from covergen.tagging.stage import TagTracks

MOODS: Final = 3  # words of what was heard, as many as `clean.prompt_words` takes
LONGEST: Final = 100  # characters of an order's genre
TAGGER: Final = "signal"


@dataclass(frozen=True)
class Subject:
    """An album to paint, and its songs, the one to hear first; `guessed` are words that no tag told."""

    artist: str
    album: str
    songs: tuple[Path, ...]
    year: str | None = None
    genre: str = ""
    guessed: frozenset[str] = field(default_factory=frozenset)

    def words(self, given: Mapping[str, str | None]) -> dict[str, str | None]:
        """Return artist, album, genre and year; what is given goes over what was read."""
        read = {
            "artist": self.artist,
            "album": self.album,
            "genre": self.genre or "unknown",
            "year": self.year,
        }
        return {name: read[name] if given.get(name) is None else given[name] for name in read}

    def missing(self, given: Mapping[str, str | None]) -> list[str]:
        """Return which words neither tags nor options tell, in the order to ask for them."""
        untold = self.guessed | ({"genre"} if not self.genre else set())
        return [name for name in ("artist", "album", "genre") if name in untold and given.get(name) is None]


def subject_of(song: Path) -> Subject:
    """Return the album of one file; a file that lies in `Artist/Album/` and has no tags is of that album."""
    path = song.absolute()
    names = FolderNames([path])
    album, _ = names.album_folder(path, Path(path.anchor))
    known = read_song(path, album.parent.parent, names)
    return Subject(
        artist=known.tags.album_artist or known.artist,
        album=known.album,
        songs=(song,),
        year=known.year,
        genre=_joined(known.tags.genres),
        guessed=_guessed(known.tags),
    )


def subjects_in(folder: Path) -> list[Subject]:
    """Return the albums of a folder as the folder source finds them. ConfigError where it holds no music.

    An artist that nothing within the folder tells is read from the folders above it, as for a file alone.
    """
    found = FolderSource(folder).read()
    albums = [_album(piece) for piece in found if piece.albums]
    return [_named_above(album) if album.artist == UNKNOWN else album for album in albums if album.songs]


def moods_of(song: Path) -> tuple[str, ...]:
    """Return the strongest moods that the tagger hears in a song; none where it can use too little of it."""
    row = {"track_id": "song", "input_digest": "", "uri": None, "bytes": song.read_bytes()}
    (answer,) = TagTracks(TAGGER, offline=True)(pa.Table.from_pylist([row], schema=SONG)).to_pylist()
    return () if answer["reject_code"] else heard_moods([answer], MOODS).get("song", ())


def with_moods(prompt: str, moods: Sequence[str]) -> str:
    """Return a prompt of the style `album_genre` as `album_genre_emotions` words it."""
    return " ".join([prompt, *([mood_sentence(tuple(moods))] if moods else [])])


def _album(piece: Found) -> Subject:
    (album,) = piece.albums
    songs = tuple(path for row in piece.media if row["kind"] == "audio" and (path := path_of(row["uri"])))
    date: Any = album["release_date"]
    return Subject(
        artist=album["artist"],
        album=album["title"],
        songs=songs,
        year=date and date[:4],
        genre=_joined(album["genres"]),
        guessed=_guessed(read_tags(songs[0])) if songs else frozenset(),
    )


def _named_above(album: Subject) -> Subject:
    """Return an album with what the folders above it tell, whose artist or whose disc it may be."""
    known = subject_of(album.songs[0])
    title = known.album if "album" in known.guessed else album.album
    return replace(album, artist=known.artist, album=title, year=album.year or known.year)


def _guessed(tags: FileTags) -> frozenset[str]:
    tagged = {"artist": tags.artist or tags.album_artist, "album": tags.album}
    return frozenset(name for name, word in tagged.items() if not word)


def _joined(genres: Sequence[str]) -> str:
    """Return genres as one text, which is split again where it is read; as many as an order takes."""
    text = "; ".join(split_genres(genres))
    if len(text) <= LONGEST:
        return text
    cut = text[: LONGEST + 1]
    return (cut.rpartition("; ")[0] or cut.rpartition(" ")[0] or cut)[:LONGEST]
