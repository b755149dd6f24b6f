"""The toy Stable Diffusion and a fusion on it that has already learnt to be loud."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from covergen.fusion import build
from covergen.generation.pipeline import CoverRequest, Painter
from covergen.generation.seeds import seed_of
from covergen.models import stable_diffusion
from covergen.training import checkpoint

FEATURES = (1, 6, 10)
RECIPE = {"encoder": "toy"}
_TOYS = importlib.util.spec_from_file_location("toys", Path(__file__).parent.parent / "toys.py")


@pytest.fixture(scope="session")
def toys():
    module = importlib.util.module_from_spec(_TOYS)
    _TOYS.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def base_folder(toys, tmp_path_factory):
    return str(toys.save_stable_diffusion(tmp_path_factory.mktemp("base")))


@pytest.fixture(scope="session")
def model(base_folder):
    return stable_diffusion.load(base_folder)


@pytest.fixture(scope="session")
def fusion_folder(base_folder, tmp_path_factory):
    model = stable_diffusion.load(base_folder)
    fusion = build("decoupled", model.unet, FEATURES, seed=1)
    torch.manual_seed(2)
    for layer in fusion.attention:
        torch.nn.init.normal_(layer.to_v.weight, std=0.3)
    folder = tmp_path_factory.mktemp("fusion")
    checkpoint.save(folder, fusion, base_digest=model.digest, recipe=RECIPE)
    return str(folder)


@pytest.fixture(scope="session")
def painter(base_folder, fusion_folder):
    model = stable_diffusion.load(base_folder)
    fusion, _ = checkpoint.load(fusion_folder, model.unet)
    return Painter(model, fusion, batch_size=8)


@pytest.fixture(scope="session")
def requests():
    rng = np.random.default_rng(0)
    return [
        CoverRequest(
            rng.standard_normal((77, 32)).astype(np.float16),
            seed_of(f"album {i}", 0),
            rng.standard_normal(FEATURES).astype(np.float16),
        )
        for i in range(8)
    ]
