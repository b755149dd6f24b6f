"""sources -> albums, tracks, media, answers: every file is opened, proved usable or refused with a reason.

Local sources are read first; then the web is asked in turns, each for what the turns before have told of.
"""

import json
import pickle
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray
from ray.data import Dataset

from covergen.config import Actors, Config
from covergen.errors import ConfigError
from covergen.lineage.work_list import held
from covergen.media.audio import AudioLimits
from covergen.sources.answers import FetchAnswers, answer_of, blocks, digests_of, is_doubted, parsed, summary
from covergen.sources.http.addresses import is_web
from covergen.sources.http.fetch import Fetcher
from covergen.sources.known_rows import not_from_others, refuse, upsert, wanted_of
from covergen.sources.limiter.limiter import Limiter
from covergen.sources.media import CheckMedia, stamp
from covergen.sources.plan import foreseen
from covergen.sources.protocol import Found, Record, batched
from covergen.sources.registry import SOURCES, WEB_SOURCES
from covergen.sources.web_source import Parsed, Request, WebSource
from covergen.sources.youtube.browser import ReadPages
from covergen.storage import rejects, rows
from covergen.storage.root import Root
from covergen.storage.tables import ALBUMS, ANSWERS, MEDIA, TRACKS
from jobs.runtime import entry, stages
from jobs.runtime.limiter import limiter, settle
from jobs.runtime.progress import say

FILES_A_TASK = 16  # media that one task opens
TASKS_AN_ACTOR = 4  # tasks of an actor at once: one slow host holds up its own part alone
CANDIDATE_COLUMNS = [*MEDIA.key, "uri", "source", "source_url", "licence", "bytes", "input_digest"]
VERSIONS = {ALBUMS.name: 3, TRACKS.name: 3, MEDIA.name: 1}  # of their columns and what is read into them
RECIPES = {name: {"table": name, "version": version} for name, version in VERSIONS.items()}
ANSWERS_A_COMMIT, ANSWERS_A_TASK = 64, 32  # answers of one commit, and those that one task parses
Sources = Mapping[str, WebSource]


def main(config: Config) -> None:
    """Read the sources, then check the media that are new or changed."""
    given = [(s.name, s.model_dump(exclude={"name"}, exclude_none=True)) for s in config.scrape.sources]
    local = [SOURCES[name](**arguments) for name, arguments in given if name in SOURCES]
    web: dict[str, WebSource] = {
        name: WEB_SOURCES[name](**arguments) for name, arguments in given if name in WEB_SOURCES
    }
    if config.dry_run:
        say(f"scrape: this is what it will take\n{foreseen(Root(config.root), web)}")
        return
    if web:
        fetcher_of(Root(config.root), config)  # refuses, before anything is written, to ask without a contact
    root = Root.create(config.root)
    for table in (ALBUMS, TRACKS, MEDIA):
        root.generation(table, RECIPES[table.name])
    pieces = batched(chain.from_iterable(source.read() for source in local))
    albums, news = write_catalogue(root, pieces, config, {})
    for turn in sorted({source.turn for source in web.values()}):
        now = {name: source for name, source in web.items() if source.turn == turn}
        wanted = list(wanted_of(root))
        first = chain.from_iterable(source.requests(wanted) for source in now.values())
        more, changed = write_catalogue(root, batched(gather(root, now, first, config)), config, now)
        albums, news = albums + more, news + changed
    if web:
        settle(root.uri)
    say(f"scrape: {albums} albums read, {news} rows of albums and tracks new or changed")


def write_catalogue(root: Root, pieces: Iterable[Found], config: Config, sources: Sources) -> tuple[int, int]:
    """Write a catalogue piece by piece and check its media; return how many albums it had, and news."""
    albums = news = 0
    for found in pieces:
        albums += len(found.albums)
        news += upsert(root, ALBUMS, found.albums) + upsert(root, TRACKS, found.tracks)
        refuse(root, found.rejects)
        for reason in dict.fromkeys(one.problem.reason for one in found.rejects if one.in_summary):
            say(f"scrape: {reason}")
        if found.media:
            check_media(root, found.media, config, sources)
    return albums, news


