"""Workers die and are fewer or more than before: training ends where an undisturbed one ends."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from covergen.config import Config
from covergen.models import stable_diffusion
from covergen.storage.root import Root
from covergen.training.dataset import read_examples
from covergen.training.validation import validations
from jobs.runtime.training import fusion_of, trainer_of
from tests import toys
from tests.jobs.test_survival import eventually, finish, start
from tests.toy_root import make_root

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
STEPS, SAVED_EVERY = 60, 5


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(toys.save_stable_diffusion(tmp_path_factory.mktemp("sd")))


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return make_root(str(tmp_path / "root"))


def sections(root: Root, base: str, **train: object) -> dict[str, object]:
    settings = {
        "steps": STEPS,
        "warmup_steps": 5,
        "batch_size": 8,
        "learning_rate": 1e-3,
        "ema_decay": 0.9,
        "checkpoint_every": SAVED_EVERY,
        "seed": 3,
    }
    return {
        "root": root.uri,
        "scrape": {"sources": [{"name": "procedural", "train": 1, "evaluation": 0}]},
        "models": {"stable_diffusion": base},
        "train": settings | train,
    }


def write(folder: Path, content: dict[str, object]) -> Path:
    path = folder / f"{uuid4().hex}.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture(scope="module")
def in_peace(base: str, tmp_path_factory: pytest.TempPathFactory) -> float:
    """The held-out error of one process that nothing disturbs, without Ray."""
    root = make_root(str(tmp_path_factory.mktemp("peace") / "root"))
    config = Config.model_validate(sections(root, base))
    unet = stable_diffusion.load_unet(base)
    examples, held_out = (read_examples(root, s, base=base, offline=True) for s in ("train", "validation"))
    assert examples is not None
    fusion = fusion_of(config, unet, task={}, examples=examples)
    trainer = trainer_of(config, unet, fusion, wrap=None, examples=examples, held_out=held_out)
    assert len(list(trainer)) == STEPS
    trainer.finish()
    return validations(trainer.history)[STEPS]


def wait_for_a_save(root: Root, running: "subprocess.Popen[bytes]") -> Path:
    until = time.monotonic() + 120
    while not (found := list(Path(root.uri, "checkpoints").glob("*/trainer.pt"))):
        if running.poll() is not None:
            raise AssertionError(f"the job ended too early: {running.communicate()[1].decode()}")
        assert time.monotonic() < until, "nothing was saved in time"
        time.sleep(0.02)
    return found[0].parent


def history_of(folder: Path) -> list[dict[str, float | int | str]]:
    history: list[dict[str, float | int | str]] = json.loads((folder / "fusion.json").read_text())["history"]
    return history


def test_a_worker_is_killed_amid_an_epoch(root: Root, base: str, in_peace: float, tmp_path: Path) -> None:
    running = start("train", write(tmp_path, sections(root, base, workers=2, cpus=0.5)))
    folder = wait_for_a_save(root, running)
    victim = min(eventually("RayTrainWorker", of=running.pid, besides=set()))
    os.kill(victim, signal.SIGKILL)
    assert not (folder / "recipe.json").exists(), "training was over before the kill: take more steps"
    finish(running)
    history = history_of(folder)
    steps = [row["step"] for row in history if row["stage"] == "train"]
    assert steps == list(range(1, STEPS + 1))  # what was done again counts once
    assert validations(history)[STEPS] == pytest.approx(in_peace, rel=0.01)


def test_a_killed_run_goes_on_with_another_number_of_workers(
    root: Root, base: str, in_peace: float, tmp_path: Path
) -> None:
    running = start("train", write(tmp_path, sections(root, base, workers=1)))
    folder = wait_for_a_save(root, running)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    assert not (folder / "recipe.json").exists()
    finish(start("train", write(tmp_path, sections(root, base, workers=[1, 2]))))
    assert (folder / "recipe.json").exists()
    assert validations(history_of(folder))[STEPS] == pytest.approx(in_peace, rel=0.01)
