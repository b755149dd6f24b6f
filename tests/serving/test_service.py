import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from covergen.catalog.prompts.make import make_prompts
from covergen.embeddings.audio_stage import HearTracks
from covergen.embeddings.text_stage import ReadWords
from covergen.errors import BadInput, ConfigError, ModelError, RejectCode
from covergen.generation.pipeline import PaintSettings
from covergen.generation.seeds import seed_of
from covergen.generation.stage import Paint
from covergen.media import images
from covergen.serving.domain import CoverOrder
from covergen.serving.pictures import order_of, settings_in
from covergen.serving.service import CoverService, prompt_of
from covergen.sources.identity import album_id
from covergen.storage import rows
from covergen.storage.tables import CATALOG
from tests import toys
from tests.files import png_text

ORDER = CoverOrder(artist="Björk & Co", album="Moon Letters", genre="jazz", n=2, steps=3)


@pytest.fixture(scope="module")
def service(base, fusion):
    return CoverService(base, fusion)


def pixels(cover):
    return images.decode(cover.image).astype(int)


def bulk(base, fusion, *, song, prompt, album, variant, system="audio", **settings):
    """Paint one cover as the jobs do: words and music through their tables' float16, then the stage."""
    hearing = HearTracks("logmel", seconds=5.0)
    rows = {"track_id": ["t"], "input_digest": ["d"], "uri": [None], "bytes": [song]}
    schema = {"track_id": pa.string(), "input_digest": pa.string(), "uri": pa.string(), "bytes": pa.binary()}
    heard = hearing(pa.table(rows, pa.schema(list(schema.items()))))
    words = ReadWords(base)(
        pa.table(
            {
                "prompt_id": ["p"],
                "album_id": [album],
                "variant": ["full"],
                "text": [prompt],
                "input_digest": ["d"],
            }
        )
    )
    stage = Paint(base, fusion, settings=PaintSettings(**settings), encoder_recipe=hearing.recipe())
    painted = stage(
        pa.table(
            {
                "album_id": [album], "system": [system], "variant": [variant], "prompt": [prompt],
                "track_id": ["t"], "seed": [str(seed_of(album, variant))], "states": words["states"],
                "frames": heard["frames"], "input_digest": ["d"],
            }
        )
    )  # fmt: skip
    assert painted["reject_code"].to_pylist() == [None], painted["reject_reason"]
    return images.decode(painted["image"][0].as_py()).astype(int)


def test_a_cover_is_the_one_the_jobs_paint(service, base, fusion, low_song):
    covers = service.cover(low_song, ORDER)
    album = album_id(ORDER.artist, ORDER.album)
    for variant, cover in enumerate(covers):
        assert cover.album_id == album and cover.seed == seed_of(album, variant)
        theirs = bulk(base, fusion, song=low_song, prompt=cover.prompt, album=album, variant=variant, steps=3)
        assert np.abs(pixels(cover) - theirs).max() <= 2
    assert np.abs(pixels(covers[0]) - pixels(covers[1])).mean() > 5


def test_only_the_song_changed_and_so_did_the_picture(service, low_song, high_song):
    low, high = (service.cover(song, ORDER)[0] for song in (low_song, high_song))
    assert (low.seed, low.prompt) == (high.seed, high.prompt)
    assert np.abs(pixels(low) - pixels(high)).mean() > 2


def test_a_cover_is_painted_again_from_its_own_parameters(service, low_song):
    second = service.cover(low_song, ORDER)[1]
    (cover,) = service.cover(low_song, order_of(json.loads(json.dumps(second.parameters()))))
    assert np.abs(pixels(cover) - pixels(second)).max() <= 2
    assert cover.seed == second.seed


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_a_picture_alone_is_enough_to_paint_it_again(service, low_song, kind):
    order = replace(
        ORDER, format=kind, noise_scheduler="ddpm", size=48, tags=("calm", "slow"), year="1999",
        first_variant=3, variation_seed=2**64 - 3, variation_strength=0.4,
        audio_guidance_scale=None, audio_scale=1.5,
    )  # fmt: skip
    for cover in service.cover(low_song, order):
        told = settings_in(cover.image)
        assert told == cover.parameters()
        (again,) = service.cover(low_song, order_of(told))
        assert again.parameters() == {**told, "variant": 0}
        assert np.abs(pixels(again) - pixels(cover)).max() <= (2 if kind == "png" else 24)
        assert np.abs(pixels(again) - pixels(cover)).mean() < 2


