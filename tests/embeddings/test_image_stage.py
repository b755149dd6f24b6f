"""Seeing over tables: order, refusals, stored shapes, operators that pickle."""

import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import torch

from covergen.embeddings.clip_image import ClipImage, crop
from covergen.embeddings.image_stage import SeeCovers
from covergen.errors import ConfigError, ModelError
from covergen.media import images
from covergen.storage import rows
from covergen.storage.root import digest_of
from covergen.storage.tables import IMAGE_EMBEDDINGS
from tests import toy_encoders

COVER_COLUMNS = pa.schema(
    [("album_id", pa.string()), ("input_digest", pa.string()), ("uri", pa.string()), ("bytes", pa.binary())]
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("clip")
    toy_encoders.save_clip_vision(path)
    return str(path)


def _picture(height: int = 40, width: int = 40, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def _png(seed: int = 0) -> bytes:
    return images.encode_png(_picture(seed=seed))


def _covers(*contents: bytes | Path) -> pa.Table:
    records = [
        {
            "album_id": f"a{i}",
            "input_digest": f"d{i}",
            "uri": content.as_uri() if isinstance(content, Path) else f"https://example.org/{i}.png",
            "bytes": None if isinstance(content, Path) else content,
        }
        for i, content in enumerate(contents)
    ]
    return pa.Table.from_pylist(records, schema=COVER_COLUMNS)


def _vectors(table: pa.Table) -> list[np.ndarray]:
    return [np.frombuffer(v, "<f2").astype(float) for v in table["pooled"].to_pylist() if v is not None]


def test_covers_become_rows_that_storage_accepts_and_bad_ones_say_why(folder, tmp_path):
    file = tmp_path / "cover #1 ä.png"
    file.write_bytes(images.encode_jpeg(_picture(48, 90)))
    stage = SeeCovers(folder, batch_size=2)
    seen = stage(_covers(_png(), b"junk", file, b"", tmp_path / "gone.png", _png(1)))
    assert seen["album_id"].to_pylist() == [f"a{i}" for i in range(6)]
    assert seen["reject_code"].to_pylist() == [
        None, "damaged_image", None, "empty_file", "missing_file", None,
    ]  # fmt: skip
    assert seen["reject_reason"][1].as_py().startswith("https://example.org/1.png: ")
    assert str(tmp_path / "gone.png") in seen["reject_reason"][4].as_py()
    accepted = seen.filter(pc.is_null(seen["reject_code"])).drop_columns(rows.REJECT_COLUMNS.names)
    stored = rows.conform(IMAGE_EMBEDDINGS, accepted, IMAGE_EMBEDDINGS.schema(stage.shapes()))
    assert stored["input_digest"].to_pylist() == ["d0", "d2", "d5"]
    assert rows.read_tensor(stored, "pooled").shape == (3, 24) == (3, *stage.shapes()["pooled"])


def test_a_row_is_its_own_cover_whatever_the_batch(folder):
    covers = _covers(_png(1), b"junk", _png(2), _png(3))
    seen = SeeCovers(folder, batch_size=2)(covers)
    encoder = ClipImage(folder)
    for vector, seed in zip(_vectors(seen), (1, 2, 3), strict=True):
        assert np.allclose(vector, encoder(crop(_picture(seed=seed), 32)[None])[0], atol=5e-3)


def test_operators_travel_small_and_load_where_they_run(folder):
    stage = SeeCovers(folder, threads=torch.get_num_threads())
    sent = [pickle.dumps(operator) for operator in (stage.crop(), stage.see())]
    assert max(map(len, sent)) < 2000
    crop_covers, see = (pickle.loads(raw) for raw in sent)
    crops = crop_covers(_covers(_png()))
    assert len(crops["pixels"][0].as_py()) == 32 * 32 * 3
    assert see(crops)["reject_code"].to_pylist() == [None]


def test_nothing_usable_loads_no_model():
    stage = SeeCovers("clip-vit-large-patch14", offline=True)
    assert stage(_covers(b"junk", b""))["reject_code"].to_pylist() == ["damaged_image", "empty_file"]
    assert len(stage(_covers())) == 0


def test_what_16_bits_cannot_hold_refuses_the_row_alone(folder, monkeypatch):
    see = ClipImage.__call__

    def overflowing(self, crops):
        vectors = see(self, crops)
        if len(crops) == 3:  # and so not the plain square that the encoder is then asked about
            vectors[0, 3], vectors[1, 0] = 1e6, np.nan
        return vectors

    monkeypatch.setattr(ClipImage, "__call__", overflowing)
    seen = SeeCovers(folder)(_covers(_png(1), _png(2), _png(3)))
    assert seen["reject_code"].to_pylist() == ["not_finite", "not_finite", None]


def test_an_image_encoder_that_answers_wrongly_is_refused_and_no_cover(folder, monkeypatch):
    see = ClipImage.__call__
    for wrong in (lambda vectors: vectors[:, :-1], lambda vectors: vectors * np.nan):
        monkeypatch.setattr(ClipImage, "__call__", lambda self, crops, wrong=wrong: wrong(see(self, crops)))
        with pytest.raises(ModelError, match="image encoder"):
            SeeCovers(folder)(_covers(_png(1), _png(2)))


def test_the_recipe_names_what_shapes_a_row(folder, tmp_path):
    toy_encoders.save_clip_vision(tmp_path, seed=1)
    recipes = [
        SeeCovers(folder).recipe(),
        SeeCovers(folder, bf16=True).recipe(),
        SeeCovers(str(tmp_path)).recipe(),
    ]
    assert len({digest_of(recipe) for recipe in recipes}) == 3
    same = SeeCovers(folder, threads=1, batch_size=2, device="cuda").recipe()
    assert same == recipes[0], "where and how fast it runs does not void a row"


def test_what_cannot_be_seen_with_is_refused_before_anything_runs():
    with pytest.raises(ConfigError, match="image encoder 'clap' is unknown"):
        SeeCovers("clap")
