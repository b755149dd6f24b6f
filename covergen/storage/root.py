"""A storage root: Delta Lake tables and small files, on a local folder or on `s3://` alike.

    ROOT/covergen.json                  the root's format version
    ROOT/TABLE/current.json             which generation is current, and the recipe that made it
    ROOT/TABLE/GENERATION/              one Delta table, named by the digest of its recipe

Only this module and `objects.py` know S3. What rows mean is left to the stages.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from covergen.errors import RootError
from covergen.storage import objects
from covergen.storage.columns import Table
from covergen.storage.delta import Generation

FORMAT = 1
MARKER = "covergen.json"


def digest_of(recipe: Mapping[str, Any]) -> str:
    """Return the 16 hexadecimal digits that name a generation: SHA-256 of the recipe as sorted JSON."""
    return hashlib.sha256(json.dumps(recipe, sort_keys=True, default=str).encode()).hexdigest()[:16]


class Root:
    """A storage root. Holds nothing but its address, so it travels to workers as it is."""

    def __init__(self, uri: str):
        self.uri = objects.absolute(uri)

    @classmethod
    def create(cls, uri: str) -> "Root":
        """Return the root at `uri`, made if there is none. Raises RootError for one of another version."""
        root = cls(uri)
        if root.exists(MARKER):
            return cls.open(uri)
        if objects.children(root.uri):
            raise RootError(f"{root.uri} is not empty and is not a covergen root; choose an empty folder.")
        root.write(MARKER, json.dumps({"format": FORMAT}).encode())
        return root

    @classmethod
    def open(cls, uri: str) -> "Root":
        """Return the root at `uri`. Raises RootError if there is none or it is of another version."""
        root = cls(uri)
        if not root.exists(MARKER):
            raise RootError(f"{root.uri} is not a covergen root: it has no {MARKER}. Run jobs.scrape first.")
        found = _parse(root.read(MARKER), f"{root.uri}/{MARKER}").get("format")
        if found != FORMAT:
            raise RootError(
                f"{root.uri} has format {found}; this covergen reads format {FORMAT}. "
                "Use the covergen that wrote it, or a new root."
            )
        return root

    def path(self, *parts: str) -> str:
        """Return the address of something under the root. Raises RootError where a link leads out of it."""
        return objects.within(self.uri, "/".join(parts))

    def read(self, name: str) -> bytes:
        """Return a small file. Raises RootError if it is missing."""
        return objects.read(self.path(name))

    def write(self, name: str, data: bytes) -> None:
        """Write a small file at once: a reader sees the old bytes or the new, never a part."""
        objects.write(self.path(name), data)

    def exists(self, name: str) -> bool:
        """Say whether a small file is there."""
        return objects.exists(self.path(name))

    def generation(
        self,
        table: Table,
        recipe: Mapping[str, Any],
        *,
        shapes: Mapping[str, Sequence[int]] | None = None,
        scope: Mapping[str, Any] | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> "Generation":
        """Return the generation that `recipe` names, made if it is new, and make it the current one.

        `scope` says which of the possible rows were asked for, where that is not all of them; `facts` are
        told of the rows and name nothing.
        """
        generation = Generation(self.path(table.name, digest_of(recipe)), table.name)
        generation.create(table.schema(shapes))
        content = {"generation": digest_of(recipe), "recipe": recipe, "scope": scope or {}}
        if facts:
            content["facts"] = facts
        pointer = json.dumps(content, sort_keys=True).encode()
        name = f"{table.name}/current.json"
        if not self.exists(name) or self.read(name) != pointer:
            self.write(name, pointer)
        return generation

    def recipe(self, table: Table) -> dict[str, Any]:
        """Return the recipe of the current generation."""
        recipe = self._pointer(table)["recipe"]
        return dict(recipe)

    def facts(self, table: Table) -> dict[str, Any]:
        """Return what is told of the current generation beside its recipe."""
        return dict(self._pointer(table).get("facts", {}))

    def scope(self, table: Table) -> dict[str, Any]:
        """Return which rows the last run asked for; empty means all."""
        return dict(self._pointer(table).get("scope", {}))

    def current(self, table: Table) -> "Generation":
        """Return the current generation. Raises RootError if no job has written the table yet."""
        return Generation(self.path(table.name, self._pointer(table)["generation"]), table.name)

    def has(self, table: Table) -> bool:
        """Say whether any job has written the table yet."""
        return self.exists(f"{table.name}/current.json")

    def runs(self, job: str) -> list[str]:
        """Return the names of a job's run records, the oldest first."""
        return objects.children(self.path("runs", job))

    def _pointer(self, table: Table) -> dict[str, Any]:
        name = f"{table.name}/current.json"
        if not self.exists(name):
            raise RootError(f"{self.uri} has no table {table.name} yet; run the job that writes it first.")
        pointer = _parse(self.read(name), self.path(name))
        if not {"generation", "recipe"} <= set(pointer):
            raise RootError(f"{self.path(name)} does not name a generation and its recipe.")
        return pointer


def _parse(data: bytes, name: str) -> dict[str, Any]:
    try:
        parsed = json.loads(data)
    except ValueError as error:
        raise RootError(f"{name} is not JSON; the root is damaged.") from error
    if not isinstance(parsed, dict):
        raise RootError(f"{name} is not a JSON object; the root is damaged.")
    return parsed
