"""The stage `media -> tags`: cut equal windows (CPU), then tag (CPU or GPU); one tagger at a time.

Which rows there are to do, and where results go, is left to the job.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np
import pyarrow as pa

from covergen.embeddings.audio_stage import CUTS, CutWindows
from covergen.embeddings.windows import count_windows
from covergen.errors import ModelError
from covergen.models.weights import use_threads
from covergen.storage import rows
from covergen.storage.tables import TAGS
from covergen.tagging.protocol import Tagger, Tags
from covergen.tagging.registry import build_tagger

VERSION: Final = 2  # of tagging: raise it whenever windows are cut or joined differently


class TagTracks:
    """Both operators of one tagger, and what names its rows; calling it runs them in turn."""

    def __init__(
        self,
        tagger: str,
        *,
        seconds: float = 30.0,
        clap: str = "clap",
        device: str = "cpu",
        bf16: bool = False,
        offline: bool = False,
        threads: int | None = None,
        batch_size: int = 16,
    ):
        self.options = {"name": tagger, "clap": clap, "device": device, "bf16": bf16, "offline": offline}
        self.seconds, self.threads, self.batch_size = seconds, threads, batch_size
        self.tagger = build_tagger(**self.options)  # type: ignore[arg-type]  # refuses at once; no weights yet
        self.count = count_windows(seconds, self.tagger.segment_seconds)

    def recipe(self) -> dict[str, Any]:
        """Return everything that shapes this tagger's rows."""
        return {"version": VERSION, "tagger_digest": self.tagger.digest, "seconds": self.seconds}

    def cut(self) -> "CutSongs":
        """Return the first operator, for CPUs; it pickles small."""
        windows = CutWindows(
            sample_rate=self.tagger.sample_rate,
            segment_seconds=self.tagger.segment_seconds,
            count=self.count,
        )
        return CutSongs(self.tagger.name, windows)

    def tag(self) -> "Tag":
        """Return the second operator; it pickles small and loads the model where its first batch is."""
        return Tag(self.options, count=self.count, threads=self.threads, batch_size=self.batch_size)

    @cached_property
    def _operators(self) -> "tuple[CutSongs, Tag]":
        return self.cut(), self.tag()

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return outcomes for rows of track_id, input_digest, uri and bytes."""
        cut, tag = self._operators
        return tag(cut(batch))


def joint_recipe(stages: Sequence[TagTracks]) -> dict[str, Any]:
    """Return the recipe of a generation that several taggers share, each with rows of its own.

    A tagger more, fewer or changed makes another generation: readers never find answers of two settings.
    """
    return {"stage": "tag", "taggers": {stage.tagger.name: stage.recipe() for stage in stages}}


class CutSongs:
    """Cuts equal windows, spread over songs, for one tagger."""

    key: Final = ("track_id",)
    outcome: Final = CUTS.append(pa.field("tagger", pa.string()))

    def __init__(self, tagger: str, windows: CutWindows):
        self.tagger, self.windows = tagger, windows

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return CUTS and the tagger's name for rows of track_id, input_digest, uri and bytes, in order."""
        cuts = self.windows(batch)
        return cuts.append_column("tagger", pa.array([self.tagger] * len(cuts), pa.string()))


class Tag:
    """Runs the tagger over the windows of several songs at once."""

    key: Final = TAGS.key
    outcome: Final = rows.outcome_schema(TAGS)

    def __init__(
        self, options: Mapping[str, Any], *, count: int, threads: int | None = None, batch_size: int = 16
    ):
        self.options, self.count, self.threads, self.batch_size = dict(options), count, threads, batch_size

    @cached_property
    def tagger(self) -> Tagger:
        """The tagger, built in the process that runs it."""
        use_threads(self.threads)
        return build_tagger(**self.options)

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return outcomes of `tags` for what CutSongs gives, refused rows included, in order."""
        results = rows.refusals(batch)
        usable = [index for index, cut in enumerate(batch["windows"]) if cut.is_valid]
        together = max(1, self.batch_size // self.count)
        for start in range(0, len(usable), together):
            chosen = usable[start : start + together]
            cuts = [np.frombuffer(batch["windows"][index].as_buffer(), "<f4") for index in chosen]
            songs = np.stack(cuts).reshape(len(cuts), self.count, -1)  # (songs, windows, samples)
            answers = self.tagger(songs)
            _check(self.tagger, answers, len(chosen))
            for index, tags in zip(chosen, answers, strict=True):
                results[index] = _columns(self.tagger, tags)
        return rows.outcomes(TAGS, batch.drop_columns(rows.REJECT_COLUMNS.names), results)


def _check(tagger: Tagger, answers: Sequence[Tags], count: int) -> None:
    """Raise ModelError for answers that no song can be blamed for: too few, or scores beyond 0 to 1."""
    words = [scores for tags in answers for scores in (tags.mood, tags.genre, tags.instrument) if scores]
    odd = [score for scores in words for score in scores.values() if not 0 <= score <= 1]  # true for NaN
    if len(answers) != count or odd:
        found = f"a score of {odd[0]}" if odd else f"{len(answers)} answers for {count} songs"
        raise ModelError(f"tagger {tagger.name} gave {found}: it is the tagger that has to be mended")


def _columns(tagger: Tagger, tags: Tags) -> dict[str, Any]:
    """Return a row's columns; Arrow's maps are lists of pairs."""
    values = {name: list(v.items()) if isinstance(v, Mapping) else v for name, v in vars(tags).items()}
    return {"basis": tagger.basis, **values}
