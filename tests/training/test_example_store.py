"""Examples are streamed to the local disk once, mapped, and shared by the workers of a machine."""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from covergen.errors import ConfigError
from covergen.storage import rows
from covergen.storage.tables import AUDIO_EMBEDDINGS, LATENTS, TEXT_EMBEDDINGS
from covergen.training import example_store
from covergen.training.batches import BatchPlan
from covergen.training.dataset import read_examples
from tests import toys
from tests.toy_root import make_root


def table_of(table, shapes, columns):
    schema = table.schema(shapes)
    arrays = {
        name: pa.array([row.astype("<f2").tobytes() for row in values], pa.binary())
        if isinstance(values, np.ndarray)
        else pa.array(values)
        for name, values in columns.items()
    }
    return pa.table(arrays, schema=pa.schema([schema.field(name) for name in arrays]))


@pytest.fixture
def tables():
    """Three albums; the second lacks a cover, the third lacks the variant 'genre'; all in another order."""
    means = np.arange(2 * 4 * 2 * 2, dtype=np.float16).reshape(2, 4, 2, 2)
    latents = table_of(
        LATENTS,
        {"mean": (4, 2, 2), "std": (4, 2, 2)},
        {"album_id": ["c", "a"], "mean": means, "std": means / 10},
    )
    words = [
        ("c", "untitled"),
        ("a", "genre"),
        ("a", "full"),
        ("b", "full"),
        ("c", "full"),
        ("a", "untitled"),
    ]
    states = np.arange(6, dtype=np.float16)[:, None, None] * np.ones((6, 3, 5), np.float16)
    text = table_of(
        TEXT_EMBEDDINGS,
        {"states": (3, 5)},
        {"album_id": [a for a, _ in words], "variant": [v for _, v in words], "states": states},
    )
    frames = np.arange(3, dtype=np.float16)[:, None, None, None] * np.ones((3, 1, 4, 2), np.float16)
    audio = table_of(
        AUDIO_EMBEDDINGS, {"frames": (1, 4, 2)}, {"track_id": ["t3", "t1", "t2"], "frames": frames}
    )
    catalog = pa.table({"album_id": ["a", "b", "c"], "track_id": ["t1", "t2", "t3"]})
    return catalog, latents, text, audio


def laid_out(catalog, latents, text, audio):
    return example_store.lay_out(
        catalog,
        latents=latents["album_id"].to_pylist(),
        audio=audio["track_id"].to_pylist(),
        words=zip(text["album_id"].to_pylist(), text["variant"].to_pylist(), strict=True),
    )


def in_pieces(table):
    return [table.slice(start, 2) for start in range(0, len(table), 2)]


def test_rows_are_aligned_whatever_their_order_and_pieces(tables, tmp_path):
    _, *parts = tables
    pieces = example_store.Parts(*map(in_pieces, parts))
    example_store.write(
        tmp_path, laid_out(*tables), pieces, scaling_factor=2.0, shift_factor=1.0, facts={"a": 1}
    )
    examples, facts = example_store.read(tmp_path, null_states=torch.zeros(3, 5))
    assert examples.album_ids == ("a", "c")
    assert facts == {"a": 1}
    assert examples.states[:, :, 0, 0].tolist() == [[2, 5, 1], [4, 0, 4]]  # c says its first for 'genre'
    assert examples.frames[:, 0, 0, 0].tolist() == [1, 0]
    assert examples.latent_means[1, 0].flatten().tolist() == [-2, 0, 2, 4]  # (raw - 1) * 2
    assert torch.allclose(examples.latent_stds[1, 0, 0, 1], torch.tensor(0.2), atol=1e-3)


def test_nothing_whole_says_which_jobs_to_run(tables):
    catalog, *parts = tables
    with pytest.raises(ConfigError, match="embed and encode"):
        laid_out(catalog.slice(1, 1), *parts)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(toys.save_stable_diffusion(tmp_path_factory.mktemp("sd")))


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The machine's folder for temporary files."""
    (tmp_path / "local").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "local"))
    return tmp_path / "local"


def test_a_root_is_streamed_once_and_mapped(base: str, local: Path, tmp_path: Path) -> None:
    root = make_root(str(tmp_path / "root"))
    examples, held_out = (read_examples(root, s, base=base, offline=True) for s in ("train", "validation"))
    assert examples is not None and held_out is not None
    assert (len(examples), len(held_out)) == (24, 8)
    assert not set(examples.album_ids) & set(held_out.album_ids)
    assert list(examples.album_ids) == sorted(examples.album_ids)
    (kept,) = [path for path in local.rglob("*") if path.name == "frames.npy"]
    assert str(kept) in Path("/proc/self/maps").read_text()
    sounds = root.current(AUDIO_EMBEDDINGS).read(["track_id", "frames"])
    frames = dict(zip(sounds["track_id"].to_pylist(), rows.read_tensor(sounds, "frames"), strict=True))
    for part in (examples, held_out):
        for album, own in zip(part.album_ids, part.frames, strict=True):
            assert np.array_equal(own.numpy(), frames[f"song of {album}"])
    before = kept.stat()
    read_examples(root, "train", base=base, offline=True)
    assert kept.stat().st_mtime_ns == before.st_mtime_ns


def test_workers_of_a_machine_share_what_the_first_streams(base: str, local: Path, tmp_path: Path) -> None:
    root = make_root(str(tmp_path / "root"), train=6, validation=2)
    with ThreadPoolExecutor(4) as workers:
        read = [workers.submit(read_examples, root, "train", base=base, offline=True) for _ in range(4)]
    plan = BatchPlan(4, 1000)
    drawn = [plan.draw(each.result(), 3) for each in read]
    assert all(torch.equal(batch.frames, drawn[0].frames) for batch in drawn)
    assert all(torch.equal(batch.latents, drawn[0].latents) for batch in drawn)
    assert len([path for path in local.rglob("*") if path.name == "frames.npy"]) == 1


def test_new_data_takes_the_place_of_old(base: str, local: Path, tmp_path: Path) -> None:
    root = make_root(str(tmp_path / "root"), train=4, validation=0)
    before = read_examples(root, "train", base=base, offline=True)
    first = before.frames.clone()
    make_root(root.uri, train=3, validation=0, seed=1)  # appends
    after = read_examples(root, "train", base=base, offline=True)
    assert (len(before), len(after)) == (4, 7)
    assert torch.equal(before.frames, first)  # still mapped, though the files are gone
    assert len([path for path in local.rglob("*") if path.name == "frames.npy"]) == 1
    assert read_examples(root, "validation", base=base, offline=True) is None
