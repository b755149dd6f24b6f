"""Web sources -> answers, and what those tell: asked in rounds, parsed on the workers.

A round asks what the last one's answers lead to. What is answered is never asked again, so a killed run goes
on where it stood, and parsing all over again costs no request.
"""

import json
import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa
import ray

from covergen.config import Actors, Config
from covergen.lineage.work_list import held
from covergen.sources.answers import FetchAnswers, answer_of, blocks, digests_of, is_doubted, parsed, summary
from covergen.sources.protocol import Found
from covergen.sources.request import Parsed, Request, WebSource
from covergen.sources.youtube.reading import ReadPages
from covergen.storage.root import Root
from covergen.storage.tables import ANSWERS
from jobs.runtime import operators
from jobs.runtime.fetching import fetcher_of
from jobs.runtime.progress import say

COMMIT, PARSED = 64, 32  # answers of one commit, and those that one task parses

Sources = Mapping[str, WebSource]


def gather(root: Root, sources: Sources, first: Iterable[Request], config: Config) -> Iterator[Found]:
    """Yield what the answers to the first requests, and to all that follow from them, tell."""
    root.generation(ANSWERS, {"table": ANSWERS.name, "version": 1})
    known: set[str] = set()
    frontier = _new(first, known)
    while frontier:
        ask(root, sources, frontier, config)
        told = list(parse(root, sources, frontier))  # whole: what is yielded starts work of its own
        if doubted := [request for request, each in told if is_doubted(each, config.retry)]:
            ask(root, sources, doubted, config, anew=True)
            told = list(parse(root, sources, frontier))
        frontier = _new((request for _, each in told for request in each.follow), known)
        yield from (each.found for _, each in told)


def ask(
    root: Root, sources: Sources, requests: Sequence[Request], config: Config, *, anew: bool = False
) -> None:
    """Fetch what is not answered yet or too old, or all `anew`: by a browser where a source has tabs."""
    tabs = {name: number for name, source in sources.items() if (number := getattr(source, "tabs", 0))}
    make, plain = fetcher_of(root, config), [r for r in requests if r.source not in tabs]
    stage = FetchAnswers(sources, make, at_once=config.scrape.at_once, anew=anew)
    commit(root, stage, plain, config, anew=anew)
    for name, number in tabs.items():
        pages = ReadPages(sources, make.limiter, tabs=number)
        commit(root, pages, [r for r in requests if r.source == name], config, anew=anew)


def commit(
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
    owed = held(pa.table(dict(zip((*ANSWERS.key, "input_digest"), columns, strict=True))))
    begun = operators.begin(root, generation, config, name="answers", owed=owed)
    if begun is None:
        return
    generation, work = begun
    left = {(row["source"], row["url"]) for row in work.todo.to_pylist()}
    planned = blocks((r for r in requests if (r.source, r.url) in left), stage.sources, digests)
    actors = Actors(actors=min(config.scrape.actors, len(planned)), cpus=0.25)  # they wait, mostly
    asked = operators.pooled(ray.data.from_arrow(planned), stage, actors=actors, whole_blocks=True)
    meter = operators.write(asked, root, generation, work=work, per_block=COMMIT, stage=stage, config=config)
    for line in summary(meter.stages.get(meter.stage, {}).get("facts", {})):
        say(f"scrape: {line}")
    operators.record(root, "scrape", {"answers": meter.summary()})


def parse(root: Root, sources: Sources, requests: Sequence[Request]) -> Iterator[tuple[Request, Parsed]]:
    """Yield what the answers tell, each with its request; those without an answer are in `rejects`.

    The workers parse.
    """
    about: dict[str, list[dict[str, Any]]] = {}
    for request in requests:
        about.setdefault(request.url, []).append(asdict(request))
    only = pa.table({"url": list(about), "requests": [json.dumps(each) for each in about.values()]})
    columns = ["source", "final_url", "headers", "body", "fetched_at"]
    answers = operators.listed(root.current(ANSWERS), columns, key="url", only=only, per_block=PARSED)
    told = answers.map_batches(_Parse(sources), batch_format="pyarrow", batch_size=PARSED)
    for batch in told.iter_batches(batch_size=None, batch_format="pyarrow"):
        yield from map(pickle.loads, pa.table(batch)["parsed"].to_pylist())


class _Parse:
    """Answers with the requests they answer to what those sources' parsers make of them."""

    def __init__(self, sources: Sources):
        self.sources = sources

    def __call__(self, batch: pa.Table) -> pa.Table:
        told = []
        for row in batch.to_pylist():
            answer = answer_of(row)
            requests = (Request(**said) for said in json.loads(row["requests"]))
            told += [
                (r, parsed(self.sources[r.source], r, answer)) for r in requests if r.source == row["source"]
            ]
        return pa.table({"parsed": pa.array([pickle.dumps(each) for each in told], pa.binary())})


def _new(requests: Iterable[Request], known: set[str]) -> list[Request]:
    """Return the requests that were not made before, and remember them."""
    fresh = {request.key: request for request in requests if request.key not in known}
    known |= set(fresh)
    return list(fresh.values())
