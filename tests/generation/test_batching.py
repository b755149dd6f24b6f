import threading
from concurrent.futures import CancelledError, wait
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from covergen.errors import ConfigError
from covergen.fusion import build
from covergen.generation.batching import BatchingEngine
from covergen.generation.pipeline import Painter, PaintSettings
from covergen.models import stable_diffusion

# diffusers' DPM-Solver hands numpy 2 a tensor in a way that numpy announces to drop
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

QUICK = PaintSettings(steps=4)
ENDLESS = PaintSettings(steps=1000)
SECONDS = 60


@contextmanager
def an_engine(painter, **options):
    engine = BatchingEngine(painter, **options)
    try:
        yield engine
    finally:
        engine.close()


@pytest.fixture
def engine(painter):
    with an_engine(painter) as engine:
        yield engine


class Gate:
    """A watcher that holds the easel's thread after its first step until it is opened."""

    def __init__(self):
        self.reached, self.opened = threading.Event(), threading.Event()
        self.steps = []

    def __call__(self, step):
        self.steps.append(step)
        self.reached.set()
        assert self.opened.wait(SECONDS)


def difference(one, other):
    return np.abs(one.image.astype(int) - other.image).max()


MIXED = [
    (True, PaintSettings(steps=6)),
    (False, PaintSettings(steps=3, noise_scheduler="pndm")),
    (True, PaintSettings(steps=5, noise_scheduler="ddpm", guidance_scale=4.0, audio_guidance_scale=None)),
    (True, PaintSettings(steps=7, noise_scheduler="dpm++", audio_scale=0.5, audio_guidance_scale=1.5)),
    (False, PaintSettings(steps=8, noise_scheduler="dpm++", guidance_scale=7.0)),
    (True, PaintSettings(steps=4, noise_scheduler="pndm", audio_scale=2.0)),
    (False, PaintSettings(steps=9, noise_scheduler="ddpm")),
    (True, PaintSettings(steps=1)),
]


@pytest.mark.parametrize("kind", ["decoupled", "concat"])
def test_covers_of_all_kinds_that_join_and_leave_are_those_of_the_painter(
    base_folder, painter, requests, kind
):
    """`concat` has conditioning of another shape without sound than with it, `decoupled` has not."""
    if kind != "decoupled":
        model = stable_diffusion.load(base_folder)
        painter = Painter(model, build(kind, model.unet, (1, 6, 10)))
    wanted = [
        (request if heard else replace(request, frames=None), settings)
        for request, (heard, settings) in zip(requests, MIXED, strict=True)
    ]
    wanted[3] = (replace(wanted[3][0], variation_seed=7, variation_strength=0.5), wanted[3][1])
    gate = Gate()
    with an_engine(painter, places=4) as engine:
        first = engine.begin(*wanted[0], gate)
        assert gate.reached.wait(SECONDS)
        others = [engine.begin(*each) for each in wanted[1:]]  # join one that is under way, or wait for it
        gate.opened.set()
        covers = [cover.result(SECONDS) for cover in (first, *others)]
        assert engine.rows_run == 6 + 4 + 5 + 7 + 8 + 5 + 9 + 1  # PNDM makes one step more
        assert engine.rows_run / 4 <= engine.steps_run < engine.rows_run
    for cover, (request, settings) in zip(covers, wanted, strict=True):
        assert difference(cover, painter.paint([request], settings)[0]) <= 2
        assert cover.seconds > 0


def test_a_watcher_sees_every_step_and_what_the_picture_promises(engine, painter, requests):
    seen = []
    cover = engine.begin(requests[0], PaintSettings(steps=9), seen.append).result(SECONDS)
    assert [(step.step, step.steps) for step in seen] == [(k, 9) for k in range(1, 10)]
    assert [step.step for step in seen if step.latents is not None] == [4, 8]
    (late,) = painter.decode(seen[7].latents[None])
    (early,) = painter.decode(seen[3].latents[None])
    far, near = (np.abs(cover.image.astype(int) - shown).mean() for shown in (early, late))
    assert near < far


def test_a_cancelled_cover_frees_its_place_before_the_next_step(painter, requests):
    gate = Gate()
    with an_engine(painter, places=1) as engine:
        running = engine.begin(requests[0], ENDLESS, gate)
        assert gate.reached.wait(SECONDS)
        given_up, next_one = (engine.begin(request, QUICK) for request in requests[1:3])
        assert (engine.on_it, engine.waiting) == (1, 2)
        assert running.cancel() and given_up.cancel()
        gate.opened.set()
        assert difference(next_one.result(SECONDS), painter.paint([requests[2]], QUICK)[0]) <= 2
        assert engine.rows_run == 1 + 4
        assert wait([running, given_up], SECONDS).not_done == set()
        with pytest.raises(CancelledError):
            running.result(0)
    assert len(gate.steps) == 1


class Faulty(Painter):
    """A painter whose U-Net and VAE fail for calls with more rows than one, or with a cover of bad luck."""

    unlucky = frozenset()
    alone = False

    def predict(self, denoising_states):
        if self.alone and len(denoising_states) > 1:
            raise MemoryError("too many rows")
        if any(self._is_unlucky(state) for state in denoising_states):
            raise ValueError("bad luck")
        return super().predict(denoising_states)

    def prepare(self, requests, settings):
        state = super().prepare(requests, settings)
        state.seed = requests[0].seed
        return state

    def _is_unlucky(self, state):
        return state.seed in self.unlucky and state.step == 2

    def decode(self, latents):
        if self.alone and len(latents) > 1:
            raise MemoryError("too many rows")
        return super().decode(latents)


