"""catalog, prompts, embeddings and a checkpoint -> generated: one cover per album, system and variant."""

import json

import pyarrow as pa
from ray.data import Dataset

from covergen.config import Actors, Config
from covergen.embeddings.stage import heard_with
from covergen.errors import RootError
from covergen.generation.pipeline import PaintSettings
from covergen.generation.requests import requests
from covergen.generation.stage import Paint
from covergen.lineage import held
from covergen.storage import Root
from covergen.tables import AUDIO_EMBEDDINGS, GENERATED, TEXT_EMBEDDINGS
from jobs import entry, needs
from jobs.operators import Attach, begin, pooled, record, rows, write
from jobs.train import CURRENT


def main(config: Config) -> None:
    """Paint what the config's scope asks for and is not there yet."""
    root, asked = Root.open(config.root), config.generate
    stage = painter(root, config)
    scope = {
        "split": asked.split,
        "limit": asked.limit,
        "systems": list(asked.systems),
        "variants": asked.variants,
        "first_variant": asked.first_variant,
    }
    generation = root.generation(GENERATED, stage.recipe(), scope=scope)
    wanted = requests(root, scope)
    owed = held(wanted.select([*GENERATED.key, "input_digest"]))
    needs.check(config, "generate")
    begun = begin(root, generation, config, name="generate", owed=owed)
    if begun is None:
        return
    generation, work = begun
    todo = work.todo.join(wanted, [*GENERATED.key, "input_digest"])
    painted = paint(
        root, stage, todo.sort_by([("album_id", "ascending"), ("system", "ascending")]), actors=asked
    )
    meter = write(
        painted, root, generation, work=work, per_block=asked.commit_rows, stage=stage, config=config
    )
    record(root, "generate", {"generation": generation.name, **meter.summary()})


def painter(root: Root, config: Config) -> Paint:
    """Return the stage that paints with the checkpoint of the last training."""
    asked = config.generate
    return Paint(
        config.models.stable_diffusion,
        newest_fusion(root),
        settings=PaintSettings.of(asked),
        encoder_recipe=heard_with(root),
        device=asked.device,
        bf16=asked.bf16,
        batch_size=asked.batch_size,
        threads=asked.threads,
        offline=config.models.offline,
    )


def paint(root: Root, stage: Paint, todo: pa.Table, *, actors: Actors) -> Dataset:
    """Return the covers of `todo` (SCHEMA of requests): words and sound are read where they are painted."""
    words = Attach(root.current(TEXT_EMBEDDINGS), ["states"], key="prompt_id")
    sounds = Attach(root.current(AUDIO_EMBEDDINGS), ["frames"], key="track_id")
    dataset = rows(todo, per_block=actors.batch_size)
    attached = dataset.map_batches(words, batch_format="pyarrow").map_batches(sounds, batch_format="pyarrow")
    return pooled(attached, stage, actors=actors)


def newest_fusion(root: Root) -> str:
    """Return the address of the checkpoint that the last training made."""
    if not root.exists(CURRENT):
        raise RootError(f"{root.uri} has no fusion checkpoint yet; run jobs.train first.")
    return root.path(json.loads(root.read(CURRENT))["folder"])


if __name__ == "__main__":
    entry.run(main)
