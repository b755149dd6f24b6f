"""What every source of albums is: a name, and albums one after another."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Protocol

from covergen.errors import BadInput

Record = Mapping[str, Any]

BATCH: Final = 4096  # media in one batch


@dataclass(frozen=True)
class Rejected:
    """Something a source could not use; `key` is what a person looks for: a file, a row of a table.

    `in_summary`: the job says it at its end too, since much is missing by it.
    """

    stage: str
    key: str
    problem: BadInput
    in_summary: bool = False


@dataclass(frozen=True)
class Found:
    """A piece of a catalogue, mostly one album. Records hold columns of ALBUMS, TRACKS and MEDIA.

    Media records are candidates: `CheckMedia` opens them and fills sha256, mime, size and measures.
    """

    albums: list[Record] = field(default_factory=list)
    tracks: list[Record] = field(default_factory=list)
    media: list[Record] = field(default_factory=list)
    rejects: list[Rejected] = field(default_factory=list)

    def add(self, more: "Found") -> None:
        """Take in another piece."""
        self.albums.extend(more.albums)
        self.tracks.extend(more.tracks)
        self.media.extend(more.media)
        self.rejects.extend(more.rejects)


class Source(Protocol):
    """Where albums come from. Building one raises ConfigError if there can be nothing to read."""

    name: ClassVar[str]

    def read(self) -> Iterator[Found]:
        """Yield the catalogue piece by piece, in an order that depends on nothing but the catalogue.

        No album_id, track_id or media key comes twice from one source.
        """
        ...


def batched(pieces: Iterable[Found]) -> Iterator[Found]:
    """Join the pieces that sources yield into batches worth a commit."""
    batch = Found()
    for piece in pieces:
        batch.add(piece)
        if len(batch.media) >= BATCH:
            yield batch
            batch = Found()
    yield batch
