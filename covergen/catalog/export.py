"""The catalogue for other programs: Parquet, CSV and JSON under ROOT/exports/.

Each can be read back by the source `table`. Lists in CSV are joined by "; ". Titles come from anywhere, so a
CSV cell that a spreadsheet would take for a formula is guarded by an apostrophe, which that source takes off.
"""

import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from covergen.sources.local.table import guarded
from covergen.storage.root import Root
from covergen.storage.tables import CATALOG, CHECKSUM, INPUT_DIGEST

FOLDER: Final = "exports"
STATE: Final = f"{FOLDER}/exported.json"
COLUMNS: Final = tuple(c.name for c in CATALOG.columns if c.name not in {CHECKSUM.name, INPUT_DIGEST.name})


def export(root: Root, formats: Sequence[str]) -> tuple[str, ...]:
    """Write the current catalogue in each format and return the addresses; none where that is done."""
    generation = root.current(CATALOG)
    state = {"generation": generation.name, "version": generation.version, "formats": sorted(formats)}
    content = json.dumps(state, sort_keys=True).encode()
    if not formats or (root.exists(STATE) and root.read(STATE) == content):
        return ()
    catalog = generation.read(COLUMNS).sort_by("album_id")
    names = [f"{FOLDER}/catalog.{kind}" for kind in formats]
    for kind, name in zip(formats, names, strict=True):
        root.write(name, FORMATS[kind](catalog))
    root.write(STATE, content)
    return tuple(root.path(name) for name in names)


def as_parquet(catalog: pa.Table) -> bytes:
    """Return rows of the catalogue as one Parquet file, lists as lists."""
    sink = io.BytesIO()
    pq.write_table(catalog.replace_schema_metadata(), sink, compression="zstd")
    return sink.getvalue()


def as_csv(catalog: pa.Table) -> bytes:
    """Return rows of the catalogue as CSV (RFC 4180) in UTF-8; what is unknown is empty."""
    sink = io.StringIO(newline="")
    writer = csv.writer(sink)
    writer.writerow(catalog.column_names)
    for batch in catalog.to_batches():
        columns = batch.to_pydict().values()
        writer.writerows([_cell(value) for value in row] for row in zip(*columns, strict=True))
    return sink.getvalue().encode()


def as_json(catalog: pa.Table) -> bytes:
    """Return rows of the catalogue as a JSON array in UTF-8, one object a line."""
    objects = (json.dumps(row, ensure_ascii=False) for row in catalog.to_pylist())
    return ("[\n" + ",\n".join(objects) + "\n]\n").encode()


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        value = "; ".join(value)
    return guarded(value) if isinstance(value, str) else value


FORMATS: Final[dict[str, Callable[[pa.Table], bytes]]] = {
    "parquet": as_parquet,
    "csv": as_csv,
    "json": as_json,
}
