"""Training examples out of a root: one split's rows with what was heard, read and encoded."""

import hashlib
from pathlib import Path

import torch

from covergen import objects, stable_diffusion
from covergen.columns import Table
from covergen.errors import ConfigError
from covergen.storage import Root
from covergen.tables import AUDIO_EMBEDDINGS, CATALOG, LATENTS, TEXT_EMBEDDINGS
from covergen.training.examples import Examples, from_tables

TABLES = (LATENTS, TEXT_EMBEDDINGS, AUDIO_EMBEDDINGS)
SHIPPED = Path(__file__).parent.parent / "assets" / "tiny" / "fusion"


def read_examples(root: Root, split: str, *, base: str, offline: bool) -> Examples | None:
    """Return the examples of a split, or nothing where no artist fell into it."""
    catalog = root.current(CATALOG).read(["album_id", "track_id", "cover_sha256"], where=f"split = '{split}'")
    catalog = catalog.filter(catalog["cover_sha256"].is_valid()).sort_by("album_id")
    if not len(catalog):
        return None
    tokenizer, text_encoder = stable_diffusion.load_text(base, offline=offline)
    null_states, _ = stable_diffusion.encode_text(tokenizer, text_encoder, [""])
    vae = stable_diffusion.read_config(base, "vae", offline=offline)
    latents, texts, sounds = (root.current(table).read() for table in TABLES)
    examples, _ = from_tables(
        catalog,
        latents=latents,
        text_embeddings=texts,
        audio_embeddings=sounds,
        null_states=torch.as_tensor(null_states[0]),
        scaling_factor=vae["scaling_factor"],
        shift_factor=vae.get("shift_factor") or 0.0,
    )
    return examples


def has_examples(root: Root, split: str) -> bool:
    """Say whether any album of the split has a cover to learn from."""
    where = f"split = '{split}' AND cover_sha256 IS NOT NULL"
    return len(root.current(CATALOG).read(["album_id"], where=where)) > 0


def data_digest(root: Root) -> str:
    """Return the digest of everything a training reads: which rows, made from what, in which generation."""
    total = hashlib.sha256()
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
        raise ConfigError(f"train.start_from={start_from!r}: there is no fusion checkpoint.")
    return folder
