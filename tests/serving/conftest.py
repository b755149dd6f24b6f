"""A toy Stable Diffusion, a fusion that hears, and two songs."""

import numpy as np
import pytest
import torch

from covergen.embeddings.audio_stage import HearTracks
from covergen.fusion import build
from covergen.media import audio
from covergen.models import stable_diffusion
from covergen.training import checkpoint
from tests import toys

RATE = 24_000


class Clock:
    """A clock that a test sets, in seconds."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    return str(toys.save_stable_diffusion(tmp_path_factory.mktemp("base")))


@pytest.fixture(scope="session")
def fusion(base, tmp_path_factory):
    """A checkpoint whose every weight was moved, as training would, so that the sound shows."""
    hearing = HearTracks("logmel", seconds=5.0)
    made = build("decoupled", stable_diffusion.load_unet(base), hearing.shapes()["frames"])
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in made.trained().values():
            parameter.add_(0.3 * torch.randn_like(parameter))
    folder = tmp_path_factory.mktemp("fusion")
    digest = stable_diffusion.digest(base)
    checkpoint.save(folder, made, base_digest=digest, recipe=hearing.recipe())
    return str(folder)


def song(*frequencies, seconds=6.0):
    time = np.arange(int(seconds * RATE)) / RATE
    beat = 0.5 + 0.5 * np.sign(np.sin(2 * np.pi * 2 * time))
    tones = [np.sin(2 * np.pi * frequency * time) for frequency in frequencies]
    waveform = 0.4 * beat * np.mean(tones, axis=0)
    return audio.encode_flac(waveform.astype(np.float32), RATE)


@pytest.fixture(scope="session")
def low_song():
    return song(110.0)


@pytest.fixture(scope="session")
def high_song():
    return song(1760.0)


@pytest.fixture(scope="session")
def minor_song():
    """A chord of A minor: a song whose moods the tagger hears, where one tone leaves them open."""
    return song(220.0, 261.63, 329.63)