def test_a_picture_of_the_jobs_tells_its_settings_too(base, fusion, low_song):
    png = images.encode_png(
        np.zeros((8, 8, 3), np.uint8),
        {
            "prompt": "a fox",
            "seed": "18446744073709551615",
            "settings": '{"noise_scheduler": "pndm", "steps": 7}',
        },
    )
    order = order_of({**settings_in(png), "artist": "A", "album": "B"})
    wanted = CoverOrder(
        artist="A", album="B", prompt="a fox", seed=2**64 - 1, steps=7, noise_scheduler="pndm"
    )
    assert order == wanted


def test_variants_are_counted_from_the_first_one_asked_for(service, low_song):
    whole = service.cover(low_song, replace(ORDER, n=3))
    (third,) = service.cover(low_song, replace(ORDER, n=1, first_variant=2))
    assert third.order.first_variant == 2 and third.seed == whole[2].seed
    assert np.abs(pixels(third) - pixels(whole[2])).max() <= 2
    seeds = [each.request.seed for each in service.plan(None, replace(ORDER, seed=2**64 - 1, n=2))]
    assert seeds == [2**64 - 1, 0]


def test_a_variation_of_none_is_the_cover_and_a_whole_one_is_another(service, low_song):
    order = replace(ORDER, n=1, seed=5, noise_scheduler="ddpm", variation_seed=99)
    (own,) = service.cover(low_song, replace(order, variation_seed=None))
    (none,) = service.cover(low_song, order)
    (whole,) = service.cover(low_song, replace(order, variation_strength=1.0))
    (other,) = service.cover(low_song, replace(order, seed=99))
    assert np.array_equal(pixels(none), pixels(own))
    assert np.array_equal(pixels(whole), pixels(other))
    assert not np.array_equal(pixels(own), pixels(other))


def test_the_stronger_the_variation_the_farther_the_picture(service, low_song):
    order = replace(ORDER, n=1, seed=5, variation_seed=99)
    own, subtle, strong = (
        pixels(service.cover(low_song, replace(order, variation_strength=strength))[0])
        for strength in (0.0, 0.25, 0.6)
    )
    assert 0 < np.abs(subtle - own).mean() < np.abs(strong - own).mean()


def test_a_variation_of_a_varied_cover_begins_at_that_cover(service, low_song):
    order = replace(ORDER, n=1, seed=5, variation_seed=99, variation_strength=0.6)
    varied = pixels(service.cover(low_song, order)[0])
    on_it = replace(order, varied_before=("99:0.6",), variation_seed=7)
    same = service.cover(low_song, replace(on_it, variation_strength=0.0))[0]
    assert np.array_equal(pixels(same), varied)
    (again,) = service.cover(low_song, replace(on_it, variation_strength=0.2))
    (from_the_seed,) = service.cover(low_song, replace(order, variation_seed=7, variation_strength=0.2))
    assert np.abs(pixels(again) - varied).mean() < np.abs(pixels(from_the_seed) - varied).mean()
    repainted = service.cover(low_song, order_of(settings_in(again.image)))[0]
    assert np.array_equal(pixels(repainted), pixels(again)) and repainted.order.varied_before == ("99:0.6",)


def test_variations_keep_the_seed_and_each_has_one_of_its_own(service):
    order = replace(ORDER, n=3, seed=5, variation_seed=2**64 - 1, variation_strength=0.25)
    planned = [each.request for each in service.plan(None, order)]
    assert [each.seed for each in planned] == [5, 5, 5]
    assert [each.variation_seed for each in planned] == [2**64 - 1, 0, 1]
    by_album = [each.request for each in service.plan(None, replace(order, seed=None, variation_seed=None))]
    album = album_id(order.artist, order.album)
    assert {each.seed for each in by_album} == {seed_of(album, 0)}
    assert len({each.variation_seed for each in by_album} - {each.seed for each in by_album}) == 3
    second = service.plan(None, replace(order, n=1, first_variant=1))[0].request
    assert (second.seed, second.variation_seed) == (planned[1].seed, planned[1].variation_seed)


def test_what_is_planned_is_refused_before_anything_is_painted(base):
    service = CoverService(base, None)
    with pytest.raises(ConfigError, match="euler"):
        service.plan(None, replace(ORDER, noise_scheduler="euler"))
    assert "painter" not in vars(service)


