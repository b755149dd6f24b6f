"""A root with a handful of albums, their covers, songs and painted covers, written without any job.

toy_root.make(tmp_path / "root")   60 real albums, 20 of them held out, painted by three systems
"""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from covergen.storage import rows
from covergen.storage.columns import Table
from covergen.storage.root import Root
from covergen.storage.tables import ALBUMS, AUDIO_EMBEDDINGS, CATALOG, GENERATED, MEDIA

SIDE = 32
HELD_OUT, TRAINING = 20, 40


def make(folder: Path, *, source: str = "folder", held: int = HELD_OUT, training: int = TRAINING) -> Root:
    """Make a root whose `audio` covers are the true ones, a little off, and `shuffled` a neighbour's.

    Songs say which colours a cover has. `prompt_only` paints grey.
    """
    root = Root.create(str(folder))
    rng = np.random.default_rng(0)
    names = [f"a{k:03}" for k in range(held + training)]
    colours = rng.integers(30, 226, (len(names), 2, 2, 3))
    covers = [np.kron(c, np.ones((16, 16, 1))).astype(np.uint8) for c in colours]
    held_out = list(range(held))
    put(root, ALBUMS, [{"album_id": n, "title": n, "artist": "A", "source": source} for n in names])
    put(
        root,
        CATALOG,
        [
            {
                "album_id": name, "artist": f"Artist {name}", "title": f"Title {name}", "genre": "jazz",
                "track_id": f"t{name}", "cover_sha256": "c", "input_digest": "d",
                "split": ("test" if k % 2 else "validation") if k < held else "train",
            }
            for k, name in enumerate(names)
        ],
    )  # fmt: skip
    media = [
        {"owner_id": n, "kind": "cover", "bytes": png(c), "source": source, "input_digest": "d"}
        for n, c in zip(names, covers, strict=True)
    ]
    put(root, MEDIA, media)
    frames = colours.reshape(len(names), 1, 1, 12).repeat(3, axis=2).astype("<f2")
    heard = [
        {"track_id": f"t{n}", "frames": f.tobytes(), "seconds": 1.0, "input_digest": "d"}
        for n, f in zip(names, frames, strict=True)
    ]
    put(root, AUDIO_EMBEDDINGS, heard, shapes={"frames": (1, 3, 12)})
    painted = []
    for k in held_out:
        noise = rng.integers(-12, 13, (1, 1, 3)).repeat(SIDE, 0).repeat(SIDE, 1)
        own = np.clip(covers[k].astype(int) + noise, 0, 255).astype(np.uint8)
        other = np.clip(covers[(k + 1) % held].astype(int) + noise, 0, 255).astype(np.uint8)
        grey = np.clip(128 + noise, 0, 255).astype(np.uint8)
        painted += [cover_row(names[k], "audio", own), cover_row(names[k], "shuffled", other)]
        painted += [cover_row(names[k], "prompt_only", grey)]
    put(root, GENERATED, painted)
    return root


def cover_row(album: str, system: str, picture: np.ndarray[Any, Any], variant: int = 0) -> dict[str, Any]:
    """A row of `generated`."""
    return {
        "album_id": album, "system": system, "variant": variant, "image": png(picture),
        "prompt": f"A cover of {album}.", "input_digest": "d", "width": SIDE, "height": SIDE,
    }  # fmt: skip


def append(root: Root, table: Table, records: list[dict[str, Any]]) -> None:
    """Append rows to a table that is there."""
    root.current(table).append(rows.from_records(table, records).drop_columns("checksum"))


def png(picture: np.ndarray[Any, Any]) -> bytes:
    """A picture as a file."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def put(root: Root, table: Table, records: list[dict[str, Any]], shapes: Any = None) -> None:
    """Make a table's generation and write rows into it."""
    generation = root.generation(table, {"v": 1}, shapes=shapes)
    generation.append(rows.from_records(table, records).drop_columns("checksum"))
