"""What a picture tells of itself is handed back only where an order would take it."""

import io
import json

import numpy as np
import pytest

from covergen.errors import BadInput, ConfigError
from covergen.serving.api_models import Order
from covergen.serving.domain import MOST_STEPS, CoverOrder, FinishedCover
from covergen.serving.http.app import FOLDER
from covergen.serving.http.request_parsing import recalled
from covergen.serving.pictures import MIME, encode
from covergen.serving.problems import Problem

PIXELS = np.zeros((16, 16, 3), np.uint8)
COVER = FinishedCover(
    image=b"", width=16, height=16, album_id="a1", prompt="a red fox. calm, warm.", seed=2**64 - 1,
    order=CoverOrder(
        artist="Mira", album="Moon", genre="jazz", tags=("calm", "warm"), first_variant=3, steps=150,
        variation_strength=0.5, varied_before=("17:0.25",), audio_guidance_scale=None, noise_scheduler="pndm",
    ), variation_seed=9, base_digest="b" * 64, fusion_digest=None, audio_sha256="a" * 64, seconds=1.5,
)  # fmt: skip
TOLD = COVER.parameters()


def recall(told, kind="png"):
    return recalled(io.BytesIO(encode(PIXELS, kind, told)))


@pytest.mark.parametrize("kind", MIME)
def test_a_cover_of_ours_is_handed_back_whole(kind):
    assert recall(TOLD, kind) == TOLD
    taken = {name: value for name, value in recall(TOLD, kind).items() if name in Order.model_fields}
    assert Order.model_validate(taken).steps == 150


def test_what_it_does_not_tell_is_not_made_up():
    few = {name: TOLD[name] for name in ("artist", "album", "seed", "prompt", "noise_scheduler")}
    assert recall(few) == few
    assert "script" not in recall({**TOLD, "script": "alert(1)"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("noise_scheduler", "euler"), ("noise_scheduler", ""), ("tags", "calm"), ("tags", {"a": 1}),
        ("tags", [[]]), ("tags", ["a" * 61]), ("steps", MOST_STEPS + 1), ("steps", "<b>"), ("seed", -1),
        ("audio_sha256", "../../etc"), ("audio_sha256", ["a" * 64]), ("album_id", {}), ("width", "16"),
        ("variant", -1), ("base_digest", "<script>"), ("fusion_digest", 3), ("varied_before", ["1"]),
        ("artist", ["Mira"]), ("size", 5000), ("format", "svg"), ("year", 1994), ("genre", []),
    ],
)  # fmt: skip
def test_what_no_cover_of_ours_has_is_refused_by_its_name(name, value):
    with pytest.raises((Problem, ConfigError, BadInput)) as refused:
        recall({**TOLD, name: value})
    assert name in str(refused.value) or name in getattr(refused.value, "message", "")


def test_the_page_the_api_and_the_command_have_one_limit_of_steps():
    index = (FOLDER / "index.html").read_text()
    assert f'name="steps" min="1" max="{MOST_STEPS}"' in index
    steps = Order.model_json_schema()["properties"]["steps"]
    assert steps["maximum"] == MOST_STEPS and json.dumps(steps)
