"""The Ray seam: read rows, pool actors, write a table. Stages are defined in `covergen/`, never here."""

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import ray
from ray.data import ActorPoolStrategy, Dataset

from covergen.config import Actors, Config
from covergen.errors import CovergenError, RootError
from covergen.lineage.pipeline import REQUIRED_ROWS, RequiredRows
from covergen.lineage.work_list import Work, work_list
from covergen.storage import objects, rejects, upkeep
from covergen.storage.delta import RUN, Generation, one_of
from covergen.storage.root import Root
from covergen.storage.tables import MEDIA
from jobs.runtime.entry import start_ray
from jobs.runtime.isolation import Stage, isolate, name_of
from jobs.runtime.progress import Meter, progress_board, say

SMALL_FILES = 32  # files of a table from which a job merges them when it is done


def rows(table: pa.Table, *, per_block: int) -> Dataset:
    """Return rows that the driver holds (keys and other small columns) as a dataset."""
    blocks = [table.slice(start, per_block) for start in range(0, len(table), per_block)]
    return ray.data.from_arrow([block.combine_chunks() for block in blocks])


def listed(
    generation: Generation, columns: Sequence[str], *, key: str, only: pa.Table, per_block: int
) -> Dataset:
    """Return the rows of a table whose key is in `only`, read in parallel, with `only`'s other columns.

    The rows themselves never pass through the driver.
    """
    read = ray.data.read_delta(
        generation.uri,
        columns=[key, *columns],
        storage_options=objects.delta_options(generation.uri),
        filesystem=objects.arrow_filesystem(generation.uri),
    )
    kept: Dataset = read.map_batches(
        _Join(ray.put(only), key), batch_format="pyarrow", batch_size=None, zero_copy_batch=True
    )
    return kept.repartition(target_num_rows_per_block=per_block)


class _Join:
    """Keeps the rows of a batch whose key is in a small table, and adds that table's columns."""

    def __init__(self, only: "ray.ObjectRef[pa.Table]", key: str):
        self.only, self.key = only, key

    def __call__(self, batch: pa.Table) -> pa.Table:
        only = ray.get(self.only)
        place = pc.index_in(batch[self.key], value_set=only[only.column_names[0]].combine_chunks())
        kept = batch.filter(pc.is_valid(place))
        added = only.take(pc.drop_null(place))
        for name in only.column_names[1:]:
            kept = kept.append_column(name, added[name])
        return kept


