"""Weights are looked for before the first stage runs; what is missing is told by its key."""

from dataclasses import replace
from pathlib import Path

import pytest

from covergen.errors import ModelError
from covergen.models import stable_diffusion
from covergen.storage.root import Root
from jobs import demo, embed
from jobs.runtime import check_weights
from jobs.runtime.entry import run
from tests import toys
from tests.hub import Hub
from tests.jobs.conftest import config_for

REAL = {"stable_diffusion": "miniSD", "offline": False}
MERT = {"encoder": "mert-v1-95m", "allow_noncommercial": True, "seconds": 5}


@pytest.fixture
def published(hub: Hub, tmp_path: Path) -> Hub:
    """The base and the encoder of configs/one_gpu.yaml, at the commits that they are pinned to."""
    from covergen.embeddings import mert

    base, music = stable_diffusion.PRESETS["miniSD"], mert.PRESETS["mert-v1-95m"]
    toys.as_released(toys.save_stable_diffusion(tmp_path / "base", zero_snr=False))
    toys.save_mert(tmp_path / "mert")
    hub.publish(base.repo, base.revision, tmp_path / "base")
    hub.publish(music.repo, music.revision, tmp_path / "mert")
    return hub


def test_a_config_whose_weights_are_there_is_let_through_without_a_download(published: Hub) -> None:
    check_weights.check_all(config_for("unused", models=REAL, embed=MERT))
    assert published.downloaded == []


def test_the_embedded_models_ask_nobody(published: Hub) -> None:
    check_weights.check_all(config_for("unused", tag={"taggers": ["signal"]}))
    assert published.requests == []


def test_a_chain_ends_before_its_first_stage(
    published: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    published.fault = "gated_files"
    config = config_for(str(tmp_path / "root"), models=REAL, embed=MERT)
    with pytest.raises(ModelError, match=r"^embed.encoder=mert-v1-95m: m-a-p/MERT-v1-95M at .* is gated"):
        demo.main(config)
    assert not (tmp_path / "root").exists()
    Root.create(str(tmp_path / "root"))
    with pytest.raises(ModelError, match="is gated"):
        embed.main(config)


def test_a_base_of_pickles_alone_is_refused_with_the_remedy(published: Hub, tmp_path: Path) -> None:
    """As miniSD was at the commit of its main branch."""
    for weights in (tmp_path / "base").rglob("*.safetensors"):
        weights.rename(weights.with_suffix(".bin"))
    told = r"models.stable_diffusion=miniSD: .* holds no text_encoder/\*model.safetensors; save the model as"
    with pytest.raises(ModelError, match=told):
        check_weights.check(config_for("unused", models=REAL, embed={"encoder": "logmel"}), "embed")
    with pytest.raises(ModelError, match="vae"):
        check_weights.check(
            config_for("unused", models={"stable_diffusion": str(tmp_path / "base")}), "encode"
        )


@pytest.mark.parametrize(
    ("sections", "key"),
    [
        ({"models": {"stable_diffusion": "/nowhere"}}, "models.stable_diffusion=/nowhere"),
        ({"tag": {"taggers": ["clap-zero-shot"]}}, "tag.clap=clap"),
        (
            {"embed": {"image_encoder": "clip-vit-large-patch14"}},
            "embed.image_encoder=clip-vit-large-patch14",
        ),
        ({"embed": {"encoder": "clap", "seconds": 10}}, "embed.encoder=clap"),
    ],
)
def test_what_is_missing_is_told_by_its_key(
    hub: Hub, sections: dict[str, dict[str, object]], key: str
) -> None:
    with pytest.raises(ModelError, match=f"^{key}: "):
        check_weights.check_all(config_for("unused", **sections))


def test_what_only_measures_is_left_out_aloud(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    asked = {"clip": "clip-vit-large-patch14", "dinov2": "dinov2-large", "inception": "/nowhere.pth"}
    check_weights.check_all(config_for("unused", evaluate=asked))
    told = capsys.readouterr().err
    for key, name in asked.items():
        assert f"evaluate.{key}={name}: left out of the report: " in told


def test_a_job_ends_with_the_sentence_and_exit_code_2(
    hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        f"root: {tmp_path}/root\nmodels: {{stable_diffusion: miniSD, offline: true}}\n"
        "scrape: {sources: [{name: procedural, train: 4, evaluation: 2}]}\n"
    )
    with pytest.raises(SystemExit) as end:
        run(demo.main, [str(path)])
    told = capsys.readouterr().err
    assert end.value.code == 2 and told.count("\n") == 1
    assert told.startswith("models.stable_diffusion=miniSD: weights ") and "models.offline=false" in told


def test_the_pinned_commit_of_the_base_is_that_of_its_safetensors() -> None:
    preset = stable_diffusion.PRESETS["miniSD"]
    assert preset == replace(preset, revision="bb17f50b88ae45623313769b086d3e91e4cda5ec", size=256)
