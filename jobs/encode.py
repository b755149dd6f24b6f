"""catalog, media -> latents: the albums' own covers through the frozen VAE."""

import pyarrow as pa
from ray.data import Dataset

from covergen.config import Config
from covergen.latents.stage import EncodeCovers
from covergen.storage.root import Root
from covergen.storage.tables import LATENTS
from jobs.runtime import check_weights, entry
from jobs.runtime.stages import mapped, media_of, pooled, run_stage


def main(config: Config) -> None:
    """Decode covers on CPU tasks, run the VAE on its own actors, commit as it goes."""
    root, options = Root.open(config.root), config.encode
    check_weights.check(config, "encode")
    stage = EncodeCovers(config.models.stable_diffusion, **config.model_options(options))
    generation = root.generation(LATENTS, stage.recipe(), shapes=stage.shapes())
    model = stage.encode()

    def encoded(todo: pa.Table) -> Dataset:
        covers = media_of(root, todo, key="album_id", per_block=options.batch_size)
        return pooled(mapped(covers, stage.crop(), batch_size=options.batch_size), model, actors=options)

    run_stage(
        root,
        generation,
        config,
        name="encode covers",
        stage=model,
        rows=encoded,
        per_block=options.commit_rows,
        job="encode",
    )


if __name__ == "__main__":
    entry.run(main, reads=("encode", "models"))