@pytest.fixture
def faulty(painter, base_folder, fusion_folder):
    from covergen.training import checkpoint

    model = stable_diffusion.load(base_folder)
    fusion, _ = checkpoint.load(fusion_folder, model.unet)
    return Faulty(model, fusion)


def test_a_cover_that_fails_takes_no_other_along(faulty, painter, requests):
    faulty.unlucky = frozenset({requests[1].seed})

    def broken(step):
        raise RuntimeError("the watcher broke")

    with an_engine(faulty) as engine:
        unknown = engine.begin(requests[3], replace(QUICK, noise_scheduler="euler"))
        misshapen = engine.begin(replace(requests[4], states=requests[4].states[:, :3]), QUICK)
        watched = engine.begin(requests[2], QUICK, broken)
        good, unlucky, late = (
            engine.begin(request, QUICK) for request in (requests[0], requests[1], requests[5])
        )
        with pytest.raises(ConfigError, match="euler"):
            unknown.result(SECONDS)
        with pytest.raises(RuntimeError):
            misshapen.result(SECONDS)
        with pytest.raises(RuntimeError, match="the watcher broke"):
            watched.result(SECONDS)
        with pytest.raises(ValueError, match="bad luck"):
            unlucky.result(SECONDS)
        for cover, request in ((good, requests[0]), (late, requests[5])):
            assert difference(cover.result(SECONDS), painter.paint([request], QUICK)[0]) <= 2
        assert (
            difference(
                engine.begin(requests[6], QUICK).result(SECONDS), painter.paint([requests[6]], QUICK)[0]
            )
            <= 2
        )


def test_what_fails_together_is_tried_alone(faulty, painter, requests):
    faulty.alone = True
    with an_engine(faulty) as engine:
        covers = [engine.begin(request, QUICK) for request in requests[:3]]
        for cover, request in zip(covers, requests, strict=False):
            assert difference(cover.result(SECONDS), painter.paint([request], QUICK)[0]) <= 2


def test_first_come_first_served(painter, requests):
    gate, begun, ended = Gate(), [], []

    def watcher(number):
        def watch(step):
            if step.step == 1:
                begun.append(number)
            if step.step == step.steps:
                ended.append(number)

        return watch

    with an_engine(painter, places=2) as engine:
        held = engine.begin(requests[0], QUICK, gate)
        assert gate.reached.wait(SECONDS)
        covers = [engine.begin(request, QUICK, watcher(k)) for k, request in enumerate(requests[1:])]
        gate.opened.set()
        wait([held, *covers], SECONDS)
    assert begun == ended == list(range(7))


def test_closing_cancels_what_is_not_finished_and_takes_nothing_more(painter, requests):
    gate = Gate()
    engine = BatchingEngine(painter, places=1)
    finished = engine.begin(requests[0], QUICK)
    finished.result(SECONDS)
    running, waiting = engine.begin(requests[1], ENDLESS, gate), engine.begin(requests[2], QUICK)
    assert gate.reached.wait(SECONDS)
    gate.opened.set()
    engine.close()
    assert running.cancelled() and waiting.cancelled() and not finished.cancelled()
    assert (engine.on_it, engine.waiting) == (0, 0)
    assert wait([running, waiting], SECONDS).not_done == set()
    with pytest.raises(RuntimeError, match="closed"):
        engine.begin(requests[3], QUICK)
    engine.close()


def test_music_that_no_fusion_hears_is_refused_at_once(model, requests):
    with an_engine(Painter(model)) as engine, pytest.raises(ConfigError, match="give a fusion checkpoint"):
        engine.begin(requests[0], QUICK)


def test_a_variation_of_none_is_bit_for_bit_the_cover_and_a_whole_one_another(painter, requests):
    settings = replace(QUICK, noise_scheduler="ddpm")
    own, other = replace(requests[0], seed=1), replace(requests[0], seed=2)
    none = replace(own, variation_seed=2, variation_strength=0.0)
    whole = replace(own, variation_seed=2, variation_strength=1.0)
    for one, same in ((none, own), (whole, other)):
        assert np.array_equal(*(painter.paint([each], settings)[0].image for each in (one, same)))


@pytest.mark.gpu
def test_on_a_gpu_the_easel_agrees_with_the_painter(base_folder, fusion_folder, requests):
    from covergen.training import checkpoint

    model = stable_diffusion.load(base_folder, device="cuda")
    fusion, _ = checkpoint.load(fusion_folder, model.unet)
    painter = Painter(model, fusion)
    with an_engine(painter) as engine:
        seen = []
        covers = [
            engine.begin(request, settings, seen.append)
            for request, (_, settings) in zip(requests, MIXED, strict=True)
        ]
        for cover, request, (_, settings) in zip(covers, requests, MIXED, strict=True):
            assert difference(cover.result(SECONDS), painter.paint([request], settings)[0]) <= 2
    assert all(painter.preview(step.latents) for step in seen if step.latents is not None)
