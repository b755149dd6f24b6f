"""How every job starts: `python -m jobs.NAME CONFIG [section.key=value ...] [--retry CODE ...] [--dry-run]`.

`python -m jobs.NAME --help` tells its keys.
A user's error ends as one sentence and exit code 2, before anything is written.
"""

import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import ray
from deltalake.exceptions import DeltaError

from covergen.config import Config, RayCluster, load
from covergen.errors import ConfigError, CovergenError, RejectCode, one_line
from jobs.runtime.help_text import job_usage

MIN_CPUS = 4  # with fewer logical CPUs, a reader and an actor pool can wait on each other for ever

LATE = "timed out during startup"  # in Ray's words, which come without a type of their own

AGAIN = "Run the same command again: it goes on from what is committed."

HELP = {"--help", "-h"}

Job = Callable[[Config], None]


def run(
    job: Job, arguments: Sequence[str] | None = None, *, reads: Sequence[str] = (), plans: bool = False
) -> None:
    """Load the config and run the job; leave with exit code 2 and a sentence on a user's error.

    `reads`: the sections of the config that its help tells of. `plans`: it can say what it will take and do
    nothing.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if HELP & set(arguments):
        module = job.__globals__  # of the job's module, whatever name it runs under
        print(job_usage(module["__spec__"].name, module["__doc__"], reads, plans=plans))
        return
    try:
        config = parse(arguments)
        if config.dry_run and not plans:
            raise ConfigError("Only jobs.scrape has --dry-run; this job would do its work. Leave it out.")
        job(config)
    except CovergenError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    except (ray.exceptions.RayError, OSError, DeltaError, pa.ArrowException) as error:
        if (message := _message(error)) is None:
            raise
        sys.stderr.write(f"{message}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.stderr.write(f"Stopped. {AGAIN}\n")
        sys.exit(130)


def _message(error: BaseException | None) -> str | None:
    """Return what to tell of an error: covergen's own that a worker raised, or that storage broke off."""
    outside = None
    while error is not None:
        is_ray = isinstance(error, ray.exceptions.RayError)  # Ray's copy of an error tells its whole trace
        if isinstance(error, CovergenError) and not is_ray:
            return str(error)
        if isinstance(error, (OSError, DeltaError, pa.ArrowException)) and not is_ray:
            outside = f"Reading or writing broke off: {one_line(error)}. {AGAIN}"
        error = getattr(error, "cause", None) or error.__cause__
    return outside


def parse(arguments: list[str]) -> Config:
    """Return the config of a command line. Raises ConfigError."""
    if not arguments or arguments[0].startswith("-"):
        raise ConfigError(
            "Usage: python -m jobs.NAME CONFIG [section.key=value ...] [--retry CODE ...]; --help tells more."
        )
    overrides, retry, rest = [], [], arguments[1:]
    while rest:
        word = rest.pop(0)
        if word == "--retry":
            retry.append(_code(rest.pop(0) if rest else ""))
        elif word == "--dry-run":
            overrides.append("dry_run=true")
        else:
            overrides.append(word)
    if retry:
        overrides.append(f"retry=[{', '.join(retry)}]")
    return load(arguments[0], overrides)


def _code(word: str) -> str:
    if word not in {code.value for code in RejectCode}:
        raise ConfigError(f"--retry {word!r}: the codes are {', '.join(sorted(RejectCode))}.")
    return word


def start_ray(config: Config) -> None:
    """Join the cluster that the config or the submission names, or start a local Ray.

    A job calls this when it knows that there is work to do: neither a bad config nor a finished table waits.
    """
    join(config.ray)


def join(cluster: RayCluster) -> None:
    """Join a cluster that is named, or start a local Ray. Raises ConfigError."""
    if ray.is_initialized():
        return
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # its warnings speak of actors, not of rows
    if cluster.address or os.environ.get("RAY_ADDRESS"):
        try:
            ray.init(address=cluster.address or None, log_to_driver=False)
        except ConnectionError as error:
            where = cluster.address or os.environ["RAY_ADDRESS"]
            raise ConfigError(
                f"ray.address={where!r}: no Ray cluster answers there. Start one, or leave it out."
            ) from error
    else:
        _start_local(cluster.cpus or max(MIN_CPUS, os.cpu_count() or 1))
    quiet()


def _start_local(cpus: int, tries: int = 3) -> None:
    """Start a local Ray; on a machine so busy that a part of it was late, try again."""
    for attempt in range(1, tries + 1):
        try:
            with _hushed():
                ray.init(
                    address="local",  # another Ray of this machine is none of ours unless it is named
                    num_cpus=cpus,
                    include_dashboard=False,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    object_store_memory=1 << 30,
                )
            return
        except Exception as error:  # it waits 15 s for its agent, and no longer
            if LATE not in str(error):
                raise
            ray.shutdown()
            if attempt == tries:
                raise CovergenError(
                    f"Ray did not start in {tries} tries: this machine is too busy. Run it again later."
                ) from error


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep what Ray's own libraries write while they start from the terminal; its exceptions still come."""
    sys.stderr.flush()
    kept = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def quiet() -> None:
    """Leave progress to ours: Ray Data's own bars and logs speak of operators, not of rows."""
    # a pool of several actors, and a catalogue so small that one of them does it all
    warnings.filterwarnings("ignore", "The minimum number of concurrent actors", UserWarning)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.enable_operator_progress_bars = False
    context.print_on_execution_start = False
    for name in ("ray.data", "ray.train", "ray"):
        logging.getLogger(name).setLevel(logging.ERROR)
