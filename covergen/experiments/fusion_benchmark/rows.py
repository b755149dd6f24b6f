"""The controlled benchmark's measurements: a JSON file each in ROOT/benchmark/rows, added to by every run.

A file is named by the digest of all that makes it, so a rerun knows what is there and measures what is not.
It holds a value for each album: intervals over albums and seeds, and differences between any two rows, are
made from the files alone.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from covergen.errors import RootError
from covergen.storage import objects
from covergen.storage.root import Root, digest_of

FOLDER: Final = "benchmark/rows"
VERSION: Final = 1  # raised by hand whenever the same covers would be measured otherwise


@dataclass(frozen=True)
class Measurement:
    """One system, painted by one fusion that one seed trained, over all albums.

    `world` names what all rows of a table share (albums, base, encoder, reader), `recipe` what made this one
    besides (budget of the training, settings of the painter); `values` has a list by album for each name.
    """

    world: str
    recipe: Mapping[str, Any]
    name: str
    system: str
    seed: int
    noise_shift: float
    albums: tuple[str, ...]
    values: Mapping[str, tuple[float, ...]]
    distances: Mapping[str, float] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """The name of its file."""
        return digest_for(self.world, self.recipe, system=self.system, seed=self.seed)

    @property
    def group(self) -> tuple[str, str, str]:
        """What it has in common with measurements of other seeds: together they make one line."""
        return (self.name, self.system, digest_of(self.recipe))


def digest_for(world: str, recipe: Mapping[str, Any], *, system: str, seed: int) -> str:
    """Return the digest of a measurement, which is known before it is made."""
    made_of = {"version": VERSION, "world": world, "recipe": recipe, "system": system, "seed": seed}
    return digest_of(made_of)


def is_there(root: Root, digest: str) -> bool:
    """Say whether a measurement was made."""
    return root.exists(_file(digest))


def write(root: Root, measurement: Measurement) -> None:
    """Keep a measurement."""
    root.write(_file(measurement.digest), json.dumps(asdict(measurement), indent=1, sort_keys=True).encode())


def read(root: Root, world: str) -> list[Measurement]:
    """Return the measurements of a world, of this run and of all before; seeds in order."""
    found = [_parse(root, f"{FOLDER}/{name}") for name in objects.children(root.path(FOLDER))]
    return sorted((row for row in found if row.world == world), key=lambda row: (row.group, row.seed))


def _file(digest: str) -> str:
    return f"{FOLDER}/{digest}.json"


def _parse(root: Root, name: str) -> Measurement:
    try:
        row = json.loads(root.read(name))
        values = {key: tuple(value) for key, value in row.pop("values").items()}
        return Measurement(**{**row, "albums": tuple(row["albums"]), "values": values})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RootError(f"{root.path(name)} is no measurement; remove it, and it is made again.") from error
