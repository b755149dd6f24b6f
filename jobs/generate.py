"""catalog, prompts, embeddings and a checkpoint -> generated: one cover per album, system and variant."""

import json

import pyarrow as pa
from ray.data import Dataset

from covergen.config import Actors, Config
from covergen.embeddings.audio_stage import heard_with
from covergen.errors import RootError
from covergen.generation.pipeline import PaintSettings
from covergen.generation.requests import requests
from covergen.generation.stage import Paint
from covergen.lineage.work_list import held
from covergen.models import stable_diffusion
from covergen.storage import objects
from covergen.storage.root import Root
from covergen.storage.tables import AUDIO_EMBEDDINGS, CATALOG, GENERATED, TEXT_EMBEDDINGS
from covergen.training import checkpoint
from jobs.runtime import check_weights, entry
from jobs.runtime.progress import say
from jobs.runtime.stages import Attach, pooled, rows, run_stage
from jobs.train import CURRENT, adopt, start_of


def main(config: Config) -> None:
    """Paint what the config's scope asks for and is not there yet."""
    root, options = Root.open(config.root), config.generate
    stage = painter(root, config)
    scope = {
        "split": options.split,
        "limit": options.limit,
        "systems": list(options.systems),
        "variants": options.variants,
        "first_variant": options.first_variant,
    }
    check_weights.check(config, "generate")  # before a generation is begun
    generation = root.generation(GENERATED, stage.recipe(), scope=scope)
    wanted = requests(root, scope)
    if not len(wanted):
        there = root.current(CATALOG).count()
        say(
            f"generate: of {there} albums none is in the split {options.split}; "
            "generate.split=all paints each"
        )
    required = held(wanted.select([*GENERATED.key, "input_digest"]))

    def painted(todo: pa.Table) -> Dataset:
        requested = todo.join(wanted, [*GENERATED.key, "input_digest"])
        order = [("album_id", "ascending"), ("system", "ascending")]
        return paint(root, stage, requested.sort_by(order), actors=options)

    run_stage(
        root,
        generation,
        config,
        name="generate",
        stage=stage,
        rows=painted,
        per_block=options.commit_rows,
        required=required,
        job="generate",
    )


def painter(root: Root, config: Config) -> Paint:
    """Return the stage that paints with the current checkpoint. Raises ModelError where it does not fit."""
    options, base = config.generate, config.models.stable_diffusion
    fusion, audio_recipe = current_fusion(root, config), heard_with(root)
    checkpoint.check(objects.pull(fusion), base_digest=stable_diffusion.digest(base), recipe=audio_recipe)
    return Paint(
        base,
        fusion,
        settings=PaintSettings.of(options),
        encoder_recipe=audio_recipe,
        **config.model_options(options),
    )


def paint(root: Root, stage: Paint, todo: pa.Table, *, actors: Actors) -> Dataset:
    """Return the covers of `todo` (SCHEMA of requests): words and sound are read where they are painted."""
    words = Attach(root.current(TEXT_EMBEDDINGS), ["states"], key="prompt_id")
    sounds = Attach(root.current(AUDIO_EMBEDDINGS), ["frames"], key="track_id")
    dataset = rows(todo, per_block=actors.batch_size)
    attached = dataset.map_batches(words, batch_format="pyarrow").map_batches(sounds, batch_format="pyarrow")
    return pooled(attached, stage, actors=actors)


def current_fusion(root: Root, config: Config) -> str:
    """Return the address of the checkpoint that the last training made.

    Where nothing was ever trained, that of `train.start_from` becomes it. Raises RootError without either.
    """
    if not root.exists(CURRENT):
        base = stable_diffusion.digest(config.models.stable_diffusion)
        start = start_of(config, base_digest=base, audio=heard_with(root))
        if start is None:
            raise RootError(
                f"{root.uri} has no fusion checkpoint yet; run jobs.train first, or name a fusion that is "
                "there in train.start_from ('shipped' is the one for the tiny model)."
            )
        adopt(root, start, why="jobs.train was not run on this root")
        say(f"generate: nothing was trained on this root; train.start_from={config.train.start_from} paints")
    return root.path(json.loads(root.read(CURRENT))["folder"])


if __name__ == "__main__":
    entry.run(main, reads=("generate", "train", "models"))
