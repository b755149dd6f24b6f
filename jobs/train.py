"""latents, text_embeddings, audio_embeddings -> checkpoints/RECIPE: a fusion, trained data-parallel."""

import json
from typing import Any

from ray.train import FailureConfig, RunConfig, ScalingConfig, WorkerGroupError
from ray.train.torch import TorchConfig, TorchTrainer

from covergen import stable_diffusion
from covergen.config import Config
from covergen.embeddings.stage import heard_with
from covergen.errors import ConfigError, CovergenError
from covergen.storage import Root, digest_of
from covergen.tables import AUDIO_EMBEDDINGS
from covergen.training import checkpoint
from covergen.training.dataset import SPLITS, checkpoint_folder, covered, data_digest, has_examples
from covergen.training.licences import left_out
from jobs import entry, needs
from jobs.operators import record
from jobs.progress import Meter, say
from jobs.train_loop import STAGE, train_loop
from jobs.train_parts import recipe_of

CURRENT = "checkpoints/current.json"


def main(config: Config) -> None:
    """Train the fusion that the config names, or go on with it, or say that it is there."""
    root, allowed = Root.open(config.root), config.train.allow_licences
    start = checkpoint_folder(config.train.start_from)
    recipe = {
        **recipe_of(config),
        "start_from": checkpoint.digest(start) if start else None,
        "base": stable_diffusion.digest(config.models.stable_diffusion),
        "audio": root.recipe(AUDIO_EMBEDDINGS),
        "data": data_digest(root, allowed),
    }
    folder = f"checkpoints/{digest_of(recipe)}"
    pointer = json.dumps({"folder": folder, "recipe": recipe}, sort_keys=True).encode()
    if root.exists(f"{folder}/recipe.json"):
        say(f"train: nothing to do, {folder} is there")
        root.write(CURRENT, pointer)
        return
    omitted = left_out(covered(root, SPLITS), allowed)
    if not has_examples(root, "train", allowed):
        raise ConfigError(
            f"{root.uri}: no album with a cover is in the split `train`; there is nothing to learn from."
            + (f" {omitted}." if omitted else "")
        )
    if omitted:
        say(f"train: {omitted}")
    needs.check(config, "train")
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
            told = {str(failure) for failure in error.worker_failures.values()}
            raise CovergenError(f"train: {' / '.join(sorted(told))}") from error
        history = json.loads(root.read(f"{task['folder']}/fusion.json"))["history"]
        meter.rows = max((int(row["step"]) for row in history if row["stage"] == "train"), default=0)
    return meter.seconds, meter.rows


if __name__ == "__main__":
    entry.run(main)
