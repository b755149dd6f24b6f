import json

import pytest
import torch

from covergen.errors import ModelError
from covergen.fusion import FUSIONS, build
from covergen.training import checkpoint

FEATURES = (1, 6, 10)
FACTS = {"base_digest": "b" * 64, "recipe": {"encoder": "logmel", "seconds": 10.0}, "step": 7}


def saved(folder, unet, name="decoupled", **more):
    fusion = build(name, unet, FEATURES, seed=5)
    fusion.fit_features(torch.randn(20, *FEATURES) * 300)
    return fusion, checkpoint.save(folder, fusion, **{**FACTS, **more})


@pytest.mark.parametrize("name", list(FUSIONS))
def test_what_is_saved_comes_back(tmp_path, unet, name):
    fusion, digest = saved(tmp_path, unet, name)
    again, facts = checkpoint.load(tmp_path, unet, base_digest="b" * 64, recipe=FACTS["recipe"])
    assert checkpoint.digest(tmp_path) == digest
    assert facts.step == 7
    for key, value in fusion.state_dict().items():
        assert torch.equal(value, again.state_dict()[key]), key


def test_half_precision_halves_the_weights_and_keeps_the_statistics(tmp_path, unet):
    fusion, _ = saved(tmp_path / "half", unet, dtype=torch.float16)
    saved(tmp_path / "whole", unet)
    sizes = [(tmp_path / kind / "fusion.safetensors").stat().st_size for kind in ("half", "whole")]
    assert sizes[0] < 0.6 * sizes[1]
    again, _ = checkpoint.load(tmp_path / "half", unet)
    assert torch.equal(again.features.std, fusion.features.std)


def test_the_history_is_told_but_is_not_in_the_digest(tmp_path, unet):
    torch.manual_seed(0)
    _, one = saved(tmp_path / "a", unet, history=[{"step": 1, "loss": 0.5}])
    torch.manual_seed(0)
    _, two = saved(tmp_path / "b", unet)
    torch.manual_seed(0)
    _, other = saved(tmp_path / "c", unet, step=8)
    assert one == two != other
    assert checkpoint.read_facts(tmp_path / "a").history == [{"step": 1, "loss": 0.5}]


def test_another_base_or_recipe_is_refused_with_the_remedy(tmp_path, unet):
    saved(tmp_path, unet)
    with pytest.raises(ModelError, match="choose the checkpoint of this base"):
        checkpoint.load(tmp_path, unet, base_digest="c" * 64)
    with pytest.raises(ModelError, match=r"seconds=10\.0, not 25"):
        checkpoint.load(tmp_path, unet, recipe={"encoder": "logmel", "seconds": 25})


def test_what_does_not_fit_is_known_without_the_weights(tmp_path, unet):
    saved(tmp_path, unet)
    (tmp_path / "fusion.safetensors").unlink()
    assert checkpoint.check(tmp_path, base_digest="b" * 64, recipe=FACTS["recipe"]).step == 7
    with pytest.raises(ModelError, match="was trained on base bbbb"):
        checkpoint.check(tmp_path, base_digest="c" * 64)
    with pytest.raises(ModelError, match=r"seconds=10\.0, not 25"):
        checkpoint.check(tmp_path, recipe={"encoder": "logmel", "seconds": 25})


def test_a_copy_is_the_same_checkpoint_without_the_trainers_state(tmp_path, unet):
    _, digest = saved(tmp_path / "a", unet)
    (tmp_path / "a" / "trainer.pt").write_bytes(b"state")
    (tmp_path / "b").mkdir()
    checkpoint.copy(tmp_path / "a", tmp_path / "b")
    assert checkpoint.digest(tmp_path / "b") == digest and not (tmp_path / "b" / "trainer.pt").exists()
    with pytest.raises(ModelError, match="no whole fusion checkpoint"):
        checkpoint.copy(tmp_path / "nowhere", tmp_path / "b")


def test_where_the_music_was_resampled_does_not_matter(tmp_path, unet):
    saved(tmp_path, unet, recipe={"seconds": 10.0, "resampler": "torchaudio:1"})
    checkpoint.load(tmp_path, unet, recipe={"seconds": 10.0})


HEARD = {"encoder": "mert", "encoder_digest": "a", "seconds": 5.0, "frame_rate": 2.0, "layers": None}


@pytest.mark.parametrize(
    ("other", "key"),
    [
        ({}, None),
        ({"encoder": "/elsewhere/mert"}, None),
        ({"encoder_digest": "b", "dtype": "bfloat16", "fp32_digest": "a"}, None),
        ({"resampler": "torchaudio:1"}, None),
        ({"encoder_digest": "c", "frame_rate": 4.0}, "frame_rate"),
        ({"encoder_digest": "c", "encoder": "clap"}, "encoder"),
        ({"encoder_digest": "c"}, "encoder_digest"),
        ({"seconds": 10.0}, "seconds"),
        ({"version": 2}, "version"),
    ],
)
def test_music_is_heard_alike_where_weights_and_settings_are_the_same(other, key):
    assert checkpoint.heard_otherwise(HEARD, {**HEARD, **other}) == key
    assert checkpoint.heard_otherwise({**HEARD, **other}, HEARD) == key


def test_a_recipe_with_tuples_equals_its_json(tmp_path, unet):
    saved(tmp_path, unet, recipe={"layers": (1, 2)})
    checkpoint.load(tmp_path, unet, recipe={"layers": (1, 2)})


def test_missing_damaged_and_future_checkpoints_are_refused(tmp_path, unet):
    with pytest.raises(ModelError, match="no readable fusion checkpoint"):
        checkpoint.load(tmp_path, unet)
    saved(tmp_path, unet)
    weights = tmp_path / "fusion.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match="do not fit"):
        checkpoint.load(tmp_path, unet)
    weights.write_bytes(whole)
    facts = json.loads((tmp_path / "fusion.json").read_text())
    (tmp_path / "fusion.json").write_text(json.dumps({**facts, "format": 9}))
    with pytest.raises(ModelError, match="format 9"):
        checkpoint.load(tmp_path, unet)


def test_trainer_state_with_code_in_it_is_refused(tmp_path):
    torch.save({"step": 1, "evil": object}, tmp_path / "trainer.pt")
    with pytest.raises(ModelError, match="anew"):
        checkpoint.load_trainer(tmp_path)
    with pytest.raises(ModelError, match="cannot go on"):
        checkpoint.load_trainer(tmp_path / "nowhere")
