"""Training examples out of a root: one split's rows with what was heard, read and encoded."""

import fcntl
import hashlib
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import torch

from covergen.errors import ConfigError, CovergenError
from covergen.models import stable_diffusion
from covergen.storage import objects
from covergen.storage.columns import Table
from covergen.storage.delta import one_of
from covergen.storage.root import Root, digest_of
from covergen.storage.tables import AUDIO_EMBEDDINGS, CATALOG, LATENTS, TEXT_EMBEDDINGS
from covergen.training import example_store
from covergen.training.examples import Examples

TABLES = (LATENTS, TEXT_EMBEDDINGS, AUDIO_EMBEDDINGS)
SPLITS: Final = ("train", "validation")
SHIPPED = Path(__file__).parent.parent / "assets" / "tiny" / "fusion"
REFUSED: Final[Mapping[str, str]] = {
    "spotify-terms": "the terms of Spotify are said to forbid training on its content",
}
"""Licence -> why; as they stand in the column `licence`, several joined by '; '."""


def read_examples(
    root: Root,
    split: str,
    *,
    base: str,
    offline: bool,
    data: str | None = None,
    allowed: Collection[str] = (),
) -> Examples | None:
    """Return the examples of `train` or `validation`, or nothing where no artist fell into it.

    Albums under licences that training refuses are left out, but for those in `allowed`. The first worker of
    a machine streams the rest out of the root into `TMPDIR`, the others wait and share them. `data` is the
    root's `data_digest`, where it is known.
    """
    if not has_examples(root, split, allowed):
        return None
    tokenizer, text_encoder = stable_diffusion.load_text(base, offline=offline)
    null_states, _ = stable_diffusion.encode_text(tokenizer, text_encoder, [""])
    vae = stable_diffusion.read_config(base, "vae", offline=offline)
    scales = {"scaling_factor": vae["scaling_factor"], "shift_factor": vae.get("shift_factor") or 0.0}
    key = digest_of({"data": data or data_digest(root, allowed), **scales})
    own = hashlib.sha256(root.uri.encode()).hexdigest()[:16]
    place = Path(tempfile.gettempdir(), "covergen", "examples", own)
    with _alone(place):
        if not (place / key).is_dir():
            _stream(root, place, key, allowed=allowed, **scales)
        examples, facts = example_store.read(place / key, null_states=torch.as_tensor(null_states[0]))
    return examples.between(*facts["splits"][split]) if split in facts["splits"] else None


def _stream(
    root: Root,
    place: Path,
    key: str,
    *,
    allowed: Collection[str],
    scaling_factor: float,
    shift_factor: float,
) -> None:
    """Write the examples of all splits under `key`, whole or not at all, and remove those of older data."""
    catalog = usable(covered(root, SPLITS), allowed)
    catalog = catalog.sort_by([("split", "ascending"), ("album_id", "ascending")])
    latents, texts, sounds = (root.current(table) for table in TABLES)
    words = texts.read(["album_id", "variant"])
    layout = example_store.lay_out(
        catalog,
        latents=latents.read(["album_id"])["album_id"].to_pylist(),
        audio=sounds.read(["track_id"])["track_id"].to_pylist(),
        words=zip(words["album_id"].to_pylist(), words["variant"].to_pylist(), strict=True),
    )
    split_of = dict(zip(catalog["album_id"].to_pylist(), catalog["split"].to_pylist(), strict=True))
    splits = [split_of[album] for album in layout.album_ids]  # in order, so each is one run of rows
    bounds = {name: (splits.index(name), splits.index(name) + splits.count(name)) for name in set(splits)}
    parts = example_store.Parts(
        latents.batches(["album_id", "mean", "std"]),
        texts.batches(["album_id", "variant", "states"]),
        sounds.batches(["track_id", "frames"]),
    )
    for older in place.iterdir():  # what a trainer has mapped stays there for it
        if older.is_dir():
            shutil.rmtree(older)
    growing = place / f"{key}.part"
    try:
        example_store.write(
            growing,
            layout,
            parts,
            scaling_factor=scaling_factor,
            shift_factor=shift_factor,
            facts={"splits": bounds},
        )
    except OSError as error:
        raise CovergenError(
            f"the training examples cannot be written to {growing}: {error.strerror}; "
            "name a folder with more room in TMPDIR"
        ) from error
    growing.rename(place / key)


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Let one process of this machine at a time in; a killed one lets go by itself."""
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def covered(root: Root, splits: Sequence[str]) -> pa.Table:
    """Return album_id, track_id, split and licence of the splits' albums that have a cover."""
    where = "cover_sha256 IS NOT NULL AND " + one_of("split", splits)
    return root.current(CATALOG).read(["album_id", "track_id", "split", "licence"], where=where)


