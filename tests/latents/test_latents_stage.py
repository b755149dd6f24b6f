"""Covers through the VAE over tables."""

import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import torch

from covergen.errors import ConfigError, ModelError
from covergen.latents.stage import EncodeCovers
from covergen.media import images
from covergen.models import stable_diffusion
from covergen.storage import rows
from covergen.storage.tables import LATENTS
from tests import toys

COVER_COLUMNS = pa.schema(
    [("album_id", pa.string()), ("input_digest", pa.string()), ("uri", pa.string()), ("bytes", pa.binary())]
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return toys.save_stable_diffusion(tmp_path_factory.mktemp("sd"))


def _picture(height: int = 32, width: int = 32, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def _covers(*contents: bytes) -> pa.Table:
    records = [
        {
            "album_id": f"a{i}",
            "input_digest": f"d{i}",
            "uri": f"https://example.org/{i}.png",
            "bytes": content,
        }
        for i, content in enumerate(contents)
    ]
    return pa.Table.from_pylist(records, schema=COVER_COLUMNS)


def test_covers_become_rows_that_storage_accepts_and_bad_ones_say_why(folder):
    stage = EncodeCovers(str(folder), batch_size=2)
    wide = images.encode_jpeg(_picture(48, 80))
    encoded = stage(
        _covers(images.encode_png(_picture()), b"junk", wide, b"", images.encode_png(_picture(seed=1)))
    )
    assert encoded["reject_code"].to_pylist() == [None, "damaged_image", None, "empty_file", None]
    assert encoded["reject_reason"][1].as_py().startswith("https://example.org/1.png: ")
    accepted = encoded.filter(pc.is_null(encoded["reject_code"])).drop_columns(rows.REJECT_COLUMNS.names)
    stored = rows.conform(LATENTS, accepted, LATENTS.schema(stage.shapes()))
    assert stored["album_id"].to_pylist() == ["a0", "a2", "a4"]
    assert rows.read_tensor(stored, "mean").shape == (3, 4, 16, 16)
    assert (rows.read_tensor(stored, "std") > 0).all()


def test_latents_are_the_vae_encoder_before_scaling(folder):
    encoded = EncodeCovers(str(folder))(_covers(images.encode_png(_picture())))
    mean, std = stable_diffusion.encode_images(stable_diffusion.load_vae(str(folder)), _picture()[None])
    for name, expected in (("mean", mean), ("std", std)):
        stored = np.frombuffer(encoded[name][0].as_py(), "<f2").reshape(4, 16, 16)
        assert np.allclose(stored, expected[0].numpy(), atol=5e-3)


def test_a_file_of_one_s_own_is_read_where_it_lies(folder, tmp_path):
    file = tmp_path / "cover #1.png"
    file.write_bytes(images.encode_png(_picture()))
    covers = _covers(b"").set_column(2, "uri", pa.array([file.as_uri()]))
    covers = covers.set_column(3, "bytes", pa.array([None], pa.binary()))
    stage = EncodeCovers(str(folder))
    assert stage(covers)["mean"] == stage(_covers(images.encode_png(_picture())))["mean"]


def test_size_is_a_choice_and_must_fit_the_vae(folder):
    stage = EncodeCovers(str(folder), size=64)
    assert stage.shapes() == {"mean": (4, 32, 32), "std": (4, 32, 32)}
    encoded = stage(_covers(images.encode_png(_picture())))
    assert len(encoded["mean"][0].as_py()) == 4 * 32 * 32 * 2
    with pytest.raises(ConfigError, match="size=33 is not a multiple of the VAE's 2 pixels"):
        EncodeCovers(str(folder), size=33)


def test_the_recipe_follows_the_vae_and_not_the_unet(folder, tmp_path):
    other = toys.save_stable_diffusion(tmp_path)
    unet = other / "unet" / "diffusion_pytorch_model.safetensors"
    unet.write_bytes(unet.read_bytes()[:-1] + b"\x01")
    first, second = EncodeCovers(str(folder)).recipe(), EncodeCovers(str(other)).recipe()
    assert first["vae_digest"] == second["vae_digest"]
    assert EncodeCovers(str(folder), size=64).recipe() != first
    assert EncodeCovers(str(folder), threads=1, batch_size=3).recipe() == first


def test_bfloat16_stays_close(folder):
    covers = _covers(images.encode_png(_picture()))
    exact, rounded = (EncodeCovers(str(folder), bf16=bf16)(covers) for bf16 in (False, True))
    first, second = (
        np.frombuffer(table["mean"][0].as_py(), "<f2").astype(float) for table in (exact, rounded)
    )
    assert 0 < np.abs(first - second).mean() < 0.02


def test_nothing_usable_loads_no_model(folder):
    stage = EncodeCovers(str(folder))
    assert stage(_covers(b"junk"))["reject_code"].to_pylist() == ["damaged_image"]
    assert len(stage(_covers())) == 0
    assert "vae" not in vars(stage._operators[1])


def test_operators_travel_small_and_load_where_they_run(folder):
    stage = EncodeCovers(str(folder), threads=torch.get_num_threads())
    sent = [pickle.dumps(operator) for operator in (stage.crop(), stage.encode())]
    assert max(map(len, sent)) < 2000
    crop, encode = (pickle.loads(raw) for raw in sent)
    crops = crop(_covers(images.encode_png(_picture()), b"junk"))
    assert len(crops["pixels"][0].as_py()) == 32 * 32 * 3
    assert encode(crops)["reject_code"].to_pylist() == [None, "damaged_image"]


def test_a_vae_that_answers_wrongly_is_refused_and_no_cover(folder, monkeypatch):
    encode = stable_diffusion.encode_images
    for wrong in (lambda values: values[:, :-1], lambda values: values * float("nan")):
        monkeypatch.setattr(
            stable_diffusion, "encode_images", lambda *args, wrong=wrong: tuple(map(wrong, encode(*args)))
        )
        with pytest.raises(ModelError, match="VAE of"):
            EncodeCovers(str(folder))(_covers(images.encode_png(_picture())))
