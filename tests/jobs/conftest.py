"""One Ray session for the suite, and one small root that the jobs work through in order."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
import ray

from covergen.config import Config
from jobs.runtime import entry


def config_for(root: str, **changes: dict[str, object]) -> Config:
    """A small run of the controlled world; `changes` are merged into their sections."""
    sections: dict[str, dict[str, object]] = {
        "scrape": {"sources": [{"name": "procedural", "train": 12, "evaluation": 6}]},
        "embed": {"batch_size": 8},
        "encode": {"batch_size": 8},
        "train": {
            "steps": 4,
            "warmup_steps": 1,
            "batch_size": 4,
            "workers": 2,
            "checkpoint_every": 2,
            "cpus": 0.5,
        },
        "generate": {
            "split": "test",
            "steps": 2,
            "batch_size": 8,
            "systems": ["audio", "shuffled", "prompt_only"],
        },
        "evaluate": {"reader_covers": 200, "resamples": 100},
    }
    for name, section in changes.items():
        sections[name] = sections.get(name, {}) | section
    return Config.model_validate({"root": root, **sections})


@pytest.fixture(scope="session")
def ray_session(s3_bucket: str) -> Iterator[None]:
    """The suite's one Ray; it starts after the S3 endpoint, so that workers know its address."""
    entry.start_ray(config_for("unused"))
    yield
    ray.shutdown()


@pytest.fixture(scope="module", params=["local", pytest.param("s3", marks=pytest.mark.slow)])
def small_root(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, ray_session: None
) -> str:
    """The address of the module's own root, in a folder and in a bucket."""
    if request.param == "local":
        return str(tmp_path_factory.mktemp("chain") / "root")
    return f"{request.getfixturevalue('s3_bucket')}/{uuid4().hex}"


@pytest.fixture
def s3_root(s3_bucket: str, ray_session: None) -> str:
    """The address of a root in a bucket, of one test's own."""
    return f"{s3_bucket}/{uuid4().hex}"