def has_examples(root: Root, split: str, allowed: Collection[str] = ()) -> bool:
    """Say whether any album of the split has a cover to learn from, and a licence that lets one."""
    return len(usable(covered(root, [split]), allowed)) > 0


def lacking(root: Root, allowed: Collection[str] = ()) -> str | None:
    """Return why there is nothing to train on; None where an album has all that a training reads."""
    albums = usable(covered(root, ["train"]), allowed)
    if not len(albums):
        omitted = left_out(covered(root, SPLITS), allowed)
        return "no album with a cover is in the split train" + (f", and {omitted}" if omitted else "")
    covers = len(albums)
    for table, key in ((LATENTS, "album_id"), (TEXT_EMBEDDINGS, "album_id"), (AUDIO_EMBEDDINGS, "track_id")):
        there = root.current(table).read([key])[key].combine_chunks()
        albums = albums.filter(pc.is_in(albums[key], value_set=there))
    if len(albums):
        return None
    return f"of {covers} albums with a cover in the split train none has latents, words and music"


def data_digest(root: Root, allowed: Collection[str] = ()) -> str:
    """Return the digest of everything a training reads: which rows, made from what, in which generation."""
    total = hashlib.sha256("".join(f"allowed {name} " for name in sorted(allowed)).encode())
    for table in (CATALOG, *TABLES):
        total.update(f"{table.name}/{root.current(table).name}".encode())
        for row in _digests(root, table):
            total.update(row.encode())
    return total.hexdigest()[:16]


def _digests(root: Root, table: Table) -> list[str]:
    rows = root.current(table).read(["input_digest"])
    return sorted(map(str, rows["input_digest"].to_pylist()))


def checkpoint_folder(start_from: str | None) -> Path | None:
    """Return the local folder of the checkpoint a training starts from; None for a fresh fusion."""
    if start_from is None:
        return None
    if start_from == "shipped":
        return SHIPPED
    if start_from.startswith("s3://"):
        return objects.pull(start_from)
    folder = Path(start_from)
    if not (folder / "fusion.json").is_file():
        raise ConfigError(
            f"train.start_from={start_from!r}: there is no fusion checkpoint; name the folder of one, "
            "'shipped', or none for a fresh fusion."
        )
    return folder


# Licences whose albums training leaves out unless the user says that he may learn from them.


def usable(catalog: pa.Table, allowed: Collection[str] = ()) -> pa.Table:
    """Return the rows of a table that carry no refused licence, or only allowed ones."""
    kept = [not _refused(licence, allowed) for licence in catalog["licence"].to_pylist()]
    return catalog.filter(pa.array(kept, pa.bool_()))


def left_out(catalog: pa.Table, allowed: Collection[str] = ()) -> str | None:
    """Return a sentence about the rows that `usable` leaves out; None where it keeps all."""
    refusals = [_refused(licence, allowed) for licence in catalog["licence"].to_pylist()]
    names = sorted({name for refused in refusals for name in refused})
    if not names:
        return None
    reasons = "; ".join(f"{name}: {REFUSED[name]}" for name in names)
    count = sum(map(bool, refusals))
    return (
        f"{count} of {len(refusals)} albums are left out by their licence ({reasons}); "
        f"train.allow_licences=[{', '.join(names)}] takes them"
    )


def _refused(licence: str | None, allowed: Collection[str]) -> list[str]:
    names = [name.strip() for name in (licence or "").split(";")]
    return [name for name in names if name in REFUSED and name not in allowed]
