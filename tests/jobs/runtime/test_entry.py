"""Bad input ends as one clear sentence and exit code 2, with nothing half written and no Ray started."""

import subprocess
import sys
from pathlib import Path

import pytest
import ray

from covergen.errors import CovergenError, RejectCode, RootError
from covergen.storage.root import Root
from jobs import clean, embed, generate, scrape, train
from jobs.runtime import entry

REPOSITORY = Path(__file__).parent.parent.parent.parent


@pytest.fixture
def config(tmp_path: Path) -> Path:
    music = tmp_path / "music"
    music.mkdir()
    (music / "readme.txt").write_text("no song here")
    path = tmp_path / "run.yaml"
    path.write_text(f"root: {tmp_path}/root\nscrape:\n  sources:\n    - {{name: folder, path: {music}}}\n")
    return path


def refusal(job: entry.Job, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as left:
        entry.run(job, arguments)
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said and len(said.strip().splitlines()) == 1
    return said.strip()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train.stepz=3"], "there is no key train.stepz. Did you mean steps?"),
        (["scrape.sources.0.path=/no/such/folder"], "/no/such/folder"),
        (["train.batch_size=1", "train.workers=2"], "cannot be shared by 2 workers"),
        ([], "music"),
        (["--retry", "bad_code"], "--retry 'bad_code': the codes are"),
    ],
    ids=["unknown key", "missing folder", "contradiction", "no music", "unknown code"],
)
def test_a_bad_order_is_refused_before_anything_is_written(
    config: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert message in refusal(scrape.main, capsys, str(config), *arguments)
    assert not (config.parent / "root").exists()


def test_a_missing_config_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert "absent.yaml cannot be read" in refusal(scrape.main, capsys, "absent.yaml")
    assert "Usage: python -m jobs.NAME CONFIG" in refusal(scrape.main, capsys)


@pytest.mark.parametrize("job", [clean, embed, train, generate], ids=lambda job: job.__name__)
def test_a_root_of_another_version_is_refused_by_every_job(
    config: Path, capsys: pytest.CaptureFixture[str], job: object
) -> None:
    assert "Run jobs.scrape first" in refusal(job.main, capsys, str(config))
    root = Root.create(str(config.parent / "root"))
    root.write("covergen.json", b'{"format": 7}')
    assert "has format 7" in refusal(job.main, capsys, str(config))


def test_retry_codes_reach_the_config(config: Path) -> None:
    parsed = entry.parse([str(config), "--retry", "silent", "train.steps=60", "--retry", "stage_failed"])
    assert parsed.retry == (RejectCode.SILENT, RejectCode.STAGE_FAILED)
    assert parsed.train.steps == 60


@pytest.mark.parametrize(
    ("inner", "told"),
    [
        (RootError("the bucket is gone"), "the bucket is gone"),
        (
            OSError("connection\nreset"),
            "Reading or writing broke off: connection reset. Run the same command",
        ),
        (TypeError("a mistake of ours"), None),
    ],
)
def test_an_error_that_a_worker_raised_is_found_behind_ray(inner: Exception, told: str | None) -> None:
    outer = ray.exceptions.RayTaskError("task", "a long trace", inner).as_instanceof_cause()
    found = entry._message(outer)
    assert found is None if told is None else str(found).startswith(told)


def test_the_command_itself_exits_with_2_and_starts_no_ray(config: Path) -> None:
    command = [sys.executable, "-m", "jobs.scrape", str(config), "train.stepz=3"]
    done = subprocess.run(command, capture_output=True, check=False, text=True, cwd=REPOSITORY, timeout=120)
    assert done.returncode == 2
    assert done.stderr.strip() == f"{config}: there is no key train.stepz. Did you mean steps?"


def test_a_ray_whose_start_was_late_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    late, begun = [True, True, False], list[dict[str, object]]()

    def init(**arguments: object) -> None:
        begun.append(arguments)
        if late.pop(0):
            raise Exception("The current node timed out during startup. This could happen because")

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    entry._start_local(4)
    assert len(begun) == 3
    late[:] = [True] * 3
    with pytest.raises(CovergenError, match="too busy"):
        entry._start_local(4)
