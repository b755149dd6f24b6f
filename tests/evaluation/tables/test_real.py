"""Held-out albums of a small root, measured with no image model and with toys in the released formats."""

import numpy as np
import pytest

from covergen.evaluation.models.image_models import load_models, see_all
from covergen.evaluation.tables import real
from covergen.evaluation.tables import real as held_out
from covergen.evaluation.tables.real_table import DESCRIPTORS, MEASURES
from covergen.evaluation.tables.table import GREY, TRUE_COVERS
from covergen.media.images import decode
from covergen.storage.tables import ALBUMS, CATALOG, GENERATED, MEDIA
from tests import toy_vision
from tests.evaluation import toy_root

SETTINGS = {"training_covers": 100, "resamples": 300, "batch_size": 7}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return toy_root.make(tmp_path_factory.mktemp("real") / "root")


@pytest.fixture(scope="module")
def plain(root):
    return real.measure(root, load_models(), **SETTINGS)


@pytest.fixture(scope="module")
def seen(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    toy_vision.save_clip(folder / "clip")
    toy_vision.save_dinov2(folder / "dinov2")
    models = load_models(clip=str(folder / "clip"), dinov2=str(folder / "dinov2"))
    return real.measure(root, models, **SETTINGS)


def test_without_models_errors_and_retrieval_are_measured_and_the_rest_is_told_by_name(plain):
    assert [line.metric for line in plain.table.lines] == ["recall_1", "recall_5", "recall_10", "mse"]
    told = {row.metric: row.needs for row in plain.missing}
    assert set(told) == {"CMMD, retrieval by CLIP", "CLIPScore", "FD-DINOv2", "FID, KID"}
    assert "openai/clip-vit-large-patch14 at 32bd64288804" in told["CLIPScore"]
    assert "facebook/dinov2-large at 47b73eefe95e: evaluate.dinov2=dinov2-large" in told["FD-DINOv2"]
    assert "weights-inception-2015-12-05-6726825d.pth" in told["FID, KID"]
    assert plain.models == {}


def test_every_system_is_measured_on_the_same_albums_with_intervals(plain):
    table = plain.table
    assert table.n == 20 and table.fitted == 40
    assert table.systems == ("audio", "shuffled", "prompt_only", TRUE_COVERS, GREY)
    for line in table.lines:
        for interval in line.values.values():
            assert interval.n == 20 and interval.low <= interval.estimate <= interval.high
    assert set(table.line("mse").values) == {"audio", "shuffled", "prompt_only", GREY}


def test_true_audio_is_proved_better_and_songs_find_its_covers(plain):
    errors, recall = plain.table.line("mse"), plain.table.line("recall_5")
    assert errors.values["audio"].estimate < 0.005 < errors.values["shuffled"].estimate
    assert errors.verdict("shuffled") == "better" and errors.verdict("prompt_only") == "better"
    assert recall.values["audio"].estimate > 0.8 > 0.6 > recall.values["shuffled"].estimate
    assert recall.verdict("shuffled") == "better" and recall.verdict("audio") == ""
    assert errors.values[GREY].estimate < errors.values["shuffled"].estimate  # what MSE rewards


def test_models_in_the_released_formats_add_their_lines_with_floors(seen):
    table = seen.table
    assert [line.metric for line in table.lines] == [
        "cmmd", "fd_dinov2", "clip_score", "recall_1", "recall_5", "recall_10", "mse",
    ]  # fmt: skip
    assert [row.metric for row in seen.missing] == ["FID, KID"]
    assert set(seen.models) == {"CLIP", "DINOv2"} and table.space == "clip" and table.rows == 10
    for metric in ("cmmd", "fd_dinov2"):
        line = table.line(metric)
        assert {interval.n for interval in line.values.values()} == {10}
        floor, audio = line.values[TRUE_COVERS], line.values["audio"]
        assert audio.low < floor.estimate * 1.3 and line.values["prompt_only"].low > floor.high
        assert line.verdict("prompt_only") == "better"
        assert line.whole["audio"] < line.whole["prompt_only"] and TRUE_COVERS not in line.whole
    assert set(table.line("clip_score").values) == {"audio", "shuffled", "prompt_only", TRUE_COVERS}
    assert set(MEASURES) >= {line.metric for line in table.lines}


def test_made_up_albums_get_the_memory_check_alone(tmp_path):
    root = toy_root.make(tmp_path / "root", source="procedural")
    found = real.measure(root, load_models(), **SETTINGS)
    assert found.table is None and found.memory.nearness.training == 40
    assert found.sheet.names[0] == "Title a000, Artist a000" and len(found.sheet.names) == 8
    assert list(found.sheet.pictures) == ["audio", "shuffled", "prompt_only", TRUE_COVERS]


def test_the_memory_check_names_the_training_covers_that_were_repeated(tmp_path):
    root = toy_root.make(tmp_path / "root")
    covers = root.current(MEDIA).read(["owner_id", "bytes"]).to_pylist()
    data = {row["owner_id"]: decode(row["bytes"]) for row in covers}
    root.current(GENERATED).delta().delete("system = 'audio'")
    repeated = [toy_root.cover_row(f"a{k:03}", "audio", data[f"a{k + 25:03}"]) for k in range(20)]
    toy_root.append(root, GENERATED, repeated)
    found = real.measure(root, load_models(), **SETTINGS).memory
    assert found.nearness.suspicious and found.nearness.below.estimate == 1
    for pair in found.pairs:
        assert int(pair.training_name[-3:]) == int(pair.painted_name[-3:]) + 25
        assert pair.distance < 0.01


def test_albums_that_one_system_lacks_and_training_albums_do_not_count(tmp_path):
    root = toy_root.make(tmp_path / "root")
    root.current(GENERATED).delta().delete("system = 'shuffled' AND album_id = 'a003'")
    picture = np.zeros((toy_root.SIDE, toy_root.SIDE, 3), np.uint8)
    extra = [toy_root.cover_row("a030", system, picture) for system in ("audio", "shuffled", "prompt_only")]
    toy_root.append(root, GENERATED, [*extra, toy_root.cover_row("a000", "audio", picture, variant=1)])
    found = held_out.held_out(root, real=True)
    names = [row["album_id"] for row in found.albums.rows]
    assert len(names) == 19 and "a003" not in names and "a030" not in names
    assert {len(pictures) for pictures in found.painted.values()} == {19}
    assert all(decode(picture).mean() > 1 for picture in found.painted["audio"])
    assert found.prompts[0] == "A cover of a000."


def test_real_albums_are_measured_without_the_made_up_ones_beside_them(tmp_path):
    root = toy_root.make(tmp_path / "root")
    made = [{"album_id": "a001", "title": "x", "artist": "A", "source": "procedural"}]
    root.current(ALBUMS).delta().delete("album_id = 'a001'")
    toy_root.append(root, ALBUMS, made)
    assert len(held_out.held_out(root, real=True).albums) == 19
    assert len(held_out.held_out(root, real=False).albums) == 20


def test_a_root_without_held_out_covers_says_what_is_needed(tmp_path):
    root = toy_root.make(tmp_path / "root", held=4)
    found = real.measure(root, load_models(), **SETTINGS)
    assert found.table is None and found.memory is not None
    assert "8 painted held-out albums that have a true cover; there are 4" in [m.needs for m in found.missing]
    root.current(CATALOG).delta().update({"split": "'train'"})
    (only,) = real.measure(root, load_models(), **SETTINGS).missing
    assert only.metric == "every measure on real albums"


def test_songs_that_were_not_heard_leave_retrieval_out(tmp_path):
    root = toy_root.make(tmp_path / "root", training=9)
    found = real.measure(root, load_models(), **SETTINGS)
    told = {row.metric: row.needs for row in found.missing}
    assert told["R@1, R@5, R@10"] == "10 training albums with a song and a cover; there are 9"
    assert "nearest training covers" in told and found.memory is None
    assert [line.metric for line in found.table.lines] == ["mse"]


def test_training_covers_are_drawn_by_chance_and_the_same_each_time(root):
    first = held_out.training_albums(root, most=15)
    assert len(first) == 15 and first.rows == held_out.training_albums(root, most=15).rows
    heard = held_out.music(root, first)
    assert heard.shape == (15, 12) and np.isfinite(heard).all()


def test_weights_that_are_not_there_are_told_and_nothing_stands_in_for_them(tmp_path):
    found = load_models(
        clip="clip-vit-large-patch14", dinov2="dinov2-large", inception=str(tmp_path / "x.pth")
    )
    assert list(found.models) == [DESCRIPTORS] and found.texts is None and found.space == DESCRIPTORS
    assert [row.metric for row in found.missing] == [
        "CMMD, retrieval by CLIP", "CLIPScore", "FD-DINOv2", "FID, KID",
    ]  # fmt: skip
    assert all("not in the local cache" in row.needs for row in found.missing[:3])
    assert found.missing[3].needs.endswith("weights-inception-2015-12-05-6726825d.pth is meant")


def test_features_do_not_depend_on_how_many_pictures_are_seen_at_once():
    pictures = np.random.default_rng(0).integers(0, 256, (5, 48, 64, 3), dtype=np.uint8)
    models = load_models().models
    one, all_five = (
        see_all(list(pictures), lambda p: p, models=models, at_once=n)[DESCRIPTORS] for n in (1, 5)
    )
    np.testing.assert_allclose(one, all_five, rtol=1e-5)
    assert one.shape == (5, 724)
