"""Measurements are kept for good and found again by what made them."""

from dataclasses import replace

import pytest

from covergen.errors import RootError
from covergen.experiments.fusion_benchmark import rows
from covergen.experiments.fusion_benchmark.rows import FOLDER, Measurement, digest_for
from covergen.storage.root import Root

RECIPE = {"train": {"fusion": "decoupled", "steps": 9}, "generate": {"steps": 4}}
ROW = Measurement(
    world="w",
    recipe=RECIPE,
    name="decoupled",
    system="audio",
    seed=0,
    noise_shift=0.0,
    albums=("a", "b"),
    values={"hue_error": (3.5, 90.0), "mse": (0.1, 0.2)},
    distances={"frechet": 1.5},
    seconds={"paint": 0.2},
)


@pytest.fixture
def root(tmp_path):
    return Root.create(str(tmp_path / "root"))


def test_what_was_written_is_read_again(root):
    assert not rows.is_there(root, ROW.digest)
    rows.write(root, ROW)
    assert rows.is_there(root, digest_for("w", RECIPE, system="audio", seed=0))
    assert rows.read(root, "w") == [ROW]


def test_every_part_of_what_made_it_gives_another_name():
    others = [
        replace(ROW, world="v"),
        replace(ROW, system="shuffled"),
        replace(ROW, seed=1),
        replace(ROW, recipe={**RECIPE, "train": {"fusion": "decoupled", "steps": 10}}),
    ]
    assert len({row.digest for row in [ROW, *others]}) == 5
    assert replace(ROW, values={}, seconds={}).digest == ROW.digest


def test_runs_add_up_and_worlds_stay_apart(root):
    for seed in (2, 0, 1):
        rows.write(root, replace(ROW, seed=seed))
    rows.write(root, replace(ROW, world="another"))
    found = rows.read(root, "w")
    assert [row.seed for row in found] == [0, 1, 2]
    assert len({row.group for row in found}) == 1


def test_nothing_measured_is_no_error(root):
    assert rows.read(root, "w") == []


@pytest.mark.parametrize("damage", [b"{", b"[1]", b'{"values": {}}', b'{"values": 3, "albums": []}'])
def test_a_damaged_file_is_named(root, damage):
    root.write(f"{FOLDER}/0123.json", damage)
    with pytest.raises(RootError, match=r"0123.json is no measurement; remove it"):
        rows.read(root, "w")
