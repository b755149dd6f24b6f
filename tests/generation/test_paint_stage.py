import io
import json
import pickle

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from covergen.errors import ModelError
from covergen.generation.pipeline import PaintSettings
from covergen.generation.stage import Paint
from covergen.media import images
from covergen.storage import rows
from covergen.storage.tables import GENERATED
from tests.files import png_text

QUICK = PaintSettings(steps=2)


@pytest.fixture(scope="module")
def paint(base_folder, fusion_folder):
    return Paint(base_folder, fusion_folder, settings=QUICK, encoder_recipe={"encoder": "toy"})


def batch_of(requests, **changes):
    count = len(requests)
    columns = {
        "album_id": [f"album {i}" for i in range(count)],
        "system": ["audio"] * count,
        "variant": [0] * count,
        "prompt_id": ["p"] * count,
        "prompt": ["Create an album cover"] * count,
        "track_id": [f"track {i}" for i in range(count)],
        "seed": [str(request.seed) for request in requests],
        "states": [request.states.tobytes() for request in requests],
        "frames": [request.frames.tobytes() for request in requests],
        "input_digest": ["d"] * count,
    }
    return pa.table({**columns, **changes})


def test_rows_are_whole_and_fit_the_table(paint, requests):
    out = paint(batch_of(requests[:2]))
    assert out["reject_code"].null_count == 2
    good = out.drop_columns(["reject_code", "reject_reason", "reject_retriable"])
    conformed = rows.conform(GENERATED, good, GENERATED.schema())
    row = conformed.to_pylist()[0]
    with Image.open(io.BytesIO(row["image"])) as picture:
        assert picture.size == (row["width"], row["height"]) == (32, 32)
    text = png_text(row["image"])
    assert text["seed"] == row["seed"] == str(requests[0].seed)
    assert json.loads(text["settings"])["fusion_digest"] == row["fusion_digest"]
    assert [name for name, value in row.items() if value is None] == []


def test_the_same_row_gives_the_same_bytes(paint, requests):
    one, two = paint(batch_of(requests[:2])), paint(batch_of(requests[:2]))
    assert one["image"].to_pylist() == two["image"].to_pylist()


def test_a_row_can_be_painted_again_from_what_it_tells(paint, requests):
    whole = images.decode(paint(batch_of(requests[:8]))["image"][5].as_py()).astype(int)
    again = images.decode(paint(batch_of(requests[5:6]))["image"][0].as_py()).astype(int)
    assert np.abs(whole - again).max() <= 2


def test_prompt_only_needs_no_music(paint, requests):
    out = paint(batch_of(requests[:1], system=["prompt_only"], frames=pa.array([None], pa.binary())))
    assert out["image"].null_count == 0


def test_bad_rows_are_refused_one_by_one(paint, requests):
    states = [r.states.tobytes() for r in requests[:5]]
    frames = [r.frames.tobytes() for r in requests[:5]]
    broken = requests[3].frames.copy()
    broken[0, 0, 0] = np.inf
    batch = batch_of(
        requests[:5],
        states=pa.array([None, *states[1:]], pa.binary()),
        frames=pa.array([frames[0], None, frames[2][:-2], broken.tobytes(), frames[4]], pa.binary()),
    )
    codes = paint(batch)["reject_code"].to_pylist()
    assert codes == ["missing_field", "no_audio_embedding", "wrong_type", "not_finite", None]


def test_the_recipe_says_what_makes_the_rows_without_loading(paint, base_folder, fusion_folder):
    fresh = Paint(base_folder, fusion_folder, settings=QUICK)
    assert fresh.recipe() == paint.recipe()
    assert "_painter" not in vars(fresh)
    other = Paint(base_folder, fusion_folder, settings=PaintSettings(steps=3))
    assert other.recipe() != fresh.recipe()
    assert json.loads(json.dumps(fresh.recipe())) == fresh.recipe()


def test_a_stage_travels_between_processes(base_folder, fusion_folder):
    stage = Paint(base_folder, fusion_folder, settings=QUICK)
    assert len(pickle.dumps(stage)) < 2000
    assert pickle.loads(pickle.dumps(stage)).recipe() == stage.recipe()


def test_music_of_another_recipe_is_refused(base_folder, fusion_folder, requests):
    stage = Paint(base_folder, fusion_folder, settings=QUICK, encoder_recipe={"encoder": "mert"})
    with pytest.raises(ModelError, match="encoder='toy'"):
        stage(batch_of(requests[:1]))
