"""catalog, media -> latents: the albums' own covers through the frozen VAE."""

from covergen.config import Config
from covergen.latents.stage import EncodeCovers
from covergen.storage.root import Root
from covergen.storage.tables import LATENTS, MEDIA
from jobs.runtime import entry, needs
from jobs.runtime.operators import begin, listed, mapped, pooled, record, write


def main(config: Config) -> None:
    """Decode covers on CPU tasks, run the VAE on its own actors, commit as it goes."""
    root, asked = Root.open(config.root), config.encode
    needs.check(config, "encode")
    stage = EncodeCovers(
        config.models.stable_diffusion,
        device=asked.device,
        offline=config.models.offline,
        bf16=asked.bf16,
        threads=asked.threads,
        batch_size=asked.batch_size,
    )
    generation = root.generation(LATENTS, stage.recipe(), shapes=stage.shapes())
    begun = begin(root, generation, config, name="encode covers")
    if begun is None:
        return
    generation, work = begun
    covers = listed(
        root.current(MEDIA),
        ["uri", "bytes"],
        key="owner_id",
        only=work.todo,
        per_block=asked.batch_size,
    ).rename_columns({"owner_id": "album_id"})
    crops = mapped(covers, stage.crop(), batch_size=asked.batch_size)
    model = stage.encode()
    encoded = pooled(crops, model, actors=asked)
    meter = write(
        encoded, root, generation, work=work, per_block=asked.commit_rows, stage=model, config=config
    )
    record(root, "encode", {"generation": generation.name, **meter.summary()})


if __name__ == "__main__":
    entry.run(main, reads=("encode", "models"))
