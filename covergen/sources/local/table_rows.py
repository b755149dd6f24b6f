"""Rows of a CSV, JSON or Parquet file, one after another, as (row number, cells)."""

import csv
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from covergen.errors import ConfigError

Row = tuple[int, dict[str, Any] | None]  # None: this row is no record
_BATCH: Final = 1000
_FORMULA: Final = re.compile(r"'*[=+\-@\t\r]")  # and what guards one, so that a guard is guarded too


def read_csv(path: Path) -> Iterator[Row]:
    """Yield rows between commas, semicolons or tabs, whichever its first line has most of; UTF-8."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        header = file.readline()
        file.seek(0)
        delimiter = max(",;\t", key=header.count)
        for number, row in enumerate(csv.DictReader(file, delimiter=delimiter), start=1):
            surplus = row.pop(None, None)
            yield number, None if surplus else {name: _unguarded(cell) for name, cell in row.items()}


def read_json(path: Path) -> Iterator[Row]:
    """Yield the objects of a JSON array, or of lines with one object each."""
    with path.open(encoding="utf-8-sig") as file:
        first = file.read(64).lstrip()[:1]
        file.seek(0)
        records: Iterator[Any] = iter(json.load(file)) if first == "[" else map(_line, file)
        for number, record in enumerate(records, start=1):
            if record != "":
                yield number, record if isinstance(record, dict) else None


def read_parquet(path: Path) -> Iterator[Row]:
    """Yield the rows of a Parquet file."""
    number = 0
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_BATCH):
            for row in batch.to_pylist():
                number += 1
                yield number, row


def guarded(cell: str) -> str:
    """Return a cell of CSV that no spreadsheet takes for a formula; `read_csv` gives it back as it was."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def _unguarded(cell: str | None) -> str | None:
    return cell[1:] if cell and cell[0] == "'" and _FORMULA.match(cell) else cell


def _line(text: str) -> Any:
    if not text.strip():
        return ""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return None


READERS: Final[dict[str, Callable[[Path], Iterator[Row]]]] = {
    ".csv": read_csv,
    ".tsv": read_csv,
    ".json": read_json,
    ".jsonl": read_json,
    ".ndjson": read_json,
    ".parquet": read_parquet,
}


def read_rows(path: Path) -> Iterator[Row]:
    """Yield a table's rows by its suffix. Raises ConfigError where the file is not what its name says."""
    try:
        yield from READERS[path.suffix.lower()](path)
    except (UnicodeDecodeError, csv.Error, json.JSONDecodeError, pa.ArrowInvalid) as error:
        raise ConfigError(f"The table {path} is not {path.suffix[1:].upper()} in UTF-8: {error}.") from error
    except OSError as error:
        raise ConfigError(f"The table {path} cannot be read: {error}.") from error
