"""latents, text_embeddings, audio_embeddings -> checkpoints/RECIPE: a fusion, trained data-parallel."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ray.train import FailureConfig, RunConfig, ScalingConfig, WorkerGroupError
from ray.train.torch import TorchConfig, TorchTrainer

from covergen.config import Config
from covergen.embeddings.audio_stage import heard_with
from covergen.errors import ConfigError, CovergenError
from covergen.models import stable_diffusion
from covergen.storage import objects
from covergen.storage.root import Root, digest_of
from covergen.storage.tables import AUDIO_EMBEDDINGS
from covergen.training import checkpoint
from covergen.training.dataset import SPLITS, checkpoint_folder, covered, data_digest, lacking, left_out
from jobs.runtime import check_weights, entry
from jobs.runtime.progress import Meter, say
from jobs.runtime.stages import record
from jobs.runtime.training import STAGE, recipe_of, train_loop

CURRENT = "checkpoints/current.json"
REMEDY = (
    "Give albums covers (in their files, or as cover.jpg beside them), or name a fusion that is there in "
    "train.start_from ('shipped' is the one for the tiny model): covers are then painted without training."
)


def main(config: Config) -> None:
    """Train the fusion that the config names, or go on with it, or say that it is there."""
    root, allowed = Root.open(config.root), config.train.allow_licences
    base, audio = stable_diffusion.digest(config.models.stable_diffusion), root.recipe(AUDIO_EMBEDDINGS)
    start = start_of(config, base_digest=base, audio=heard_with(root))
    recipe = {
        **recipe_of(config),
        "start_from": checkpoint.digest(start) if start else None,
        "base": base,
        "audio": audio,
        "data": data_digest(root, allowed),
    }
    folder = f"checkpoints/{digest_of(recipe)}"
    pointer = json.dumps({"folder": folder, "recipe": recipe}, sort_keys=True).encode()
    if root.exists(f"{folder}/recipe.json"):
        say(f"train: nothing to do, {folder} is there")
        root.write(CURRENT, pointer)
        return
    if lack := lacking(root, allowed):
        if start is None:
            raise ConfigError(f"{root.uri}: {lack}; there is nothing to learn from. {REMEDY}")
        adopt(root, start, why=lack)
        say(f"train: skipped, {lack}; train.start_from={config.train.start_from} paints as it is")
        return
    if omitted := left_out(covered(root, SPLITS), allowed):
        say(f"train: {omitted}")
    check_weights.check(config, "train")
    entry.start_ray(config)
    task = {
        "config": config.model_dump(),
        "root": root.uri,
        "folder": folder,
        "base_digest": recipe["base"],
        "recipe": heard_with(root),
        "data": recipe["data"],
    }
    seconds, steps = fit(task, config, root=root)
    root.write(f"{folder}/recipe.json", pointer)
    root.write(CURRENT, pointer)
    record(root, "train", {"folder": folder, "recipe": recipe, "seconds": seconds, "steps": steps})


def start_of(config: Config, *, base_digest: str, audio: Mapping[str, Any]) -> Path | None:
    """Return the checkpoint that the config starts from, held against the base and the way of hearing.

    Raises ConfigError or ModelError where it is not there or does not fit.
    """
    options = config.train
    start = checkpoint_folder(options.start_from)
    if start is None:
        return None
    facts = checkpoint.check(start, base_digest=base_digest, recipe=audio)
    if "fusion" in options.model_fields_set and options.fusion != facts.name:
        raise ConfigError(
            f"train.fusion={options.fusion!r}: the checkpoint of train.start_from={options.start_from!r} "
            f"holds {facts.name!r}; leave one of the two keys out."
        )
    return start


def adopt(root: Root, start: Path, *, why: str) -> None:
    """Make a checkpoint that was not trained here the root's current one; `why` stands in the report."""
    facts = checkpoint.read_facts(start)
    recipe = {"start_from": checkpoint.digest(start), "base": facts.base_digest, "audio": facts.recipe}
    folder = f"checkpoints/{digest_of(recipe)}"
    if not root.exists(f"{folder}/fusion.json"):
        with objects.outgoing(root.path(folder)) as copied:  # the workers see the root, and this folder not
            checkpoint.copy(start, copied)
    current = {"folder": folder, "recipe": recipe, "untrained": why}
    root.write(CURRENT, json.dumps(current, sort_keys=True).encode())


def fit(task: dict[str, Any], config: Config, *, root: Root) -> tuple[float, int]:
    """Run the workers, show their steps, return the seconds and the steps it took."""
    train = config.train
    trainer = TorchTrainer(
        train_loop,
        train_loop_config=task,
        torch_config=TorchConfig(backend="nccl" if train.gpus else "gloo"),
        scaling_config=ScalingConfig(
            # (least, most) lets Ray take what the cluster has; the type it is declared with is that of Tune
            num_workers=train.workers,  # type: ignore[arg-type]
            use_gpu=bool(train.gpus),
            resources_per_worker={"CPU": train.cpus} | ({"GPU": train.gpus} if train.gpus else {}),
        ),
        run_config=RunConfig(failure_config=FailureConfig(max_failures=2)),
    )
    patience = config.ray.timeout_seconds
    with Meter("train", train.steps, stage=STAGE, unit="steps", patience=patience) as meter:
        try:
            trainer.fit()
        except WorkerGroupError as error:
            # the workers' own words come last in each rank's trace
            messages = {str(failure) for failure in error.worker_failures.values()}
            raise CovergenError(f"train: {' / '.join(sorted(messages))}") from error
        history = json.loads(root.read(f"{task['folder']}/fusion.json"))["history"]
        meter.rows = max((int(row["step"]) for row in history if row["stage"] == "train"), default=0)
    return meter.seconds, meter.rows


if __name__ == "__main__":
    entry.run(main, reads=("train", "generate", "models"))
