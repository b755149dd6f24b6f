import numpy as np
import pyarrow as pa
import pytest
import torch

from covergen import rows
from covergen.errors import ConfigError
from covergen.tables import AUDIO_EMBEDDINGS, LATENTS, TEXT_EMBEDDINGS
from covergen.training.examples import from_tables


def table_of(table, shapes, columns):
    schema = table.schema(shapes)
    arrays = {
        name: rows.tensor_column(values) if isinstance(values, np.ndarray) else pa.array(values)
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
    return catalog, {"latents": latents, "text_embeddings": text, "audio_embeddings": audio}


def test_rows_are_aligned_whatever_their_order(tables):
    catalog, parts = tables
    examples, left_out = from_tables(
        catalog, **parts, null_states=torch.zeros(3, 5), scaling_factor=2.0, shift_factor=1.0
    )
    assert examples.album_ids == ("a", "c")
    assert left_out == 1
    assert examples.states[:, :, 0, 0].tolist() == [[2, 5, 1], [4, 0, 0]]  # c says its first for 'genre'
    assert examples.frames[:, 0, 0, 0].tolist() == [1, 0]
    assert examples.latent_means[1, 0].flatten().tolist() == [-2, 0, 2, 4]  # (raw - 1) * 2
    assert torch.allclose(examples.latent_stds[1, 0, 0, 1], torch.tensor(0.2), atol=1e-3)


def test_nothing_whole_says_which_jobs_to_run(tables):
    catalog, parts = tables
    with pytest.raises(ConfigError, match="embed and encode"):
        from_tables(catalog.slice(1, 1), **parts, null_states=torch.zeros(3, 5), scaling_factor=1.0)


def test_take_keeps_rows_together(examples):
    part = examples.take([5, 2])
    assert part.album_ids == ("album 5", "album 2")
    assert torch.equal(part.frames[0], examples.frames[5])
    assert torch.equal(part.latent_means[1], examples.latent_means[2])
