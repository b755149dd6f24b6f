from dataclasses import replace

import numpy as np
import pytest
import torch

from covergen.errors import ConfigError
from covergen.fusion import build
from covergen.generation.pipeline import Painter, PaintSettings
from covergen.models import stable_diffusion

# diffusers' DPM-Solver hands numpy 2 a tensor in a way that numpy announces to drop
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

QUICK = PaintSettings(steps=4)


def pictures(covers):
    return np.stack([cover.image for cover in covers]).astype(int)


@pytest.mark.parametrize("kind", ["ddim", "pndm", "ddpm", "dpm++"])
def test_one_alone_and_eight_together_are_the_same_picture(painter, requests, kind):
    settings = replace(QUICK, noise_scheduler=kind)
    together = pictures(painter.paint(requests, settings))
    alone = pictures([painter.paint([request], settings)[0] for request in requests[:3]])
    assert np.abs(together[:3] - alone).max() <= 2
    assert together.std() > 5


def test_covers_come_in_the_order_of_the_requests(painter, requests):
    mixed = [replace(r, frames=None) if i % 2 else r for i, r in enumerate(requests)]
    covers = pictures(painter.paint(mixed, QUICK))
    for i in (0, 1):
        assert np.abs(covers[i] - pictures(painter.paint([mixed[i]], QUICK))[0]).max() <= 2


def test_other_music_is_another_picture_and_the_same_music_the_same(painter, requests):
    request = requests[0]
    own, again, other = pictures(
        painter.paint([request, request, replace(request, frames=requests[1].frames)], QUICK)
    )
    assert np.abs(own - again).max() <= 2
    assert np.abs(own - other).max() > 10


def test_without_music_the_base_paints_bit_for_bit(base_folder, painter, requests):
    silent = [replace(request, frames=None) for request in requests[:2]]
    bare = Painter(stable_diffusion.load(base_folder))
    assert np.array_equal(pictures(painter.paint(silent, QUICK)), pictures(bare.paint(silent, QUICK)))


def test_at_scale_zero_the_music_is_not_heard(painter, requests):
    settings = replace(QUICK, audio_scale=0.0)
    heard = pictures(painter.paint(requests[:2], settings))
    silent = pictures(painter.paint([replace(r, frames=None) for r in requests[:2]], settings))
    assert np.abs(heard - silent).max() <= 2


def test_guidance_by_sound_is_there_and_can_be_left_out(painter, requests):
    quiet, loud, single = (
        pictures(painter.paint(requests[:1], replace(QUICK, audio_guidance_scale=scale)))
        for scale in (0.0, 4.0, None)
    )
    assert np.abs(quiet - loud).max() > 10
    assert np.abs(loud - single).max() > 2


def test_guidance_by_words_is_there(painter, requests):
    weak, strong = (
        pictures(painter.paint(requests[:1], replace(QUICK, guidance_scale=scale))) for scale in (0.0, 7.5)
    )
    assert np.abs(weak - strong).max() > 10


def test_the_first_noise_leans_to_the_sound_where_the_schedule_lets_it_through(
    toys, painter, requests, tmp_path
):
    leaning = replace(QUICK, noise_shift=1.0)
    assert np.array_equal(*(pictures(painter.paint(requests[:1], s)) for s in (leaning, QUICK)))
    model = stable_diffusion.load(str(toys.save_stable_diffusion(tmp_path, zero_snr=False)))
    leaky = Painter(model, build("decoupled", model.unet, (1, 6, 10)))
    assert not np.array_equal(*(pictures(leaky.paint(requests[:1], s)) for s in (leaning, QUICK)))


def test_leaning_is_refused_where_the_fusion_promises_nothing(model, requests):
    painter = Painter(model, build("concat", model.unet, (1, 6, 10)))
    with pytest.raises(ConfigError, match="set it to 0"):
        painter.paint(requests[:1], replace(QUICK, noise_shift=1.0))


def test_bf16_paints_nearly_the_same(base_folder, fusion_folder, painter, requests):
    from covergen.training import checkpoint

    model = stable_diffusion.load(base_folder, dtype=torch.bfloat16)
    fusion, _ = checkpoint.load(fusion_folder, model.unet)
    rough = pictures(Painter(model, fusion).paint(requests[:2], QUICK))
    assert np.abs(rough - pictures(painter.paint(requests[:2], QUICK))).mean() < 6


def test_music_without_a_fusion_is_refused(base_folder, requests):
    with pytest.raises(ConfigError, match="give a fusion checkpoint"):
        Painter(stable_diffusion.load(base_folder)).paint(requests[:1], QUICK)


def test_nothing_to_paint_is_no_cover(painter):
    assert painter.paint([], QUICK) == []
