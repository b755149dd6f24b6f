"""Progress in a log: plain lines with rows, rate, rejects and what is left; and an end to stalls."""

import re
import time

import pytest
import ray

from covergen.errors import CovergenError
from jobs.runtime import progress

pytestmark = pytest.mark.ray


@ray.remote
def work(rows: int, codes: dict[str, int]) -> None:
    """What a worker of a stage says when it has finished a batch."""
    board = progress.progress_board()
    board.add.remote("Hear", rows=rows, codes=codes, seconds=0.5, size=1000, facts={"asked": rows})


def test_lines_tell_rows_rate_rejects_and_what_is_left(
    ray_session: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.0)
    monkeypatch.setattr(progress, "LOOK", 0.05)
    with progress.Meter("embed", 10, stage="Hear") as meter:
        time.sleep(0.2)
        ray.get(work.remote(3, {"silent": 1}))
        time.sleep(0.3)
        ray.get(work.remote(5, {}))
        time.sleep(0.3)
        meter.rows, meter.rejects = 9, 1  # what was committed
    lines = capsys.readouterr().err.splitlines()
    assert re.search(r"embed: 0 of 10 rows, 0 rejects, starting$", lines[0])
    assert any(re.search(r"embed: 3 of 10 rows, 1 rejects, estimating$", line) for line in lines)
    assert any(
        re.search(r"embed: 8 of 10 rows, 1 rejects, [\d.]+ rows/s, \d+ s left$", line) for line in lines
    )
    assert re.search(r"embed: 9 of 10 rows, 1 rejects in [\d.]+ s, [\d.]+ rows/s$", lines[-1])
    told = meter.summary()["stages"]["Hear"]
    counted = {"codes": {"silent": 1}, "facts": {"asked": 8}}
    assert told == {"rows": 8, "rejects": 1, "seconds": 1.0, "bytes": 2000, **counted}


def test_a_failed_run_does_not_say_it_is_done(ray_session: None, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError), progress.Meter("embed", 10, stage="Hear"):
        raise KeyError
    assert " in " not in capsys.readouterr().err


def test_a_run_in_which_nothing_moves_is_stopped_with_a_sentence(ray_session: None) -> None:
    with (
        pytest.raises(CovergenError, match=r"embed: nothing moved for 1 s at 0 of 10 rows"),
        progress.Meter("embed", 10, stage="Hear", patience=1.0),
    ):
        time.sleep(60)


def test_a_step_that_is_taken_again_counts_once(ray_session: None) -> None:
    with progress.Meter("train", 10, stage="train", unit="steps") as meter:
        for step in (1, 2, 3, 2, 3):
            progress.progress_board().reach.remote("train", step)
    assert meter.stages["train"]["rows"] == 3
