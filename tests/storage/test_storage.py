"""Roots, generations and commits, on a folder and on S3."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest

from covergen.errors import RootError
from covergen.storage import delta, objects, rows
from covergen.storage.delta import Generation
from covergen.storage.root import Root, digest_of
from covergen.storage.tables import AUDIO_EMBEDDINGS, PROMPTS

SHAPES = {"frames": (2, 3, 4)}
RECIPE = {"encoder": "toy", "version": 1}


def embeddings(names: list[str], *, digest: str = "d", value: float = 1.0) -> pa.Table:
    inputs = pa.table({"track_id": names, "input_digest": [digest] * len(names)})
    results = [{"frames": np.full((2, 3, 4), value + i), "seconds": 10.0} for i in range(len(names))]
    return rows.outcomes(AUDIO_EMBEDDINGS, inputs, results).drop_columns(rows.REJECT_COLUMNS.names)


@pytest.fixture
def generation(root_uri: str) -> Generation:
    return Root.create(root_uri).generation(AUDIO_EMBEDDINGS, RECIPE, shapes=SHAPES)


def test_facts_are_told_beside_the_recipe_and_name_nothing(root_uri):
    root = Root.create(root_uri)
    plain = root.generation(PROMPTS, {"source": "a"})
    assert root.facts(PROMPTS) == {}
    told = root.generation(PROMPTS, {"source": "a"}, facts={"dtype": "bfloat16"})
    assert told.uri == plain.uri
    assert (root.recipe(PROMPTS), root.facts(PROMPTS)) == ({"source": "a"}, {"dtype": "bfloat16"})


def test_a_block_is_committed_once_however_often_it_is_written(generation: Generation) -> None:
    block = embeddings(["a", "b", "c"])
    assert generation.append(block) == 3
    assert generation.append(block) == 0
    assert generation.append(block.take([2, 0, 1])) == 0  # the same rows in another order
    assert sorted(generation.read(["track_id"])["track_id"].to_pylist()) == ["a", "b", "c"]
    assert generation.count() == 3


def test_tensors_come_back_as_they_went_in(generation: Generation) -> None:
    generation.append(embeddings(["a", "b"], value=0.5))
    back = generation.read(["track_id", "frames"]).sort_by("track_id")
    frames = rows.read_tensor(back, "frames")
    assert frames.dtype == np.float16 and frames.shape == (2, 2, 3, 4)
    np.testing.assert_array_equal(frames[:, 0, 0, 0], [0.5, 1.5])


def test_upsert_replaces_what_changed_and_leaves_what_did_not(generation: Generation) -> None:
    generation.append(embeddings(["a", "b"]))
    version = generation.version
    assert generation.upsert(embeddings(["a", "b"])) == 0
    assert generation.upsert(embeddings(["b", "c"], digest="new", value=7)) == 2
    back = generation.read(["track_id", "input_digest"]).sort_by("track_id").to_pylist()
    assert [(row["track_id"], row["input_digest"]) for row in back] == [
        ("a", "d"),
        ("b", "new"),
        ("c", "new"),
    ]
    assert generation.version > version


def test_concurrent_writers_of_overlapping_retries_leave_each_row_once(generation: Generation) -> None:
    blocks = [embeddings([f"{block}-{row}" for row in range(5)]) for block in range(6)]
    # a generation is for one thread at a time: each writer has its own, as workers have
    writers = [pickle.loads(pickle.dumps(generation)) for _ in range(12)]
    with ThreadPoolExecutor(4) as pool:
        added = list(pool.map(lambda writer, block: writer.append(block), writers, blocks + blocks))
    assert sum(added) == 30
    keys = generation.read(["track_id"])["track_id"].to_pylist()
    assert len(keys) == len(set(keys)) == 30


def test_a_generation_is_named_by_its_recipe(root_uri: str) -> None:
    root = Root.create(root_uri)
    first = root.generation(PROMPTS, {"style": "a"})
    second = root.generation(PROMPTS, {"style": "b"})
    assert first.name == digest_of({"style": "a"}) != second.name
    assert root.current(PROMPTS).name == second.name
    assert root.recipe(PROMPTS) == {"style": "b"}
    assert root.generation(PROMPTS, {"style": "a"}).name == first.name


def test_a_generation_travels_to_a_worker_without_its_log(generation: Generation) -> None:
    generation.append(embeddings(["a"]))
    there = pickle.loads(pickle.dumps(generation))
    assert there.count() == 1 and len(pickle.dumps(generation)) < 1000


def test_rows_that_do_not_fit_the_table_are_refused(generation: Generation) -> None:
    block = embeddings(["a"])
    with pytest.raises(RootError, match=r"missing columns \['seconds'\]"):
        generation.append(block.drop_columns("seconds"))
    with pytest.raises(RootError, match=r"surplus \['mood'\]"):
        generation.append(block.append_column("mood", pa.array(["calm"])))
    with pytest.raises(RootError, match="1 rows have no track_id"):
        generation.append(block.set_column(0, "track_id", pa.array([None], pa.string())))
    with pytest.raises(RootError, match="its shape needs 48 bytes"):
        generation.append(block.set_column(1, "frames", pa.array([b"short"], pa.binary())))
    assert generation.count() == 0


def test_a_root_of_another_version_is_refused(root_uri: str) -> None:
    root = Root.create(root_uri)
    assert Root.create(root_uri).uri == Root.open(root_uri).uri == root.uri
    root.write("covergen.json", b'{"format": 99}')
    with pytest.raises(RootError, match="has format 99; this covergen reads format 1"):
        Root.open(root_uri)
    root.write("covergen.json", b"{")
    with pytest.raises(RootError, match="not JSON"):
        Root.create(root_uri)


def test_a_folder_that_is_no_root_is_left_alone(root_uri: str) -> None:
    with pytest.raises(RootError, match="not a covergen root"):
        Root.open(root_uri)
    objects.write(f"{root_uri}/thesis.txt", b"mine")
    with pytest.raises(RootError, match="not empty"):
        Root.create(root_uri)
    assert objects.children(root_uri) == ["thesis.txt"]


def test_a_table_nobody_wrote_is_named(root_uri: str) -> None:
    with pytest.raises(RootError, match="no table prompts yet"):
        Root.create(root_uri).current(PROMPTS)


def test_presigned_links_open_without_credentials(s3_bucket: str) -> None:
    from urllib.request import urlopen

    objects.write(f"{s3_bucket}/cover.png", b"pixels")
    with urlopen(objects.presigned(f"{s3_bucket}/cover.png")) as answer:
        assert answer.read() == b"pixels"


def test_rows_are_removed_by_key(generation: Generation) -> None:
    before = generation.count()
    generation.append(embeddings(["it's", "b", "c"]))
    assert generation.remove({"it's", "c", "unknown"}) == 2
    assert generation.count() == before + 1
    assert generation.remove(set()) == 0


def test_a_run_that_was_taken_over_commits_nothing_more(generation: Generation) -> None:
    older = pickle.loads(pickle.dumps(generation.take_over()))
    assert older.append(embeddings(["a"])) == 1
    newer = generation.take_over()
    for write in (older.append, older.upsert):
        with pytest.raises(RootError, match="another run of this job has taken over"):
            write(embeddings(["b"]))
    assert newer.append(embeddings(["b"])) == 1
    assert sorted(generation.read(["track_id"])["track_id"].to_pylist()) == ["a", "b"]


def test_a_commit_under_way_loses_against_a_run_that_takes_over(
    generation: Generation, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, write = generation.take_over(), delta.write_deltalake

    def late(*arguments: object, **options: object) -> None:
        monkeypatch.undo()
        generation.take_over()  # after the older run has read the log, before it commits
        write(*arguments, **options)

    monkeypatch.setattr(delta, "write_deltalake", late)
    with pytest.raises(RootError, match="another run of this job has taken over"):
        older.append(embeddings(["a"]))
    assert generation.count() == 0


def test_a_block_written_again_with_other_rows_adds_only_what_is_not_there(generation: Generation) -> None:
    generation.append(embeddings(["a", "b"]), block="block")
    assert generation.append(embeddings(["b", "c"]), block="block") == 1
    assert generation.append(embeddings(["a", "c", "d"]), block="block") == 1
    assert sorted(generation.read(["track_id"])["track_id"].to_pylist()) == ["a", "b", "c", "d"]
    assert generation.knows("block") and not generation.knows("other")
    assert generation.absent(embeddings(["a", "e"]))["track_id"].to_pylist() == ["e"]


def test_a_run_without_rows_is_shut_out_too(generation: Generation) -> None:
    older = generation.take_over()
    generation.take_over()
    with pytest.raises(RootError, match="another run of this job has taken over"):
        older.append(embeddings([]))


def test_runs_in_two_roles_write_beside_each_other(generation: Generation) -> None:
    one, other = generation.take_over("covergen.run.one"), generation.take_over("covergen.run.other")
    assert one.append(embeddings(["a"])) == other.append(embeddings(["b"])) == 1
    assert one.block_of(embeddings(["a"])) != other.block_of(embeddings(["a"]))


def test_doubles_are_dropped_and_nothing_else(generation: Generation) -> None:
    generation.append(embeddings(["a", "b"]), block="one")
    generation.append(embeddings(["b", "c"]), block="other")
    assert generation.drop_doubles() == 1
    assert sorted(generation.read(["track_id"])["track_id"].to_pylist()) == ["a", "b", "c"]
    assert generation.drop_doubles() == 0


def test_rows_come_in_pieces_too(generation: Generation) -> None:
    for name in "abc":
        generation.append(embeddings([name]))
    pieces = list(generation.batches(["track_id"], where="track_id <> 'b'"))
    assert sorted(name for piece in pieces for name in piece["track_id"].to_pylist()) == ["a", "c"]
    assert all(piece.schema.names == ["track_id"] for piece in pieces)


def test_pull_takes_files_and_leaves_folders(root_uri: str) -> None:
    objects.write(f"{root_uri}/fusion.json", b"{}")
    objects.write(f"{root_uri}/samples/000100.png", b"sheet")
    folder = objects.pull(root_uri)
    assert [path.name for path in folder.iterdir() if path.is_file()] == ["fusion.json"]
    assert (folder / "fusion.json").read_bytes() == b"{}"