def test_the_png_carries_what_paints_it_again(service, low_song):
    cover = service.cover(low_song, ORDER)[0]
    text = png_text(cover.image)
    assert text["prompt"] == cover.prompt and text["seed"] == str(cover.seed)
    assert cover.fusion_digest in text["settings"] and cover.audio_sha256 in text["settings"]


def test_without_a_song_the_words_paint_alone(service, base, low_song):
    (words,) = service.cover(None, CoverOrder(artist="A", album="B", genre="rock", steps=2))
    (without,) = CoverService(base, None).cover(
        None, CoverOrder(artist="A", album="B", genre="rock", steps=2)
    )
    assert words.audio_sha256 is None
    assert np.abs(pixels(words) - pixels(without)).max() <= 2
    with pytest.raises(ConfigError, match="no fusion"):
        CoverService(base, None).cover(low_song, ORDER)


def test_a_song_is_heard_once_for_several_orders(service, low_song):
    heard = service.listen(low_song)
    assert heard.seconds == 5.0 and heard.song_seconds == pytest.approx(6.0, abs=0.1)
    assert -20 < heard.loudness < -5
    assert heard.frames.dtype == np.float16 and heard.frames.shape[0] == 1
    first, second = service.cover(heard, ORDER)[0], service.cover(low_song, ORDER)[0]
    assert first.parameters() == second.parameters()
    assert np.array_equal(pixels(first), pixels(second))


def test_a_song_in_a_file_is_the_song(service, low_song, tmp_path):
    path = tmp_path / "a song #1 (ü).flac"
    path.write_bytes(low_song)
    assert service.listen(path).sha256 == service.listen(low_song).sha256


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", RejectCode.EMPTY_FILE), (b"not music at all, only words", RejectCode.UNSUPPORTED_FORMAT)],
)
def test_what_is_no_music_is_refused_with_its_code(service, content, code):
    with pytest.raises(BadInput) as refusal:
        service.cover(content, ORDER)
    assert refusal.value.code is code


def test_a_missing_song_is_refused(service, tmp_path):
    with pytest.raises(BadInput) as refusal:
        service.listen(tmp_path / "gone.mp3")
    assert refusal.value.code is RejectCode.MISSING_FILE


def test_a_fusion_of_another_base_or_encoder_is_refused(base, fusion, low_song, tmp_path):
    with pytest.raises(ModelError, match="no readable fusion checkpoint"):
        CoverService(base, tmp_path)
    encoder = str(tmp_path / "mert")
    toys.save_mert(tmp_path / "mert")
    with pytest.raises(ModelError, match=r"encoder='logmel', not '.*mert': embed with the recipe it knows"):
        CoverService(base, fusion, encoder=encoder, allow_noncommercial=True).cover(low_song, ORDER)


def test_size_changes_the_delivered_picture_alone(service, low_song):
    (large,) = service.cover(low_song, CoverOrder(artist="A", album="B", steps=2, size=100))
    (plain,) = service.cover(low_song, CoverOrder(artist="A", album="B", steps=2))
    assert (large.width, large.height) == (100, 100) == images.decode(large.image).shape[:2]
    small = images.fit_square(images.decode(large.image), plain.width).astype(int)
    assert np.abs(small - pixels(plain)).mean() < 12


def test_an_unknown_noise_scheduler_is_refused(service, low_song):
    order = CoverOrder(artist="A", album="B", steps=2, noise_scheduler="euler")
    with pytest.raises(ConfigError, match="euler"):
        service.cover(low_song, order)


def test_the_prompt_is_the_catalogues_own():
    order = CoverOrder(artist="A", album="Moon Letters", genre="jazz")
    album = {"album_id": "a", "title": "Moon Letters", "artist": "A", "genre": "jazz"}
    prompts = make_prompts(rows.from_records(CATALOG, [album])).to_pylist()
    assert [p["text"] for p in prompts if p["variant"] == "full"] == [prompt_of(order)]
    assert "The genre is hip hop." in prompt_of(CoverOrder(artist="A", album="B", genre="Hip-Hop"))
    assert "The genre is unknown." in prompt_of(CoverOrder(artist="A", album="B", genre="zxqw"))
    assert prompt_of(CoverOrder(artist="A", album="B", prompt="a red fox")) == "a red fox"
    tagged = CoverOrder(artist="A", album="B", prompt="a red fox.", tags=("calm", "slow"))
    assert prompt_of(tagged) == "a red fox. calm, slow."
