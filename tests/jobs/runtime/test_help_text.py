"""`--help` of every job tells its flags and each key it reads, and starts nothing."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest
import ray

from covergen.config import Config
from covergen.lineage import pipeline
from jobs.runtime import entry
from jobs.runtime.help_text import job_usage, keys_of, service_usage
from jobs.runtime.service_config import Serve

REPOSITORY = Path(__file__).parent.parent.parent.parent
JOBS = sorted(p.stem for p in (REPOSITORY / "jobs").glob("*.py") if "entry.run(main" in p.read_text())
PARTS = {
    "train": ("runtime/training",),
    "demo": pipeline.JOBS,
    "benchmark": ("scrape", "clean", "embed", "encode", "train", "generate"),
}
BY_FLAG = {"root", "ray", "retry", "dry_run"}


def reads(name: str) -> set[str]:
    """The sections that the modules of a job read, by their source."""
    found = set()
    for module in (name, *PARTS.get(name, ())):
        for node in ast.walk(ast.parse((REPOSITORY / "jobs" / f"{module}.py").read_text())):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == "config"
            ):
                found.add(node.attr)
    return found & set(Config.model_fields) - BY_FLAG


@pytest.mark.parametrize("name", JOBS)
def test_help_tells_docstring_flags_and_every_key_that_is_read(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray, "init", None)
    module = importlib.import_module(f"jobs.{name}")
    (told,) = [
        {each.arg: eval(ast.unparse(each.value), vars(module)) for each in node.keywords}
        for node in ast.walk(ast.parse(Path(module.__file__).read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "entry.run"
    ]
    assert reads(name) <= set(told["reads"])
    entry.run(module.main, ["--help"], **told)
    text = capsys.readouterr().out
    assert text.startswith(f"Usage: python -m jobs.{name} CONFIG [section.key=value ...] [--retry CODE ...]")
    assert module.__doc__.splitlines()[0] in text
    assert ("--dry-run" in text) == (name == "scrape")
    for section in told["reads"]:
        for key in Config.model_fields[section].annotation.model_fields:
            assert f"  {section}.{key} " in text


def test_a_key_is_told_with_type_bounds_default_and_meaning() -> None:
    text = " ".join(job_usage("jobs.generate", "Paints.", ["generate", "scrape"], plans=False).split())
    assert "generate.limit integer or none >= 1, default none: paint this many albums at most" in text
    assert "generate.noise_scheduler ddim | pndm | ddpm | dpm++, default ddim:" in text
    assert "generate.systems list of audio | shuffled | prompt_only, default [audio]:" in text
    assert "scrape.sources list of the following, required:" in text
    assert "procedural: train integer >= 0, required: albums to train on" in text
    assert "root text, required: folder or s3:// address of all tables" in text


def test_every_key_of_every_section_says_what_it_means() -> None:
    for section in Config.model_fields:
        model = Config.model_fields[section].annotation
        for name, field in getattr(model, "model_fields", {}).items():
            assert field.description, f"{section}.{name}"


def test_the_service_tells_its_args() -> None:
    text = service_usage("jobs.deploy", " [serve_config.yaml]", "Serves.", Serve)
    assert "Usage: python -m jobs.deploy [serve_config.yaml]" in text
    assert all(f"  {name} " in text for name in Serve.model_fields)
    assert any("keys: sha256" in entry for entry in keys_of(Serve))


@pytest.mark.parametrize("module", ["jobs.deploy", "jobs.serve"])
def test_deploy_and_serve_have_help(module: str) -> None:
    command = [sys.executable, "-m", module, "--help"]
    done = subprocess.run(command, capture_output=True, check=False, text=True, cwd=REPOSITORY, timeout=200)
    assert done.returncode == 0 and "max_upload_mb" in done.stdout
