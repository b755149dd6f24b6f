import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covergen.errors import BadInput, ConfigError, RejectCode
from covergen.media import images
from covergen.serving.domain import CoverOrder
from covergen.serving.pictures import MIME, encode, order_of, settings_in

PIXELS = np.mgrid[:24, :24, :3].sum(0).astype(np.uint8) * 4
TOLD = {
    "artist": "Sigur Rós", "album": "( ) – 雨 🎷", "genre": "rock", "year": None, "tags": ["calm", "slow"],
    "prompt": "a red fox. calm, slow.", "seed": str(2**64 - 1), "noise_scheduler": "ddim", "steps": 7,
    "audio_guidance_scale": None, "variation_seed": "9", "variation_strength": 0.5, "format": "webp",
    "variant": 3,
}  # fmt: skip


@pytest.mark.parametrize("kind", MIME)
def test_every_format_carries_the_settings_whole(kind):
    data = encode(PIXELS, kind, TOLD)
    assert images.mime_of(data) == MIME[kind]
    assert settings_in(data) == TOLD
    assert np.abs(images.decode(data).astype(int) - PIXELS).mean() < 5
    assert data == encode(PIXELS, kind, TOLD)


@given(st.sampled_from(list(MIME)), st.text(max_size=40), st.text(max_size=40))
def test_words_of_any_characters_come_back(kind, album, prompt):
    told = {**TOLD, "album": album, "prompt": prompt}
    assert settings_in(encode(PIXELS, kind, told)) == told


@pytest.mark.parametrize("kind", MIME)
def test_the_longest_words_fit_into_every_format(kind):
    longest = {"artist": 500, "album": 1000, "genre": 100, "year": 30, "prompt": 1200}
    tags = ("🎷" * 60,) * 16
    words = {name: "🎷" * count for name, count in longest.items()}
    order = CoverOrder(**words, tags=tags, varied_before=(f"{2**64 - 1}:0.{'1' * 20}",) * 64)
    told = {**vars(order), "prompt": f"{order.prompt} {', '.join(tags)}.", "tags": list(tags), "seed": "1"}
    told["varied_before"] = list(order.varied_before)
    assert settings_in(encode(PIXELS, kind, told)) == told


def test_the_order_of_a_picture_asks_for_that_picture_alone():
    order = order_of({**TOLD, "n": 7, "first_variant": 3})
    assert (order.n, order.first_variant) == (1, 0)
    assert (order.seed, order.variation_seed) == (2**64 - 1, 9)
    assert (order.prompt, order.tags) == ("a red fox.", ("calm", "slow"))
    assert order.audio_guidance_scale is None and order.guidance_scale == 2.5
    absent = {name: value for name, value in TOLD.items() if name != "audio_guidance_scale"}
    assert order_of(absent).audio_guidance_scale == 3.0


@pytest.mark.parametrize("kind", MIME)
def test_a_picture_without_settings_is_refused(kind):
    plain = {"png": images.encode_png, "jpeg": images.encode_jpeg, "webp": images.encode_webp}[kind](PIXELS)
    for data in (plain, encode(PIXELS, kind, {"prompt": "of another program", "seed": 1})):
        with pytest.raises(BadInput, match="carries no settings") as refusal:
            settings_in(data)
        assert refusal.value.code is RejectCode.MISSING_FIELD


@pytest.mark.parametrize("data", [b"", b"no picture at all"])
def test_what_is_no_picture_is_refused(data):
    with pytest.raises(BadInput):
        settings_in(data)


@pytest.mark.parametrize("kind", MIME)
def test_damaged_pictures_are_refused_or_read_and_nothing_else(kind):
    data, rng = encode(PIXELS, kind, TOLD), random.Random(1)
    for _ in range(150):
        damaged = bytearray(data)
        for _ in range(rng.randint(1, 6)):
            damaged[rng.randrange(min(len(damaged), 900))] = rng.randrange(256)
        try:
            order_of(settings_in(bytes(damaged)))
        except (BadInput, ConfigError) as refusal:
            assert str(refusal)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", "many"), ("seed", 1.5), ("seed", "9" * 5000), ("seed", True), ("steps", [3]),
        ("steps", 1e400),
        ("guidance_scale", "x"), ("guidance_scale", float("nan")), ("guidance_scale", {}), ("tags", "calm"),
        ("tags", [3]), ("tags", 3), ("artist", 3), ("artist", None), ("artist", " "), ("format", "gif"),
        ("format", ["png"]), ("noise_scheduler", 1), ("prompt", {}), ("variation_strength", 7),
    ],
)  # fmt: skip
def test_settings_that_somebody_made_up_are_refused_with_a_sentence(name, value):
    with pytest.raises(ConfigError, match=name):
        order_of({**TOLD, name: value})
