"""media -> tags: what the music says in words and numbers, by one tagger after another."""

import pyarrow as pa
import pyarrow.compute as pc
from ray.data import Dataset

from covergen.config import Config
from covergen.lineage.partitions import Piece
from covergen.lineage.pipeline import REQUIRED_ROWS
from covergen.storage.delta import Generation
from covergen.storage.root import Root
from covergen.storage.tables import TAGS
from covergen.tagging.stage import TagTracks, joint_recipe
from jobs.runtime import check_weights, entry
from jobs.runtime.progress import say
from jobs.runtime.stages import mapped, media_of, pooled, run_stage


def main(config: Config) -> None:
    """Tag the songs that each tagger has not tagged yet; all taggers share one generation."""
    root, options = Root.open(config.root), config.tag
    if not options.taggers:
        say("tag: nothing to do, no tagger is asked for")
        return
    check_weights.check(config, "tag")
    stages = [
        TagTracks(
            name,
            seconds=options.seconds,
            clap=options.clap,
            **config.model_options(options),
        )
        for name in options.taggers
    ]
    generation = root.generation(TAGS, joint_recipe(stages))
    for stage in stages:
        tag(root, generation, stage, config=config)


def tag(root: Root, generation: Generation, stage: TagTracks, *, config: Config) -> None:
    """Decode in tasks, tag in tasks or, where a model does it, on actors of its own; commit as it goes."""
    options, name, model = config.tag, stage.tagger.name, stage.tag()

    def required(root: Root, piece: Piece) -> pa.Table:
        rows = REQUIRED_ROWS[TAGS.name](root, piece)
        return rows.filter(pc.equal(rows["tagger"], name))

    def tagged(todo: pa.Table) -> Dataset:
        songs = media_of(root, todo, key="track_id", per_block=options.batch_size)
        windows = mapped(songs, stage.cut(), batch_size=options.batch_size)
        if stage.tagger.basis == "model":
            return pooled(windows, model, actors=options)
        return mapped(windows, model, batch_size=options.batch_size)

    run_stage(
        root,
        generation,
        config,
        name=f"tag by {name}",
        stage=model,
        rows=tagged,
        per_block=options.commit_rows,
        required=required,
        job="tag",
        tagger=name,
    )


if __name__ == "__main__":
    entry.run(main, reads=("tag", "models"))
