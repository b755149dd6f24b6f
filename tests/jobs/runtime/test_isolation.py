"""A row that raises, or that takes its worker down, is refused by name; all others arrive."""

import os
import signal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from covergen.config import Actors
from covergen.errors import ModelError
from covergen.lineage.work_list import held
from covergen.storage import rejects, rows
from covergen.storage.root import Root
from covergen.storage.tables import TEXT_EMBEDDINGS
from jobs.runtime.isolation import Stage, isolate
from jobs.runtime.stages import begin, mapped, pooled, write
from jobs.runtime.stages import rows as dataset_of
from tests.jobs.conftest import config_for

pytestmark = pytest.mark.ray
NAMES = [f"{place:02}" for place in range(24)]
SHAPES = {"states": (2, 2), "pooled": (2,)}


class Reads:
    """Embeds texts as a real stage would, but for what the texts order."""

    key = TEXT_EMBEDDINGS.key
    outcome = rows.outcome_schema(TEXT_EMBEDDINGS)

    def __call__(self, batch: pa.Table) -> pa.Table:
        texts = batch["text"].to_pylist()
        if "kill" in texts:
            os.kill(os.getpid(), signal.SIGKILL)
        if "raise" in texts:
            raise ValueError("the model\nstumbled")
        if "no weights" in texts:
            raise ModelError("the weights are gone")
        good = {"album_id": "a", "variant": "full", "states": np.ones((2, 2)), "pooled": np.ones(2)}
        return rows.outcomes(TEXT_EMBEDDINGS, batch, [good] * len(batch))


def prompts(**orders: str) -> pa.Table:
    texts = [orders.get(f"row{name}", "sing") for name in NAMES]
    return pa.table({"prompt_id": NAMES, "input_digest": ["d"] * len(NAMES), "text": texts})


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tasks", "actors"])
def test_poison_is_isolated_and_named(ray_session: None, tmp_path: Path, kind: str) -> None:
    root = Root.create(str(tmp_path / "root"))
    table, config = prompts(row05="kill", row06="raise", row17="kill"), config_for(root.uri)
    generation = root.generation(TEXT_EMBEDDINGS, {"v": 1}, shapes=SHAPES)
    begun = begin(root, generation, config, name="read", required=held(table.drop_columns("text")))
    assert begun is not None
    generation, work = begun
    dataset, stage = dataset_of(table, per_block=8), Reads()
    made = (
        mapped(dataset, stage, batch_size=8)
        if kind == "tasks"
        else pooled(dataset, stage, actors=Actors(batch_size=8))
    )
    meter = write(made, root, generation, work=work, per_block=8, stage=stage, config=config)
    told = {row["key"]: (row["code"], row["reason"]) for row in rejects.latest(root).to_pylist()}
    assert told.keys() == {"05", "06", "17"} and (meter.rows, meter.rejects) == (21, 3)
    assert told["05"][0] == told["17"][0] == "poison"
    assert told["05"][1] == "its worker died 2 times while Reads had this row and no other"
    assert told["06"] == ("stage_failed", "Reads failed: ValueError: the model stumbled")
    kept = generation.read(["prompt_id"])["prompt_id"].to_pylist()
    assert sorted(kept) == sorted(set(NAMES) - told.keys())
    assert meter.stages["Reads"]["codes"] == {"poison": 2, "stage_failed": 1}


def test_errors_of_our_own_stop_the_stage(ray_session: None) -> None:
    stage: Stage = Reads()
    with pytest.raises(ModelError, match="the weights are gone"):
        isolate(stage, prompts(row03="no weights"))
