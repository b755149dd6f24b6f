"""From a config to a trainer, and what is shown of it, without Ray."""

from pathlib import Path

import pytest
import torch

from covergen.config import Config
from covergen.media import images
from covergen.models import stable_diffusion
from covergen.storage.root import Root
from covergen.training import checkpoint
from covergen.training.dataset import read_examples
from jobs.runtime.training import Watch, fusion_of, recipe_of, trainer_of
from tests import toys
from tests.toy_root import make_root

QUICK = {"steps": 4, "warmup_steps": 1, "batch_size": 4}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(toys.save_stable_diffusion(tmp_path_factory.mktemp("sd")))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Root:
    return make_root(str(tmp_path_factory.mktemp("toy") / "root"), train=8, validation=3)


def config_of(base: str, **train: object) -> Config:
    sources = [{"name": "procedural", "train": 1, "evaluation": 0}]
    sections = {"scrape": {"sources": sources}, "models": {"stable_diffusion": base}}
    return Config.model_validate({"root": "unused", **sections, "train": train, "generate": {"steps": 2}})


def trainer_for(config: Config, root: Root):
    base = config.models.stable_diffusion
    unet = stable_diffusion.load_unet(base)
    examples, held_out = (read_examples(root, s, base=base, offline=True) for s in ("train", "validation"))
    fusion = fusion_of(config, unet, task={}, examples=examples)
    return trainer_of(config, unet, fusion, wrap=None, examples=examples, held_out=held_out)


def test_the_recipe_names_what_decides_the_weights_and_nothing_else() -> None:
    plain = recipe_of(config_of("tiny", **QUICK))
    watched = {"validate_every": 2, "sample_every": 2, "tracker": "tensorboard", "workers": [1, 4], "cpus": 2}
    assert recipe_of(config_of("tiny", **QUICK, **watched)) == plain
    for change in ({"seed": 1}, {"validate_every": 2, "patience": 1}, {"objective": "predecessor"}):
        assert recipe_of(config_of("tiny", **QUICK, **change)) != plain
    pndm = {"objective": "predecessor", "noise_scheduler": "pndm"}
    assert recipe_of(config_of("tiny", **pndm)) != recipe_of(config_of("tiny", objective="predecessor"))


def test_the_seed_decides_the_first_weights(base: str, root: Root) -> None:
    examples = read_examples(root, "train", base=base, offline=True)
    unet = stable_diffusion.load_unet(base)
    one, same, other = (
        fusion_of(config_of(base, seed=seed), unet, task={}, examples=examples).state_dict()
        for seed in (1, 1, 2)
    )
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("noise_scheduler", ["ddpm", "pndm"])
@pytest.mark.parametrize("fusion", ["concat", "cross_attention"])
def test_the_predecessors_rows_are_trained_and_saved_like_any_other(
    base: str, root: Root, tmp_path: Path, fusion: str, noise_scheduler: str
) -> None:
    row = {"fusion": fusion, "noise_scheduler": noise_scheduler, "sampler_steps": 5}
    trainer = trainer_for(config_of(base, preset="predecessor", steps=3, warmup_steps=1, **row), root)
    rows = list(trainer)
    assert [each["step"] for each in rows] == [1, 2, 3]
    assert all(each["gradient_norm"] > 0 for each in rows)
    assert all(torch.equal(weight, weight.half().float()) for weight in trainer.fusion.trained().values())
    assert {each["sound"] for each in trainer.validate(trainer.held_out)} == {"true", "shuffled", "silent"}
    with trainer.average.swapped_in():
        checkpoint.save(tmp_path, trainer.fusion, base_digest="b", recipe={}, step=3)
    loaded, facts = checkpoint.load(tmp_path, stable_diffusion.load_unet(base))
    assert (facts.name, facts.step) == (fusion, 3)
    for name, weight in trainer.fusion.trained().items():
        assert torch.equal(loaded.state_dict()[name], weight)


def test_what_is_watched_lies_beside_the_checkpoint(base: str, root: Root) -> None:
    config = config_of(base, **QUICK, sample_every=2, validate_every=2, tracker="tensorboard")
    trainer = trainer_for(config, root)
    watch = Watch(config, root, "checkpoints/x", trainer=trainer, held_out=trainer.held_out)
    for _ in trainer:
        watch.look()
    trainer.finish()
    watch.tell()
    watch.close()
    folder = Path(root.uri, "checkpoints", "x")
    sheets = sorted((folder / "samples").iterdir())
    assert [path.name for path in sheets] == ["000002.png", "000004.png"]
    assert images.decode(sheets[0].read_bytes()).shape == (3 * 36 - 4, 3 * 36 - 4, 3)
    (events,) = (folder / "tracked").iterdir()
    told = events.read_bytes()
    assert all(name in told for name in (b"train/loss", b"validation/shuffled/bin_4", b"samples"))
