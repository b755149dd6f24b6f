"""Writing what a command made: beside files that are there, never over them unless that is asked for."""

from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import BinaryIO, Final

from covergen.errors import ConfigError

_BARRED: Final = str.maketrans(dict.fromkeys('/\\:*?"<>|', "_"))
_LONGEST: Final = 200  # bytes of a name; file systems take 255


def candidates(out: Path, *, several: bool = False) -> Iterator[Path]:
    """Yield the names a file may have: `out`, then with a number; of several files each has a number."""
    if not several:
        yield out
    for number in count(0 if several else 1):
        yield out.with_stem(f"{out.stem}-{number}")


def free(out: Path, *, force: bool = False) -> Path:
    """Return `out`, or where that is there and may not be replaced, the first numbered name that is free."""
    return out if force else next(path for path in candidates(out) if not path.exists())


def write_all(contents: Sequence[bytes], out: Path, *, force: bool = False) -> list[Path]:
    """Write each content to the next of its `candidates` that is free (with `force`: to the next).

    Raises ConfigError where that cannot be done; half a file is not left behind.
    """
    names = candidates(out, several=len(contents) > 1)
    return [_write_next(names, content, force=force) for content in contents]


def safe_name(text: str) -> str:
    """Return text as the name of a file on any system."""
    kept = "".join(c if c.isprintable() else " " for c in text.translate(_BARRED))
    cut = " ".join(kept.split()).encode()[:_LONGEST].decode(errors="ignore")
    return cut.strip(" .") or "cover"


def _write_next(names: Iterator[Path], content: bytes, *, force: bool) -> Path:
    for path in names:
        try:
            with path.open("wb" if force else "xb") as file:
                _fill(file, content, path)
            return path
        except FileExistsError:
            continue
        except OSError as error:
            raise ConfigError(f"{path} cannot be written: {error.strerror}; choose another --out.") from error
    raise AssertionError("numbers do not end")


def _fill(file: BinaryIO, content: bytes, path: Path) -> None:
    try:
        file.write(content)
        file.flush()
    except OSError:
        path.unlink(missing_ok=True)
        raise
