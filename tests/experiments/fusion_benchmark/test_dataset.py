"""The benchmark's albums and painted covers, read from a root as the jobs leave it."""

import json

import numpy as np
import pytest

from covergen.errors import RootError
from covergen.experiments.fusion_benchmark.dataset import evaluated, painted, training_seconds, world_of
from covergen.media import images
from covergen.procedural.factors import draw_album
from covergen.storage import rows
from covergen.storage.root import Root
from covergen.storage.tables import ALBUMS, AUDIO_EMBEDDINGS, CATALOG, GENERATED, LATENTS, TEXT_EMBEDDINGS

KEYS = [f"a{k}" for k in range(4)]


def put(root, table, records, **shapes):
    generation = root.generation(table, {"v": 1}, shapes=shapes or None)
    generation.append(rows.from_records(table, records).drop_columns("checksum"))


@pytest.fixture
def root(tmp_path):
    root = Root.create(str(tmp_path / "root"))
    urls = [f"procedural:eval/{k}" for k in range(3)] + ["procedural:train/3"]
    albums = [
        {"album_id": key, "source": "procedural", "source_url": url}
        for key, url in zip(KEYS, urls, strict=True)
    ]
    put(root, ALBUMS, albums)
    splits = ["test", "test", "test", "train"]
    put(root, CATALOG, [{"album_id": a, "split": s} for a, s in zip(KEYS, splits, strict=True)])
    return root


def test_only_the_generators_evaluation_albums_are_measured_in_a_fixed_order(root):
    albums = evaluated(root, None)
    assert list(albums) == KEYS[:3]
    assert albums["a2"] == draw_album(2, "eval")
    assert list(evaluated(root, 2)) == KEYS[:2]


def test_albums_without_known_factors_are_refused(root):
    stranger = [{"album_id": "b", "source": "folder", "source_url": "x"}]
    root.current(ALBUMS).append(rows.from_records(ALBUMS, stranger).drop_columns("checksum"))
    one = rows.from_records(CATALOG, [{"album_id": "b", "split": "test"}]).drop_columns("checksum")
    root.current(CATALOG).append(one)
    with pytest.raises(RootError, match="3 of 4 albums for evaluation are from there"):
        evaluated(root, None)


def test_covers_come_in_the_order_of_the_albums(root):
    pictures = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)
    records = [
        {
            "album_id": KEYS[k],
            "system": "audio",
            "variant": 2,
            "image": images.encode_png(pictures[k]),
            "seconds": k,
        }
        for k in (2, 0, 1)
    ]
    put(root, GENERATED, records)
    found, seconds = painted(root, KEYS[:3], system="audio", variant=2)
    np.testing.assert_array_equal(found, pictures)
    assert seconds == 1.0
    with pytest.raises(RootError, match="3 of 3 covers of the system audio are not painted, a0 among them"):
        painted(root, KEYS[:3], system="audio", variant=0)


def test_training_seconds_are_those_of_the_checkpoints_own_run(root):
    for stamp, folder, seconds in (("1", "checkpoints/x", 9), ("2", "checkpoints/x", 5), ("3", "other", 1)):
        root.write(f"runs/train/{stamp}.json", json.dumps({"folder": folder, "seconds": seconds}).encode())
    assert training_seconds(root, "checkpoints/x") == 5.0
    assert training_seconds(root, "checkpoints/none") is None


def test_a_world_is_its_albums_and_its_data(root):
    put(root, AUDIO_EMBEDDINGS, [], frames=(1,))
    put(root, TEXT_EMBEDDINGS, [], states=(1,), pooled=(1,))
    put(root, LATENTS, [], mean=(1,), std=(1,))
    known = {"base": "tiny", "offline": True, "reader_covers": 2000}
    world = world_of(root, evaluated(root, None), **known)
    assert world == world_of(root, evaluated(root, None), **known)
    assert world != world_of(root, evaluated(root, 2), **known)
    more = rows.from_records(CATALOG, [{"album_id": "new", "split": "train"}]).drop_columns("checksum")
    root.current(CATALOG).append(more)
    assert world != world_of(root, evaluated(root, None), **known)
