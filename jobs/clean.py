"""albums, tracks, media -> catalog, prompts: one clean row per album, and the words said about it."""

import pyarrow as pa

from covergen import rejects
from covergen.catalog.clean import MEDIA_COLUMNS, Cleaning, clean
from covergen.catalog.prompts import PROMPT_STYLES, check_template, make_prompts
from covergen.config import Config
from covergen.errors import ConfigError
from covergen.lineage import held, work_list
from covergen.storage import Generation, Root
from covergen.tables import ALBUMS, CATALOG, MEDIA, PROMPTS, TRACKS
from jobs import entry
from jobs.operators import nothing_to_do
from jobs.progress import say

VERSION = 1  # of cleaning: raise it whenever the same rows would come out otherwise


def main(config: Config) -> None:
    """Clean what is new or changed, then word it."""
    asked = config.clean
    if asked.prompt_style not in PROMPT_STYLES:
        raise ConfigError(
            f"clean.prompt_style={asked.prompt_style!r}: the styles are {', '.join(PROMPT_STYLES)}."
        )
    if asked.prompt_template is not None:
        check_template(asked.prompt_template)
    root = Root.open(config.root)
    cleaning = Cleaning(default_genre=asked.default_genre, validation=asked.validation, test=asked.test)
    recipe = {"stage": "clean", "version": VERSION, **vars(cleaning)}
    albums, tracks = root.current(ALBUMS).read(), root.current(TRACKS).read()
    media = root.current(MEDIA).read(MEDIA_COLUMNS)
    commit(root, root.generation(CATALOG, recipe), clean(albums, tracks, media, cleaning), config)
    style = {"style": asked.prompt_style, "template": asked.prompt_template}
    prompts = make_prompts(root.current(CATALOG).read(), asked.prompt_style, template=asked.prompt_template)
    commit(root, root.generation(PROMPTS, {"stage": "prompts", "version": VERSION, **style}), prompts, config)


def commit(root: Root, generation: Generation, outcomes: pa.Table, config: Config) -> None:
    """Write the outcomes that are new or changed: good rows to the table, refused ones to `rejects`."""
    table = generation.table
    owed = held(outcomes.select([*table.key, "input_digest"]))
    work = work_list(root, generation, owed, retry=config.retry)
    if nothing_to_do(table.name, work):
        return
    wanted = set(rejects.joined_keys(work.todo, table.key))
    chosen = outcomes.filter(pa.array([key in wanted for key in rejects.joined_keys(outcomes, table.key)]))
    accepted, refused = rejects.split(chosen) if "reject_code" in chosen.column_names else (chosen, None)
    generation.upsert(accepted)
    if refused is not None:
        rejects.write(rejects.rejects_of(root), table.name, refused, key=table.key)
    say(f"{table.name}: {len(accepted)} rows, {len(refused) if refused is not None else 0} rejects")


if __name__ == "__main__":
    entry.run(main)
