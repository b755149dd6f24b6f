"""albums, tracks, media, tags -> catalog, prompts, exports: a clean row per album, and what is said of it."""

import pyarrow as pa

from covergen.catalog.clean import MEDIA_COLUMNS, TAG_COLUMNS, Cleaning, clean, genre_summary
from covergen.catalog.export import export
from covergen.catalog.prompts.make import Wish, make_prompts
from covergen.catalog.prompts.styles import PROMPT_STYLES, check_template
from covergen.config import Config
from covergen.embeddings.clip_text import token_counter
from covergen.errors import ConfigError
from covergen.lineage.work_list import held, work_list
from covergen.models import stable_diffusion
from covergen.storage import rejects
from covergen.storage.delta import Generation
from covergen.storage.root import Root
from covergen.storage.tables import ALBUMS, CATALOG, MEDIA, PROMPTS, TAGS, TRACKS
from jobs.runtime import entry
from jobs.runtime.progress import say
from jobs.runtime.stages import nothing_to_do

VERSION = 4  # of cleaning and wording: raise it whenever the same rows would come out otherwise


def main(config: Config) -> None:
    """Clean what is new or changed, export it, then word it."""
    options = config.clean
    if options.prompt_style not in PROMPT_STYLES:
        raise ConfigError(
            f"clean.prompt_style={options.prompt_style!r}: the styles are {', '.join(PROMPT_STYLES)}."
        )
    if options.prompt_template is not None:
        check_template(options.prompt_template)
    root = Root.open(config.root)
    cleaning = Cleaning(
        default_genre=options.default_genre,
        genre_score=options.genre_score,
        validation=options.validation,
        test=options.test,
    )
    albums, tracks = root.current(ALBUMS).read(), root.current(TRACKS).read()
    media = root.current(MEDIA).read(MEDIA_COLUMNS)
    tags = root.current(TAGS).read(TAG_COLUMNS) if root.has(TAGS) else None
    recipe = {"stage": "clean", "version": VERSION, **vars(cleaning)}
    cleaned = clean(albums, tracks, media, cleaning, tags=tags)
    commit(root, root.generation(CATALOG, recipe), cleaned, config)
    catalog = root.current(CATALOG).read()
    say(genre_summary(catalog))
    for address in export(root, options.export):
        say(f"catalog: written to {address}")
    word(root, catalog, config, tracks=tracks, tags=tags)


def word(root: Root, catalog: pa.Table, config: Config, *, tracks: pa.Table, tags: pa.Table | None) -> None:
    """Write the prompts of the catalogue, as long as the text encoder reads."""
    options, model = config.clean, config.models.stable_diffusion
    wish = Wish(options.prompt_style, options.prompt_template, options.prompt_words, options.prompt_tokens)
    measure = token_counter(model, offline=config.models.offline)
    digest = stable_diffusion.digest(model, ("tokenizer",))
    recipe = {"stage": "prompts", "version": VERSION, "tokenizer": digest, **vars(wish)}
    prompts = make_prompts(catalog, wish, tracks=tracks, tags=tags, measure=measure)
    commit(root, root.generation(PROMPTS, recipe), prompts, config)


def commit(root: Root, generation: Generation, outcomes: pa.Table, config: Config) -> None:
    """Write the outcomes that are new or changed, refused ones to `rejects`; remove rows that are no more."""
    table = generation.table
    accepted, refused = (
        rejects.split(outcomes) if "reject_code" in outcomes.column_names else (outcomes, None)
    )
    there = set(rejects.joined_keys(generation.read(table.key), table.key))
    gone = there - set(rejects.joined_keys(accepted, table.key))
    removed = f", {generation.remove(gone)} removed" if gone else ""
    required = held(outcomes.select([*table.key, "input_digest"]))
    work = work_list(root, generation, required, retry=config.retry)
    if not removed and nothing_to_do(table.name, work):
        return
    wanted = set(rejects.joined_keys(work.todo, table.key))
    accepted, refused = _of(accepted, wanted, table.key), _of(refused, wanted, table.key) if refused else None
    generation.upsert(accepted)
    if refused is not None:
        rejects_generation = rejects.rejects_of(root)
        rejects.write(rejects_generation, table.name, refused, key=table.key, of=generation.name)
    say(f"{table.name}: {len(accepted)} rows, {len(refused) if refused is not None else 0} rejects{removed}")


def _of(batch: pa.Table, wanted: set[str], key: tuple[str, ...]) -> pa.Table:
    return batch.filter(pa.array([name in wanted for name in rejects.joined_keys(batch, key)], pa.bool_()))


if __name__ == "__main__":
    entry.run(main, reads=("clean", "models"))
