"""Tagging as a job: every song a row per tagger, once; what is lost is found and made again."""

from pathlib import Path

import pytest

from covergen.errors import ConfigError
from covergen.lineage.verify import verify
from covergen.storage.rejects import latest
from covergen.storage.root import Root
from covergen.storage.tables import MEDIA, TAGS
from jobs import scrape, tag
from tests import toy_clap
from tests.jobs.conftest import config_for

pytestmark = pytest.mark.ray
SONGS = 6
FEW = {"sources": [{"name": "procedural", "train": 4, "evaluation": 2}]}


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory, ray_session: None) -> str:
    uri = str(tmp_path_factory.mktemp("tag") / "root")
    scrape.main(config_for(uri, scrape=FEW))
    return uri


@pytest.fixture(scope="module")
def clap_folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("clap")
    toy_clap.save_clap(folder)
    return str(folder)


def _rows(uri: str) -> list[dict[str, object]]:
    return list(Root.open(uri).current(TAGS).read().to_pylist())


def test_two_taggers_share_a_generation_and_verify_knows_what_is_owed(
    scraped: str, clap_folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = {"taggers": ("signal", "clap-zero-shot"), "seconds": 10, "clap": clap_folder, "batch_size": 4}
    config = config_for(scraped, scrape=FEW, tag=asked)
    tag.main(config)
    rows = _rows(scraped)
    songs = (
        Root.open(scraped).current(MEDIA).read(["owner_id"], where="kind = 'audio'")["owner_id"].to_pylist()
    )
    for name, basis in (("signal", "heuristic"), ("clap-zero-shot", "model")):
        mine = [row for row in rows if row["tagger"] == name]
        assert sorted(row["track_id"] for row in mine) == sorted(songs) and len(songs) == SONGS
        assert {row["basis"] for row in mine} == {basis}
    assert verify(scraped) == []
    before = Root.open(scraped).current(TAGS).version
    tag.main(config)
    assert Root.open(scraped).current(TAGS).version == before
    assert capsys.readouterr().err.count("nothing to do, 6 rows are there") == 2


def test_a_lost_row_is_named_and_made_again(scraped: str, clap_folder: str) -> None:
    asked = {"taggers": ("signal", "clap-zero-shot"), "seconds": 10, "clap": clap_folder}
    before = {(row["track_id"], row["tagger"]): row for row in _rows(scraped)}
    victim = min(row["track_id"] for row in before.values())
    Root.open(scraped).current(TAGS).delta().delete(f"track_id = '{victim}' AND tagger = 'signal'")
    (problem,) = verify(scraped)
    assert (problem.table, problem.kind) == ("tags", "lost")
    assert f"{victim}/signal" in problem.message
    tag.main(config_for(scraped, scrape=FEW, tag=asked))
    after = {(row["track_id"], row["tagger"]): row for row in _rows(scraped)}
    assert after == before and verify(scraped) == []


def test_other_taggers_make_another_generation_and_unreadable_songs_are_refused(
    scraped: str,
) -> None:
    config = config_for(scraped, scrape=FEW, tag={"seconds": 10})
    before = Root.open(scraped).current(TAGS).name
    tag.main(config)
    assert Root.open(scraped).current(TAGS).name != before
    assert {row["tagger"] for row in _rows(scraped)} == {"signal"}
    media = Root.open(scraped).current(MEDIA).delta()
    media.update(new_values={"bytes": "not music"}, predicate="kind = 'audio'")
    tag.main(config_for(scraped, scrape=FEW, tag={"seconds": 5}))
    refused = latest(Root.open(scraped), "tags").to_pylist()
    assert len(refused) == SONGS and {row["code"] for row in refused} == {"unsupported_format"}
    assert all(row["key"].endswith("/signal") for row in refused)


def test_an_unknown_tagger_stops_before_anything_is_written(scraped: str) -> None:
    before = Root.open(scraped).current(TAGS).name
    with pytest.raises(ConfigError, match="choose among signal"):
        tag.main(config_for(scraped, scrape=FEW, tag={"taggers": ("sgnal",)}))
    assert Root.open(scraped).current(TAGS).name == before


def test_no_tagger_leaves_no_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = Root.create(str(tmp_path / "root"))
    tag.main(config_for(root.uri, tag={"taggers": ()}))
    assert not root.has(TAGS)
    assert "no tagger is asked for" in capsys.readouterr().err
