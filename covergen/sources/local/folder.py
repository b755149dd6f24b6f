"""One's own music: a folder of audio files with tags and covers. The files stay where they are."""

import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Final

from covergen.errors import BadInput, ConfigError, RejectCode
from covergen.media.audio import AUDIO_SUFFIXES
from covergen.sources.field_parsing import join_names, parse_date
from covergen.sources.identity import album_id, track_id
from covergen.sources.local.compilations import albums_of
from covergen.sources.local.covers import cover_of
from covergen.sources.local.file_urls import address_of, shown
from covergen.sources.local.folder_names import FolderNames
from covergen.sources.local.songs import Song, read_song
from covergen.sources.protocol import Found, Record, Rejected

_SYSTEM: Final = frozenset({"__macosx", "system volume information", "$recycle.bin", "@eadir", "lost+found"})


class FolderSource:
    """Albums of a music folder, by the tags of its files and, where they are missing, by their paths.

    `source_revision` of an album tells which: "tags", "tags and path" or "path". Holds the tags of the whole
    folder, about a kilobyte a file, for only all of them show what a compilation is; no sound, no pictures.
    """

    name: ClassVar[str] = "folder"

    def __init__(self, path: str | Path):
        self.path = Path(path).expanduser()
        if not self.path.is_dir():
            raise ConfigError(f"There is no music folder {self.path}; name a folder that exists.")
        if next(MusicFolder(self.path).audio_files(), None) is None:
            raise ConfigError(
                f"The folder {self.path} holds no music: no mp3, ogg, opus, m4a, flac or wav file is in it."
            )

    def read(self) -> Iterator[Found]:
        """Yield one album after another, sorted by artist and title."""
        folder = MusicFolder(self.path)
        paths = list(folder.audio_files())
        names = FolderNames(paths)
        songs = [read_song(path, folder.path, names) for path in paths]
        if folder.rejects:
            yield Found(rejects=folder.rejects)
        albums = albums_of(songs)
        crowded = Counter(place for _, _, album in albums for place in {song.folder for song in album})
        for artist, year, album in albums:
            yield _found(artist, year, album, crowded)


def _found(artist: str, year: str | None, songs: list[Song], crowded: Counter[Path]) -> Found:
    album = _album(artist, year, songs)
    found = Found(albums=[album])
    taken: set[str] = set()
    for song in songs:
        track = _track(album["album_id"], song)
        if track["track_id"] in taken:
            reason = f"{_name(song)} has artist, album, number and title of another file, which is used"
            problem = BadInput(RejectCode.DUPLICATE, reason)
            found.rejects.append(Rejected("media", _name(song), problem))
            continue
        taken.add(track["track_id"])
        found.tracks.append(track)
        found.media.append(_media(track["track_id"], "audio", address_of(song.path), song.tags.licence))
    if cover := cover_of(songs, crowded):
        found.media.append(_media(album["album_id"], "cover", cover, album["licence"]))
    return found


def _album(artist: str, year: str | None, songs: list[Song]) -> dict[str, Any]:
    dates = sorted(song.tags.date or year for song in songs if song.year and song.year == year)
    date, precision = parse_date(dates[0] if dates else None)
    bases = {song.basis for song in songs}
    return {
        "album_id": album_id(artist, songs[0].album, year),
        "artist": artist,
        "title": songs[0].album,
        "release_date": date,
        "release_date_precision": precision,
        "genres": list(dict.fromkeys(genre for song in songs for genre in song.tags.genres)),
        "label": next((song.tags.label for song in songs if song.tags.label), None),
        "source": FolderSource.name,
        "source_url": address_of(songs[0].folder),
        "source_revision": bases.pop() if len(bases) == 1 else "tags and path",
        "licence": join_names(song.tags.licence for song in songs) or None,
        "fetched_at": datetime.now(UTC),
    }


def _track(album: str, song: Song) -> dict[str, Any]:
    return {
        "track_id": track_id(album, song.disc, song.number, song.title),
        "album_id": album,
        "title": song.title,
        "artist": song.artist,
        "disc": song.disc,
        "number": song.number,
        "isrc": song.tags.isrc or None,
        "duration_ms": song.tags.duration_ms,
        "lyrics": song.lyrics,
        "source": FolderSource.name,
        "source_url": address_of(song.path),
        "licence": song.tags.licence or None,
    }


def _media(owner: str, kind: str, uri: str, licence: str | None) -> Record:
    source = {"source": FolderSource.name, "source_url": uri, "licence": licence or None}
    return {"owner_id": owner, "kind": kind, "uri": uri, **source}


def _name(song: Song) -> str:
    return shown(address_of(song.path))


# Walking a music folder: its audio files in a fixed order.


class MusicFolder:
    """Finds the audio files under a folder; what cannot be entered stands in `rejects` afterwards."""

    def __init__(self, path: Path):
        self.path = path.resolve()
        self.rejects: list[Rejected] = []

    def audio_files(self) -> Iterator[Path]:
        """Yield audio files, hidden and system ones left out, each once however many links lead to it."""
        seen: set[str] = set()
        for folder, folders, names in os.walk(self.path, onerror=self._refuse, followlinks=True):
            if _first_visit(folder, seen):
                folders[:] = sorted(name for name in folders if not _is_hidden(name))
            else:
                folders[:] = []  # a link back to a folder above
                continue
            for name in sorted(names):
                path = Path(folder, name)
                if _is_audio(name) and _first_visit(str(path), seen):
                    yield path

    def _refuse(self, error: OSError) -> None:
        where = shown(address_of(Path(error.filename)))
        problem = BadInput(RejectCode.UNREADABLE, f"{where} cannot be entered: {error.strerror}")
        self.rejects.append(Rejected("media", where, problem))


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in _SYSTEM


def _is_audio(name: str) -> bool:
    return not _is_hidden(name) and Path(name).suffix.lower() in AUDIO_SUFFIXES


def _first_visit(path: str, seen: set[str]) -> bool:
    real = os.path.realpath(path)
    if real in seen:
        return False
    seen.add(real)
    return True
