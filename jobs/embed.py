"""catalog, media, prompts -> audio_, text_, image_embeddings: what the frozen encoders hear, read and see."""

import pyarrow as pa
from ray.data import Dataset

from covergen.config import Config
from covergen.embeddings.audio_stage import HearTracks
from covergen.embeddings.image_stage import SeeCovers
from covergen.embeddings.text_stage import ReadWords
from covergen.storage.root import Root
from covergen.storage.tables import AUDIO_EMBEDDINGS, IMAGE_EMBEDDINGS, PROMPTS, TEXT_EMBEDDINGS
from jobs.runtime import check_weights, entry
from jobs.runtime.stages import listed, mapped, media_of, pooled, run_stage


def main(config: Config) -> None:
    """Embed the songs, then the prompts, then the covers if asked to, that are not embedded yet."""
    root = Root.open(config.root)
    check_weights.check(config, "embed")
    hear(root, config)
    read(root, config)
    if config.embed.image_encoder is not None:
        see(root, config, config.embed.image_encoder)


def hear(root: Root, config: Config) -> None:
    """Decode on CPU tasks, run the encoder on its own actors, commit as it goes."""
    options, stage = config.embed, hearing(config)
    model = stage.hear()

    def embedded(todo: pa.Table) -> Dataset:
        songs = media_of(root, todo, key="track_id", per_block=options.batch_size)
        return pooled(mapped(songs, stage.cut(), batch_size=options.batch_size), model, actors=options)

    generation = root.generation(AUDIO_EMBEDDINGS, stage.recipe(), shapes=stage.shapes(), facts=stage.facts())
    run_stage(
        root,
        generation,
        config,
        name="embed songs",
        stage=model,
        rows=embedded,
        per_block=options.commit_rows,
        job="embed",
    )


def hearing(config: Config) -> HearTracks:
    """Return the stage that hears songs as the config says; no weights are loaded yet."""
    options = config.embed
    return HearTracks(
        options.encoder,
        seconds=options.seconds,
        frame_rate=options.frame_rate,
        layers=options.layers,
        allow_noncommercial=options.allow_noncommercial,
        **config.model_options(options),
        resample_on_device=options.resample == "device",
    )


def read(root: Root, config: Config) -> None:
    """Run the text encoder over the prompts."""
    options = config.embed
    stage = ReadWords(
        config.models.stable_diffusion,
        device=options.device,
        bf16=options.bf16,
        offline=config.models.offline,
        threads=options.threads,
    )

    def words(todo: pa.Table) -> Dataset:
        columns, prompts = ["album_id", "variant", "text"], root.current(PROMPTS)
        texts = listed(prompts, columns, key="prompt_id", only=todo, per_block=options.commit_rows)
        return pooled(texts, stage, actors=options)

    generation = root.generation(TEXT_EMBEDDINGS, stage.recipe(), shapes=stage.shapes())
    run_stage(
        root, generation, config, name="embed prompts", stage=stage, rows=words, per_block=options.commit_rows
    )


def see(root: Root, config: Config, image_encoder: str) -> None:
    """Decode covers on CPU tasks and run the image encoder on its own actors."""
    options = config.embed
    stage = SeeCovers(image_encoder, **config.model_options(options))
    model = stage.see()

    def seen(todo: pa.Table) -> Dataset:
        covers = media_of(root, todo, key="album_id", per_block=options.batch_size)
        return pooled(mapped(covers, stage.crop(), batch_size=options.batch_size), model, actors=options)

    generation = root.generation(IMAGE_EMBEDDINGS, stage.recipe(), shapes=stage.shapes())
    run_stage(
        root, generation, config, name="embed covers", stage=model, rows=seen, per_block=options.commit_rows
    )


if __name__ == "__main__":
    entry.run(main, reads=("embed", "models"))
