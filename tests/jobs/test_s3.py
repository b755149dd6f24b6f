"""Listening and painting in a bucket; training there takes a minute and is in the slow half of the chain."""

import json
import shutil

import pytest

from covergen.lineage.verify import verify
from covergen.models import stable_diffusion
from covergen.serving.service import SHIPPED_FUSION
from covergen.storage import objects
from covergen.storage.root import Root
from covergen.storage.rows import read_tensor
from covergen.storage.tables import AUDIO_EMBEDDINGS, GENERATED, TEXT_EMBEDDINGS
from covergen.training import checkpoint
from jobs import clean, embed, generate, scrape, train
from tests.jobs.conftest import config_for

pytestmark = pytest.mark.ray


@pytest.mark.slow
def test_a_bucket_is_embedded_and_painted_once(s3_root: str, capsys: pytest.CaptureFixture[str]) -> None:
    config = config_for(s3_root, generate={"systems": ["audio"]})
    for job in (scrape, clean, embed):
        job.main(config)
    root = Root.open(s3_root)
    lay_shipped_fusion(root)
    generate.main(config)
    assert len(read_tensor(root.current(AUDIO_EMBEDDINGS).read(["frames"]), "frames")) == 18
    assert root.current(TEXT_EMBEDDINGS).count() == 54
    painted = root.current(GENERATED).read(["album_id", "image"]).to_pylist()
    assert len({row["album_id"] for row in painted}) == len(painted) == 6
    assert verify(s3_root) == []
    versions = {table: root.current(table).version for table in (AUDIO_EMBEDDINGS, GENERATED)}
    capsys.readouterr()
    for job in (scrape, embed, generate):
        job.main(config)
    assert {table: root.current(table).version for table in versions} == versions
    assert capsys.readouterr().err.count("nothing to do") == 4


def lay_shipped_fusion(root: Root) -> None:
    """Put the checkpoint of the tiny model where training would have put one."""
    facts = checkpoint.read_facts(SHIPPED_FUSION)
    assert facts.base_digest == stable_diffusion.digest("tiny")
    with objects.outgoing(root.path("checkpoints/shipped")) as folder:
        shutil.copytree(SHIPPED_FUSION, folder, dirs_exist_ok=True)
    root.write(train.CURRENT, json.dumps({"folder": "checkpoints/shipped", "recipe": {}}).encode())