def check_media(root: Root, candidates: list[Record], config: Config, sources: Sources) -> None:
    """Open the candidates that are new or changed, in parallel, and write them to `media` or `rejects`."""
    options, generation = config.scrape, root.current(MEDIA)
    ours = not_from_others(root, candidates)
    first = {tuple(candidate[name] for name in MEDIA.key): candidate for candidate in reversed(ours)}
    stamped = [{**candidate, "input_digest": stamp(candidate)} for candidate in first.values()]
    table = rows.from_records(MEDIA, stamped).drop_columns(["checksum"])
    required = held(table.select([*MEDIA.key, "input_digest"]))
    limits = AudioLimits(
        max_bytes=int(options.max_file_mb * 2**20),
        max_seconds=options.max_seconds,
        min_seconds=options.min_seconds,
    )
    online = bool(options.contact) and any(is_web(address) for address in table["uri"].to_pylist())
    stage = CheckMedia(limits)
    if online:
        client, pixels, at_once = fetcher_of(root, config), options.cover_pixels, options.at_once
        stage = CheckMedia(limits, fetcher=client, sources=sources, at_once=at_once, cover_pixels=pixels)

    def checked(todo: pa.Table) -> Dataset:
        wanted = set(rejects.joined_keys(todo, MEDIA.key))
        chosen = pa.array([key in wanted for key in rejects.joined_keys(table, MEDIA.key)])
        dataset = stages.rows(table.filter(chosen).select(CANDIDATE_COLUMNS), per_block=FILES_A_TASK)
        if not online:
            return stages.mapped(dataset, stage, batch_size=FILES_A_TASK)
        actors = Actors(
            actors=min(options.actors, -(-len(todo) // FILES_A_TASK)), cpus=0.5, batch_size=FILES_A_TASK
        )
        return stages.pooled(dataset, stage, actors=actors, at_once=TASKS_AN_ACTOR)

    stages.run_stage(
        root,
        generation,
        config,
        name="media",
        stage=stage,
        rows=checked,
        per_block=16 * FILES_A_TASK,
        required=required,
    )


# Web sources -> answers, and what those tell: asked in rounds, parsed on the workers.
#
# A round asks what the last one's answers lead to. What is answered is never asked again, so a killed run
# goes on where it stood, and parsing all over again costs no request.


def gather(root: Root, sources: Sources, first: Iterable[Request], config: Config) -> Iterator[Found]:
    """Yield what the answers to the first requests, and to all that follow from them, tell."""
    root.generation(ANSWERS, {"table": ANSWERS.name, "version": 1})
    known: set[str] = set()
    frontier = _new(first, known)
    while frontier:
        fetch_answers(root, sources, frontier, config)
        entry.start_ray(config)  # where all was answered before, nothing has started it yet
        results = list(parse(root, sources, frontier))  # whole: what is yielded starts work of its own
        if doubted := [request for request, each in results if is_doubted(each, config.retry)]:
            fetch_answers(root, sources, doubted, config, anew=True)
            results = list(parse(root, sources, frontier))
        frontier = _new((request for _, each in results for request in each.follow), known)
        yield from (each.found for _, each in results)


def fetch_answers(
    root: Root, sources: Sources, requests: Sequence[Request], config: Config, *, anew: bool = False
) -> None:
    """Fetch what is not answered yet or too old, or all `anew`: by a browser where a source has tabs."""
    tabs = {name: number for name, source in sources.items() if (number := getattr(source, "tabs", 0))}
    make, plain = fetcher_of(root, config), [r for r in requests if r.source not in tabs]
    stage = FetchAnswers(sources, make, at_once=config.scrape.at_once, anew=anew)
    fetch_missing(root, stage, plain, config, anew=anew)
    for name, number in tabs.items():
        pages = ReadPages(sources, make.limiter, tabs=number)
        fetch_missing(root, pages, [r for r in requests if r.source == name], config, anew=anew)


def fetch_missing(
    root: Root,
    stage: FetchAnswers | ReadPages,
    requests: Sequence[Request],
    config: Config,
    *,
    anew: bool = False,
) -> None:
    """Run a stage over the requests that have no answer, or over all `anew`; commit each as it comes."""
    if not requests:
        return
    generation = root.current(ANSWERS)
    answered = generation.read([*ANSWERS.key, "fetched_at", "input_digest"])
    digests = digests_of(requests, answered, max_age_days=config.scrape.max_age_days, anew=anew)
    columns = zip(*((*key, digest) for key, digest in digests.items()), strict=True)
    required = held(pa.table(dict(zip((*ANSWERS.key, "input_digest"), columns, strict=True))))

    def fetched(todo: pa.Table) -> Dataset:
        left = {(row["source"], row["url"]) for row in todo.to_pylist()}
        planned = blocks((r for r in requests if (r.source, r.url) in left), stage.sources, digests)
        actors = Actors(actors=min(config.scrape.actors, len(planned)), cpus=0.25)  # they wait, mostly
        return stages.pooled(ray.data.from_arrow(planned), stage, actors=actors, whole_blocks=True)

    meter = stages.run_stage(
        root,
        generation,
        config,
        name="answers",
        stage=stage,
        rows=fetched,
        per_block=ANSWERS_A_COMMIT,
        required=required,
    )
    if meter is None:
        return
    for line in summary(meter.stages.get(meter.stage, {}).get("facts", {})):
        say(f"scrape: {line}")
    stages.record(root, "scrape", {"answers": meter.summary()})


def parse(root: Root, sources: Sources, requests: Sequence[Request]) -> Iterator[tuple[Request, Parsed]]:
    """Yield what the answers tell, each with its request; those without an answer are in `rejects`.

    The workers parse.
    """
    about: dict[str, list[dict[str, Any]]] = {}
    for request in requests:
        about.setdefault(request.url, []).append(asdict(request))
    only = pa.table({"url": list(about), "requests": [json.dumps(each) for each in about.values()]})
    columns = ["source", "final_url", "headers", "body", "fetched_at"]
    answers = stages.listed(root.current(ANSWERS), columns, key="url", only=only, per_block=ANSWERS_A_TASK)
    results = answers.map_batches(_Parse(sources), batch_format="pyarrow", batch_size=ANSWERS_A_TASK)
    for batch in results.iter_batches(batch_size=None, batch_format="pyarrow"):
        yield from map(pickle.loads, pa.table(batch)["parsed"].to_pylist())


class _Parse:
    """Answers with the requests they answer to what those sources' parsers make of them."""

    def __init__(self, sources: Sources):
        self.sources = sources

    def __call__(self, batch: pa.Table) -> pa.Table:
        results = []
        for row in batch.to_pylist():
            answer = answer_of(row)
            requests = (Request(**said) for said in json.loads(row["requests"]))
            results += [
                (r, parsed(self.sources[r.source], r, answer)) for r in requests if r.source == row["source"]
            ]
        return pa.table({"parsed": pa.array([pickle.dumps(each) for each in results], pa.binary())})


def _new(requests: Iterable[Request], known: set[str]) -> list[Request]:
    """Return the requests that were not made before, and remember them."""
    fresh = {request.key: request for request in requests if request.key not in known}
    known |= set(fresh)
    return list(fresh.values())


# The polite client as workers get it: one limiter for the whole cluster, a cache of each machine's own.


def fetcher_of(root: Root, config: Config) -> "FetcherFactory":
    """Return what makes a worker's client. Raises ConfigError where nobody says who asks."""
    contact = config.scrape.contact
    if not contact:
        raise ConfigError(
            "scrape.contact is empty: sites on the web are told who asks. Give an e-mail address or a page "
            "that answers for this run."
        )
    robots_exempt = frozenset(
        each.name for each in config.scrape.sources if getattr(each, "override_robots", False)
    )
    return FetcherFactory(root.uri, f"covergen/{version('covergen')} ({contact})", robots_exempt)


@dataclass(frozen=True)
class FetcherFactory:
    """Makes a worker's client, and its limiter alone; travels to the worker as it is."""

    root: str
    user_agent: str
    robots_exempt: frozenset[str]

    def __call__(self) -> Fetcher:
        """Return the client."""
        cache = Path(tempfile.gettempdir(), "covergen", "http")
        return Fetcher(self.user_agent, self.limiter(), cache=cache, robots_exempt=self.robots_exempt)

    def limiter(self) -> Limiter:
        """Return the cluster's limiter as this process has it."""
        return limiter(self.root)


if __name__ == "__main__":
    entry.run(main, reads=("scrape",), plans=True)
