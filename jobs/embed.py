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
from jobs.runtime.operators import listed, mapped, media_of, pooled, run_stage


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
    asked, stage = config.embed, hearing(config)
    model = stage.hear()

    def heard(todo: pa.Table) -> Dataset:
        songs = media_of(root, todo, key="track_id", per_block=asked.batch_size)
        return pooled(mapped(songs, stage.cut(), batch_size=asked.batch_size), model, actors=asked)

    generation = root.generation(AUDIO_EMBEDDINGS, stage.recipe(), shapes=stage.shapes(), facts=stage.facts())
    run_stage(
        root, generation, config, name="embed songs", stage=model, rows=heard, actors=asked, job="embed"
    )


def hearing(config: Config) -> HearTracks:
    """Return the stage that hears songs as the config says; no weights are loaded yet."""
    asked = config.embed
    return HearTracks(
        asked.encoder,
        seconds=asked.seconds,
        frame_rate=asked.frame_rate,
        layers=asked.layers,
        allow_noncommercial=asked.allow_noncommercial,
        **config.model_options(asked),
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

    def words(todo: pa.Table) -> Dataset:
        columns, prompts = ["album_id", "variant", "text"], root.current(PROMPTS)
        texts = listed(prompts, columns, key="prompt_id", only=todo, per_block=asked.commit_rows)
        return pooled(texts, stage, actors=asked)

    generation = root.generation(TEXT_EMBEDDINGS, stage.recipe(), shapes=stage.shapes())
    run_stage(root, generation, config, name="embed prompts", stage=stage, rows=words, actors=asked)


def see(root: Root, config: Config, image_encoder: str) -> None:
    """Decode covers on CPU tasks and run the image encoder on its own actors."""
    asked = config.embed
    stage = SeeCovers(image_encoder, **config.model_options(asked))
    model = stage.see()

    def seen(todo: pa.Table) -> Dataset:
        covers = media_of(root, todo, key="album_id", per_block=asked.batch_size)
        return pooled(mapped(covers, stage.crop(), batch_size=asked.batch_size), model, actors=asked)

    generation = root.generation(IMAGE_EMBEDDINGS, stage.recipe(), shapes=stage.shapes())
    run_stage(root, generation, config, name="embed covers", stage=model, rows=seen, actors=asked)


if __name__ == "__main__":
    entry.run(main, reads=("embed", "models"))
