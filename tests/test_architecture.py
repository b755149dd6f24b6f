"""The shape of the house: imports run one way, Ray stays in jobs/, every registry entry is documented."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAX_LINES = 500

# From the ground up: each room may import the rooms of lines before its own, and nothing after it.
ORDER = [
    ("errors",),
    ("config", "storage", "procedural", "media"),
    ("models", "sources"),
    ("catalog", "latents", "fusion"),
    ("embeddings",),
    ("tagging", "training"),
    ("generation",),
    ("evaluation", "lineage"),
    ("experiments", "serving"),
    ("client", "doctor", "cover_command", "root_commands"),
    ("cli",),
]
RANK = {room: rank for rank, rooms in enumerate(ORDER) for room in rooms}
FILES = sorted((ROOT / "covergen").rglob("*.py"))


def imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def room_of(path: Path) -> str:
    return path.relative_to(ROOT / "covergen").parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path: Path) -> None:
    room = room_of(path)
    if room == "__init__":
        return
    for name in imports(path):
        top, _, rest = name.partition(".")
        assert top not in {"ray", "jobs"}, f"{path} imports {name}"
        other = rest.split(".")[0]
        if top != "covergen" or not rest or other == room or not is_room(other):
            continue
        assert RANK[other] < RANK[room], f"{room} imports {other}, which does not stand below it"
        is_config = other.startswith("config")
        may = room == "cli" or room.startswith("config")
        assert not is_config or may, f"{path}: components take plain values, no config"


def is_room(name: str) -> bool:
    return (ROOT / "covergen" / name).is_dir() or (ROOT / "covergen" / f"{name}.py").is_file()


def test_covergen_works_in_a_process_without_ray_and_torchaudio() -> None:
    modules = [".".join(p.relative_to(ROOT).with_suffix("").parts) for p in FILES if p.name != "__main__.py"]
    code = (
        "import sys; sys.modules['ray'] = sys.modules['torchaudio'] = None\n"
        "import importlib\n"
        f"for name in {modules!r}: importlib.import_module(name.removesuffix('.__init__'))\n"
        "print(len(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("folder", ["covergen", "jobs", "tests", "benchmarks"])
def test_no_file_outgrows_its_room(folder: str) -> None:
    long = {
        str(p): n for p in (ROOT / folder).rglob("*.py") if (n := len(p.read_text().splitlines())) > MAX_LINES
    }
    assert not long


def registries() -> dict[str, dict[str, object]]:
    from covergen.catalog.prompts.styles import PROMPT_STYLES
    from covergen.config.train import PRESETS as TRAIN_PRESETS
    from covergen.embeddings import clip_image
    from covergen.embeddings.registry import AUDIO_ENCODERS
    from covergen.evaluation.models import dinov2
    from covergen.fusion.registry import FUSIONS
    from covergen.models.noise_schedulers import NOISE_SCHEDULERS
    from covergen.models.stable_diffusion import PRESETS
    from covergen.sources.registry import SOURCES, WEB_SOURCES
    from covergen.tagging.registry import TAGGERS
    from covergen.training.trackers import TRACKERS

    return {
        "sources": SOURCES,
        "sources on the web": WEB_SOURCES,
        "encoders": AUDIO_ENCODERS,
        "image encoders": clip_image.PRESETS,
        "image models that measure": dinov2.PRESETS,
        "taggers": TAGGERS,
        "fusions": FUSIONS,
        "prompt styles": PROMPT_STYLES,
        "noise schedulers": NOISE_SCHEDULERS,
        "presets": PRESETS,
        "presets of training": TRAIN_PRESETS,
        "trackers": TRACKERS,
    }


def test_every_registry_entry_is_documented() -> None:
    readme = (ROOT / "docs" / "registries.md").read_text()
    for registry, entries in registries().items():
        assert entries, registry
        for name in entries:
            assert f"| `{name}` |" in readme, f"docs/registries.md does not name {registry}: {name}"


# Modules below 50 lines that one other imports, no registry, and why they stand alone.
SMALL_AND_ALONE = {
    "covergen.catalog.splits": "who gets into training is looked for by name",
    "covergen.generation.noise": "where a cover's first noise comes from is looked for by name",
    "covergen.evaluation.metrics.audio_effect": "a metric a file",
    "covergen.sources.registry": "a registry a file",
}


def test_a_small_module_with_one_importer_has_a_reason() -> None:
    jobs = (ROOT / "jobs").rglob("*.py")
    names = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in [*FILES, *jobs]
    }
    importers: dict[str, set[str]] = {name: set() for name in names}
    for name, path in names.items():
        for imported in imports(path) & names.keys() - {name}:
            importers[imported].add(name)
    packages = {name for name, path in names.items() if path.stem == "__init__"}
    small = {name for name, path in names.items() if len(path.read_text().splitlines()) < 50} - packages
    alone = {name for name in small if name.startswith("covergen") and len(importers[name]) == 1}
    entries = {name for name in alone if importers[name].pop().endswith(".registry")}
    assert alone - entries == set(SMALL_AND_ALONE)