class Attach:
    """Adds columns of a table to a batch by key; rows without a match get nulls. Runs on workers."""

    def __init__(self, generation: Generation, columns: Sequence[str], *, key: str):
        self.generation, self.columns, self.key = generation, tuple(columns), key

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return the batch with the columns added."""
        wanted = batch[self.key].drop_null().to_pylist()
        found = self.generation.read([self.key, *self.columns], where=one_of(self.key, wanted))
        place = pc.index_in(batch[self.key], value_set=found[self.key].combine_chunks())
        added = found.select(self.columns).take(place)
        for name in self.columns:
            batch = batch.append_column(added.schema.field(name), added[name])
        return batch


class _StageRunner:
    """Carries a stage to a worker and puts each batch on the board; a model is loaded at the first batch."""

    def __init__(self, stage: Stage):
        self.stage = stage

    def __call__(self, batch: pa.Table) -> pa.Table:
        start = time.perf_counter()
        made = isolate(self.stage, batch)
        codes = Counter(made["reject_code"].drop_null().to_pylist())
        progress_board().add.remote(
            name_of(self.stage),
            rows=len(made) - codes.total(),
            codes=dict(codes),
            seconds=time.perf_counter() - start,
            size=made.nbytes,
            facts=self.stage.facts() if hasattr(self.stage, "facts") else {},
        )
        return made


def mapped(dataset: Dataset, stage: Stage, *, batch_size: int) -> Dataset:
    """Map a stage without a model over the dataset, in tasks."""
    return dataset.map_batches(_StageRunner(stage), batch_format="pyarrow", batch_size=batch_size)


def pooled(
    dataset: Dataset, stage: Stage, *, actors: Actors, whole_blocks: bool = False, at_once: int = 1
) -> Dataset:
    """Map a stage over the dataset in a pool of actors that bears its name.

    `at_once`: blocks that an actor works on, each in a thread, so of a stage that is safe for them.
    """
    return dataset.map_batches(
        type(name_of(stage), (_StageRunner,), {}),
        fn_constructor_args=(stage,),
        compute=ActorPoolStrategy(
            size=actors.actors,
            enable_true_multi_threading=at_once > 1,
            max_concurrent_calls_per_actor=at_once if at_once > 1 else None,
        ),
        batch_format="pyarrow",
        batch_size=None if whole_blocks else actors.batch_size,
        num_cpus=None if actors.gpus else actors.cpus,
        num_gpus=actors.gpus or None,
    )


class _Write:
    """The last operator: accepted rows to the table, refused ones to `rejects`.

    Rows whose committed row is stale (`replaced`, joined keys) are merged, new ones appended. A block that is
    written again after a failure adds nothing twice, even if its rows fared otherwise this time.
    """

    def __init__(
        self, generation: Generation, refused: Generation, replaced: "ray.ObjectRef[pa.ChunkedArray] | None"
    ):
        self.generation, self.refused, self.replaced = generation, refused, replaced

    def __call__(self, batch: pa.Table) -> pa.Table:
        table, generation = self.generation.table, self.generation
        block = generation.block_of(batch)
        accepted, refused = rejects.split(batch)
        counts = pa.table({"rows": [len(accepted)], "rejects": [len(refused)]})
        if len(refused) and generation.knows(block):
            refused = generation.absent(refused)
        if self.replaced is not None:
            stale = pc.is_in(rejects.joined(accepted, table.key), value_set=ray.get(self.replaced))
            generation.upsert(accepted.filter(stale))
            accepted = accepted.filter(pc.invert(stale))
        generation.append(accepted, block=block)
        rejects.write(self.refused, table.name, refused, key=table.key, of=generation.name, block=block)
        return counts


def run_stage(
    root: Root,
    generation: Generation,
    config: Config,
    *,
    name: str,
    stage: Stage,
    rows: Callable[[pa.Table], Dataset],
    per_block: int,
    required: RequiredRows | None = None,
    job: str | None = None,
    **facts: Any,
) -> Meter | None:
    """Bring a generation up to date: what is left to do, made by `rows` and `stage`, its last one, committed.

    `rows` returns a dataset of outcomes for the keys and digests to do; `per_block` of them are committed at
    once. `required` is what the table has to hold unless that is what its inputs ask for. How it went is
    returned, None where nothing was to be done, and written down for `job` with `facts`.
    """
    begun = begin(root, generation, config, name=name, required=required)
    if begun is None:
        return None
    ours, work = begun
    meter = write(rows(work.todo), root, ours, work=work, per_block=per_block, stage=stage, config=config)
    if job is not None:
        record(root, job, {"generation": ours.name, **facts, **meter.summary()})
    return meter


def media_of(root: Root, todo: pa.Table, *, key: str, per_block: int) -> Dataset:
    """Return uri and bytes of the media of what is to do, their owner under the name `key`."""
    media = root.current(MEDIA)
    dataset = listed(media, ["uri", "bytes"], key="owner_id", only=todo, per_block=per_block)
    renamed: Dataset = dataset.rename_columns({"owner_id": key})
    return renamed


def write(
    dataset: Dataset,
    root: Root,
    generation: Generation,
    *,
    work: Work,
    per_block: int,
    stage: Stage,
    config: Config,
) -> Meter:
    """Run the dataset, commit its blocks as they come, and show how far `stage`, its last one, is."""
    name, before = generation.table_name, generation.count()
    refused_to = rejects.rejects_of(root).take_over(f"{RUN}.{name}")
    replaced = ray.put(work.replaced.combine_chunks()) if len(work.replaced) else None
    counts = dataset.map_batches(
        _Write(generation, refused_to, replaced),
        batch_format="pyarrow",
        batch_size=per_block,
        zero_copy_batch=True,
        concurrency=1 if replaced else None,  # merges of one table exclude each other
    )
    rows = refused = 0
    patience = config.ray.timeout_seconds
    with Meter(name, len(work.todo), stage=name_of(stage), patience=patience) as meter:
        for batch in counts.iter_batches(batch_size=None, batch_format="pyarrow"):
            rows += pc.sum(batch["rows"]).as_py() or 0
            refused += pc.sum(batch["rejects"]).as_py() or 0
        meter.rows, meter.rejects = rows, refused
    if rows + refused < len(work.todo):
        raise CovergenError(
            f"{name}: {len(work.todo) - rows - refused} of {len(work.todo)} rows did not arrive. "
            "Run the job again: it goes on from what is committed."
        )
    tidy(generation, refused_to, expected=None if replaced else before + rows)
    return meter


def tidy(generation: Generation, refused: Generation, *, expected: int | None) -> None:
    """Merge the parts of a finished run; where it left more rows than `expected`, drop what stands twice."""
    try:
        if expected is not None and generation.count() > expected and (doubles := generation.drop_doubles()):
            say(f"{generation.table_name}: {doubles} rows stood twice; one of each is left")
        for each in (generation, refused):
            upkeep.merge_parts(each, at_least=SMALL_FILES)
    except RootError as error:
        say(f"{generation.table_name}: all rows are there, but: {error}")


def begin(
    root: Root, generation: Generation, config: Config, *, name: str, required: RequiredRows | None = None
) -> tuple[Generation, Work] | None:
    """Return the generation as this run alone may write it, and its work; nothing where none is left.

    Taking over comes before the work list that counts: what an older run has not committed by then, it
    never will. Ray is started where there is work.
    """
    required, retry = required or REQUIRED_ROWS[generation.table_name], config.retry
    before = generation.version
    work = work_list(root, generation, required, retry=retry)
    if nothing_to_do(name, work):
        return None
    ours = generation.take_over()
    if ours.version != before + 1:
        work = work_list(root, ours, required, retry=retry)
        if nothing_to_do(name, work):
            return None
    start_ray(config)
    return ours, work


def nothing_to_do(name: str, work: Work) -> bool:
    """Say so where nothing is left to do."""
    if len(work.todo):
        return False
    refused = f", {work.refused} in rejects" if work.refused else ""
    say(f"{name}: nothing to do, {work.required - work.refused} rows are there{refused}")
    return True


def record(root: Root, job: str, facts: Mapping[str, Any]) -> None:
    """Write down what a run read and made, so that it can be made again."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    root.write(
        f"runs/{job}/{stamp}.json", json.dumps(dict(facts), indent=1, sort_keys=True, default=str).encode()
    )
