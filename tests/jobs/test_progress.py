"""Progress in a log: plain lines with rows, rate, rejects and what is left."""

import re

import pytest

from jobs import progress


def test_lines_tell_rows_rate_rejects_and_what_is_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.0)
    with progress.Meter("embed", 10) as meter:
        meter.add(3, 1)
        meter.add(6, 0)
    lines = capsys.readouterr().err.splitlines()
    assert re.search(r"embed: 3 of 10 rows, [\d.]+ rows/s, 1 rejects, \d+ s left", lines[0])
    assert re.search(r"embed: 9 of 10 rows, [\d.]+ rows/s, 1 rejects in [\d.]+ s", lines[-1])
    assert len(lines) == 2


def test_a_failed_run_does_not_say_it_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError), progress.Meter("embed", 10) as meter:
        meter.add(1, 0)
        raise KeyError
    assert " in " not in capsys.readouterr().err
