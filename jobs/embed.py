"""catalog, media, prompts -> audio_, text_, image_embeddings: what the frozen encoders hear, read and see."""

from covergen.config import Config
from covergen.embeddings.covers import SeeCovers
from covergen.embeddings.stage import HearTracks
from covergen.embeddings.words import ReadWords
from covergen.storage.root import Root
from covergen.storage.tables import AUDIO_EMBEDDINGS, IMAGE_EMBEDDINGS, MEDIA, PROMPTS, TEXT_EMBEDDINGS
from jobs.runtime import entry, needs
from jobs.runtime.operators import begin, listed, mapped, pooled, record, write


def main(config: Config) -> None:
    """Embed the songs, then the prompts, then the covers if asked to, that are not embedded yet."""
    root = Root.open(config.root)
    needs.check(config, "embed")
    hear(root, config)
    read(root, config)
    if config.embed.image_encoder is not None:
        see(root, config, config.embed.image_encoder)


def hear(root: Root, config: Config) -> None:
    """Decode on CPU tasks, run the encoder on its own actors, commit as it goes."""
    asked = config.embed
    stage = hearing(config)
    generation = root.generation(AUDIO_EMBEDDINGS, stage.recipe(), shapes=stage.shapes(), facts=stage.facts())
    begun = begin(root, generation, config, name="embed songs")
    if begun is None:
        return
    generation, work = begun
    songs = listed(
        root.current(MEDIA), ["uri", "bytes"], key="owner_id", only=work.todo, per_block=asked.batch_size
    ).rename_columns({"owner_id": "track_id"})
    windows = mapped(songs, stage.cut(), batch_size=asked.batch_size)
    model = stage.hear()
    heard = pooled(windows, model, actors=asked)
    meter = write(heard, root, generation, work=work, per_block=asked.commit_rows, stage=model, config=config)
    record(root, "embed", {"generation": generation.name, **meter.summary()})


def hearing(config: Config) -> HearTracks:
    """Return the stage that hears songs as the config says; no weights are loaded yet."""
    asked = config.embed
    return HearTracks(
        asked.encoder,
        seconds=asked.seconds,
        frame_rate=asked.frame_rate,
        layers=asked.layers,
        allow_noncommercial=asked.allow_noncommercial,
        device=asked.device,
        bf16=asked.bf16,
        offline=config.models.offline,
        threads=asked.threads,
        batch_size=asked.batch_size,
        resample_on_device=asked.resample == "device",
    )


def read(root: Root, config: Config) -> None:
    """Run the text encoder over the prompts."""
    asked = config.embed
    stage = ReadWords(
        config.models.stable_diffusion,
        device=asked.device,
        bf16=asked.bf16,
        offline=config.models.offline,
        threads=asked.threads,
    )
    generation = root.generation(TEXT_EMBEDDINGS, stage.recipe(), shapes=stage.shapes())
    begun = begin(root, generation, config, name="embed prompts")
    if begun is None:
        return
    generation, work = begun
    columns = ["album_id", "variant", "text"]
    prompts = listed(
        root.current(PROMPTS), columns, key="prompt_id", only=work.todo, per_block=asked.commit_rows
    )
    words = pooled(prompts, stage, actors=asked)
    write(words, root, generation, work=work, per_block=asked.commit_rows, stage=stage, config=config)


def see(root: Root, config: Config, image_encoder: str) -> None:
    """Decode covers on CPU tasks and run the image encoder on its own actors."""
    asked = config.embed
    stage = SeeCovers(
        image_encoder,
        device=asked.device,
        bf16=asked.bf16,
        offline=config.models.offline,
        threads=asked.threads,
        batch_size=asked.batch_size,
    )
    generation = root.generation(IMAGE_EMBEDDINGS, stage.recipe(), shapes=stage.shapes())
    begun = begin(root, generation, config, name="embed covers")
    if begun is None:
        return
    generation, work = begun
    covers = listed(
        root.current(MEDIA), ["uri", "bytes"], key="owner_id", only=work.todo, per_block=asked.batch_size
    ).rename_columns({"owner_id": "album_id"})
    crops = mapped(covers, stage.crop(), batch_size=asked.batch_size)
    model = stage.see()
    seen = pooled(crops, model, actors=asked)
    write(seen, root, generation, work=work, per_block=asked.commit_rows, stage=model, config=config)


if __name__ == "__main__":
    entry.run(main, reads=("embed", "models"))
