"""Walking a music folder: its audio files in a fixed order."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from covergen.errors import BadInput, RejectCode
from covergen.media.audio import AUDIO_SUFFIXES
from covergen.sources.local.file_urls import address_of, shown
from covergen.sources.protocol import Rejected

_SYSTEM: Final = frozenset({"__macosx", "system volume information", "$recycle.bin", "@eadir", "lost+found"})


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
