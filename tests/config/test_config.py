"""A config is refused with the key, the value and the remedy."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from covergen.config import Config, load
from covergen.config.train import PRESETS, Train
from covergen.errors import ConfigError

MINIMAL = "root: out/x\nscrape:\n  sources:\n    - {name: folder, path: music}\n"


@pytest.fixture
def minimal(tmp_path: Path) -> Path:
    path = tmp_path / "run.yaml"
    path.write_text(MINIMAL)
    return path


def test_overrides_reach_their_section(minimal: Path) -> None:
    config = load(minimal, ["train.steps=70", "generate.systems=[audio, shuffled]", "root=elsewhere"])
    assert config.train.steps == 70
    assert config.generate.systems == ("audio", "shuffled")
    assert config.root == "elsewhere"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.stepz=3", "no key train.stepz. Did you mean steps?"),
        ("trane.steps=3", "no key trane. Did you mean train?"),
        ("train.steps=many", "train.steps='many': Input should be a valid integer"),
        ("train.batch_size=33", None),
        ("train.warmup_steps=5000", "warmup_steps=5000 must be smaller than steps=1000"),
        ("train.workers=33", "batch_size=32 cannot be shared by 33 workers"),
        ("train.workers=[4, 2]", "put the smaller number first"),
        ("train.workers=0", "greater than or equal to 1"),
        ("train.patience=3", "patience counts validations"),
        ("train.preset=huge", "train.preset='huge'"),
        ("clean.validation=0.95", "leave artists to train on"),
        ("clean.prompt_style=custom", "prompt_template belongs to prompt_style=custom"),
        ("embed.resample=device", "resample=device needs a GPU; give the actors one (gpus)"),
        ("generate.noise_scheduler=euler", "generate.noise_scheduler='euler'"),
        ("scrape.sources=[]", "scrape.sources"),
        ("steps", "not of the form section.key=value"),
    ],
)
def test_what_is_wrong_is_named(minimal: Path, override: str, message: str | None) -> None:
    if message is None:
        assert load(minimal, [override]).train.batch_size == 33
        return
    with pytest.raises(ConfigError) as caught:
        load(minimal, [override])
    assert message in str(caught.value)


def test_a_wrong_key_of_a_source_is_named(minimal: Path) -> None:
    minimal.write_text(MINIMAL.replace("path:", "paht:"))
    with pytest.raises(ConfigError, match=r"no key scrape.sources.0.paht. Did you mean path\?"):
        load(minimal)


@pytest.mark.parametrize(("text", "message"), [("- a\n", "no sections"), ("a: [", "not YAML")])
def test_a_file_that_is_no_config_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load(path)
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load(tmp_path / "absent.yaml")


@given(st.text(st.characters(categories=["Ll"]), min_size=1).filter(lambda s: s not in Config.model_fields))
def test_no_unknown_section_passes(name: str) -> None:
    with pytest.raises(ValueError, match=r"extra_forbidden|Extra inputs"):
        Config.model_validate(
            {"root": "x", "scrape": {"sources": [{"name": "folder", "path": "p"}]}, name: {}}
        )


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_gives_what_is_not_given(minimal: Path, name: str) -> None:
    train = load(minimal, [f"train.preset={name}", "train.seed=5", "train.batch_size=64"]).train
    assert (train.seed, train.batch_size) == (5, 64)
    wanted = {key: value for key, value in PRESETS[name].items() if key != "batch_size"}
    assert {key: getattr(train, key) for key in wanted} == wanted
    assert Train.model_validate(train.model_dump()) == train  # as it travels to the workers


def test_workers_are_a_number_or_a_range(minimal: Path) -> None:
    assert load(minimal, ["train.workers=3"]).train.workers == 3
    ranged = load(minimal, ["train.workers=[1, 4]"]).train
    assert (ranged.workers, ranged.most_workers) == ((1, 4), 4)


@pytest.mark.parametrize("name", ["demo", "one_gpu", "gpu_cluster", "predecessor"])
def test_the_shipped_configs_load(name: str) -> None:
    assert load(Path(__file__).parent.parent.parent / "configs" / f"{name}.yaml").root


@pytest.mark.parametrize(
    ("name", "place"), [("demo", "cpu"), ("one_gpu", "device"), ("gpu_cluster", "device")]
)
def test_songs_are_resampled_where_the_model_is(name: str, place: str) -> None:
    assert load(Path(__file__).parent.parent.parent / "configs" / f"{name}.yaml").embed.resample == place


def test_the_word_none_is_null_where_a_key_may_be_null() -> None:
    changes = ["train.start_from=none", "generate.limit=None", "evaluate.clip=none", "train.tracker=none"]
    config = load("configs/music.yaml", changes)
    assert config.train.start_from is config.generate.limit is config.evaluate.clip is None
    assert config.train.tracker == "none"
    with pytest.raises(ConfigError, match=r"embed\.seconds='none'"):
        load("configs/music.yaml", ["embed.seconds=none"])


def test_ones_own_music_is_worded_with_the_moods_that_are_heard() -> None:
    config = load("configs/music.yaml")
    assert config.clean.prompt_style == "album_genre_emotions" and config.tag.taggers == ("signal",)
