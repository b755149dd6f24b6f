import json

import pytest

from covergen.errors import ConfigError
from covergen.serving.domain import CoverOrder, FinishedCover


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n", 0), ("n", 17), ("seed", -1), ("seed", 2**64), ("steps", 0), ("steps", 1001), ("size", 8),
        ("guidance_scale", -0.1), ("audio_guidance_scale", float("nan")), ("audio_scale", 2.1),
        ("noise_shift", 1.5), ("variation_seed", -1), ("variation_strength", 1.1), ("first_variant", -1),
    ],
)  # fmt: skip
def test_a_value_out_of_range_is_named_with_its_remedy(field, value):
    with pytest.raises(ConfigError, match=rf"{field}={value} is out of range; take \d"):
        CoverOrder(artist="A", album="B", **{field: value})


@pytest.mark.parametrize(
    "told", [("5",), ("5:1",), ("9" * 20 + ":.5",), ("5:.5",) * 65, ("-1:.5",), ("5:.5\n",)]
)
def test_variations_before_are_seeds_and_strengths(told):
    with pytest.raises(ConfigError, match="varied_before"):
        CoverOrder(artist="A", album="B", varied_before=told)
    order = CoverOrder(artist="A", album="B", varied_before=("5:.5", f"{2**64 - 1}:0.25"))
    assert order.variations() == ((5, 0.5), (2**64 - 1, 0.25))


@pytest.mark.parametrize("field", ["artist", "album"])
def test_words_that_decide_the_seed_must_be_there(field):
    with pytest.raises(ConfigError, match=f"{field} is empty"):
        CoverOrder(**{"artist": "A", "album": "B", field: "  "})


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("album", "b" * 1001, "album is longer than 1000 characters"),
        ("prompt", "p" * 1201, "prompt is longer than 1200 characters"),
        ("tags", ("a",) * 17, "at most 16 words"),
        ("tags", ("a" * 61,), "words of 60 characters"),
        ("artist", "a\ud83c", "artist holds halves"),
        ("tags", ("a", "\udfff"), "tags hold halves"),
        ("format", "gif", "format=gif is unknown; choose one of png, jpeg, webp."),
    ],
)
def test_words_that_are_too_many_or_unknown_are_refused(field, value, told):
    with pytest.raises(ConfigError, match=told):
        CoverOrder(**{"artist": "A", "album": "B", field: value})


def test_the_ends_of_every_range_are_allowed():
    CoverOrder(artist="A", album="B", n=16, seed=2**64 - 1, steps=1000, audio_guidance_scale=None, size=4096)
    CoverOrder(artist="A", album="B", n=1, seed=0, steps=1, guidance_scale=0, audio_scale=0, size=16)


def test_parameters_are_json_and_leave_the_picture_out():
    cover = FinishedCover(
        image=b"x", width=8, height=8, album_id="a", prompt="p", seed=2**64 - 1, variation_seed=None,
        order=CoverOrder(artist="A", album="B", genre="jazz", tags=("calm",), n=1, first_variant=3, steps=2),
        base_digest="b", fusion_digest=None, audio_sha256=None, seconds=0.1,
    )  # fmt: skip
    told = json.loads(json.dumps(cover.parameters()))
    assert (told["variant"], told["prompt"], told["steps"], told["format"]) == (3, "p", 2, "png")
    assert not {"order", "n", "first_variant"} & told.keys()
    assert told["seed"] == str(2**64 - 1) and told["variation_seed"] is None
    assert told["noise_scheduler"] == "ddim" and told["tags"] == ["calm"]
    assert "image" not in told and "seconds" not in told
