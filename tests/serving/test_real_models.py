"""A hub's models, end to end on loopback: heard, learnt, and painted with by command and service.

Small random models in the released layouts stand at the commits that the presets are pinned to.
"""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from typer.testing import CliRunner

from covergen import cli
from covergen.embeddings import mert
from covergen.embeddings.audio_stage import HearTracks, heard_with
from covergen.embeddings.hidden_states import Preset
from covergen.embeddings.text_stage import ReadWords
from covergen.errors import ConfigError, ModelError
from covergen.fusion import build
from covergen.media import images
from covergen.models import stable_diffusion
from covergen.serving.domain import CoverOrder
from covergen.serving.listener import ListenerWorker
from covergen.serving.pictures import settings_in
from covergen.serving.service import CoverService
from covergen.storage.root import Root
from covergen.storage.tables import AUDIO_EMBEDDINGS
from covergen.training import checkpoint
from covergen.training.examples import Examples
from covergen.training.settings import TrainingSettings
from covergen.training.trainer import Trainer
from jobs.runtime.service_config import Serve
from tests import toys

ORDER = CoverOrder(artist="A", album="B", genre="jazz", steps=2)
SETTINGS = TrainingSettings(steps=3, batch_size=2, warmup_steps=1, learning_rate=1e-2)
HEARD = {"seconds": 5.0, "frame_rate": 1.0, "layers": (1, 3), "bf16": True}
MUSIC, BASE = "mert-v1-95m", "miniSD"


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """A HuBERT as MERT lies on the hub, in safetensors, and a Stable Diffusion 1.x."""
    folder = tmp_path_factory.mktemp("released")
    toys.as_released(toys.save_stable_diffusion(folder / "base", zero_snr=False))
    toys.save_mert(folder / "mert", pickle=False)
    return folder


@pytest.fixture
def published(hub, released, monkeypatch):
    """The presets as they are pinned, but for the sizes of the toys."""
    base, music = stable_diffusion.PRESETS[BASE], mert.PRESETS[MUSIC]
    monkeypatch.setitem(stable_diffusion.PRESETS, BASE, replace(base, size=toys.PICTURE_SIZE))
    small = Preset(music.repo, music.revision, 4, 32, (1, 2, 3, 4))
    monkeypatch.setitem(mert.PRESETS, MUSIC, small)
    hub.publish(base.repo, base.revision, released / "base")
    hub.publish(music.repo, music.revision, released / "mert")
    return hub


def heard_tracks(songs, **options):
    """Return the stage and what the embed job's operators hear in songs, by track."""
    stage = HearTracks(MUSIC, allow_noncommercial=True, **{**HEARD, **options})
    names = [f"t{number}" for number in range(len(songs))]
    rows = {"track_id": names, "input_digest": names, "uri": [None] * len(songs), "bytes": list(songs)}
    kinds = [("track_id", pa.string()), ("input_digest", pa.string()), ("uri", pa.string())]
    outcome = stage(pa.table(rows, pa.schema([*kinds, ("bytes", pa.binary())])))
    assert outcome["reject_code"].to_pylist() == [None] * len(songs), outcome["reject_reason"]
    return stage, outcome


def embedded(place, stage, outcome):
    """Return a catalogue as the embed job leaves it."""
    root = Root.create(str(place))
    told = {"shapes": stage.shapes(), "facts": stage.facts()}
    generation = root.generation(AUDIO_EMBEDDINGS, stage.recipe(), **told)
    generation.append(outcome.select(["track_id", "frames", "seconds", "input_digest"]))
    return root


def trained(place, root, stage, outcome):
    """Train a fusion for a few steps on what was heard, and return its checkpoint's folder."""
    frames = [np.frombuffer(each, "<f2") for each in outcome["frames"].to_pylist()]
    shape = stage.shapes()["frames"]
    states, _ = ReadWords(BASE).text(["a cover", ""])
    size = (len(frames), toys.LATENT_CHANNELS, 16, 16)
    examples = Examples(
        album_ids=tuple(map(str, range(len(frames)))),
        latent_means=torch.randn(size),
        latent_stds=torch.full(size, 0.05),
        states=torch.from_numpy(states[:1])[None].repeat(len(frames), 1, 1, 1),
        frames=torch.from_numpy(np.stack(frames).astype(np.float32)).reshape(-1, *shape),
        null_states=torch.from_numpy(states[1]),
    )
    unet = stable_diffusion.load_unet(BASE)
    noise_scheduler = stable_diffusion.load_noise_scheduler(BASE, "ddpm")
    fusion = build("decoupled", unet, shape, seed=0)
    trainer = Trainer(unet, fusion, noise_scheduler=noise_scheduler, examples=examples, settings=SETTINGS)
    assert len(list(trainer)) == SETTINGS.steps
    known = {"base_digest": stable_diffusion.digest(BASE), "recipe": heard_with(root)}
    checkpoint.save(place, fusion, **known, step=SETTINGS.steps)
    return str(place)


@pytest.fixture
def songs(low_song, high_song):
    return [low_song, high_song]


@pytest.fixture
def learnt(published, songs, tmp_path):
    """A catalogue that was heard in bfloat16, as on a GPU, and the fusion that learnt from it."""
    stage, outcome = heard_tracks(songs)
    root = embedded(tmp_path / "root", stage, outcome)
    return root, trained(tmp_path / "fusion", root, stage, outcome)


def paint(song, folder, out, *more):
    words = ["cover", str(song), "--artist", "A", "--album", "B", "--steps", "2", "--out", str(out)]
    return CliRunner().invoke(cli.app, [*words, "--stable-diffusion", BASE, "--fusion", folder, *more])


def test_the_command_paints_with_the_hubs_models_and_then_without_the_hub(
    published, learnt, songs, tmp_path, at_hub
):
    song, out = tmp_path / "song.flac", tmp_path / "cover.png"
    song.write_bytes(songs[0])
    done = paint(song, learnt[1], out, "--allow-noncommercial")
    assert done.exit_code == 0, (done.output, done.exception)
    assert "Heard 5 s of song.flac" in done.output
    painted = images.decode(out.read_bytes())
    assert painted.shape == (toys.PICTURE_SIZE, toys.PICTURE_SIZE, 3)
    assert settings_in(out.read_bytes())["fusion_digest"] == checkpoint.digest(learnt[1])
    at_hub("http://127.0.0.1:9")
    again = tmp_path / "again.png"
    done = paint(song, learnt[1], again, "--allow-noncommercial", "--offline", "--device", "cpu", "--bf16")
    assert done.exit_code == 0, (done.output, done.exception)
    assert np.abs(images.decode(again.read_bytes()).astype(int) - painted).mean() < 8


def test_what_is_heard_stands_in_the_checkpoint(learnt):
    facts = checkpoint.read_facts(learnt[1])
    expected = {**HEARD, "encoder": MUSIC, "layers": [1, 3], "dtype": "bfloat16"}
    del expected["bf16"]
    assert {key: facts.recipe[key] for key in expected} == expected
    assert facts.recipe["fp32_digest"] != facts.recipe["encoder_digest"]


@pytest.mark.parametrize("bf16", [False, True])
def test_the_service_takes_its_own_catalogues_fusion_in_whatever_precision_it_paints(learnt, songs, bf16):
    root, fusion = learnt
    service = CoverService(BASE, fusion, allow_noncommercial=True, bf16=bf16)
    (cover,) = service.cover(songs[0], ORDER)
    assert cover.fusion_digest == checkpoint.digest(fusion)
    track = asyncio.run(ListenerWorker(service, catalogue=root.uri).track("t0"))
    assert np.array_equal(track.frames, service.listen(songs[0]).frames), "heard as the jobs heard it"
    assert service.hearing_name == root.current(AUDIO_EMBEDDINGS).name


def test_a_catalogue_heard_in_another_precision_is_taken_too(learnt, songs, tmp_path):
    exact = embedded(tmp_path / "exact", *heard_tracks(songs, bf16=False))
    service = CoverService(BASE, learnt[1], allow_noncommercial=True)
    track = asyncio.run(ListenerWorker(service, catalogue=exact.uri).track("t0"))
    heard = service.listen(songs[0])
    assert not np.array_equal(track.frames, heard.frames)
    assert np.abs(track.frames.astype(float) - heard.frames).mean() < 0.02


def test_the_deployed_service_reads_the_same(learnt, songs):
    serve = pytest.importorskip("jobs.serve")
    args = Serve(stable_diffusion=BASE, fusion=learnt[1], allow_noncommercial=True)
    core = serve.core(args, "cpu")
    core.fetch()
    (cover,) = core.cover(songs[1], ORDER)
    assert images.decode(cover.image).std() > 0
    with pytest.raises(ConfigError, match="for research only; allow_noncommercial=true"):
        serve.core(Serve(stable_diffusion=BASE, fusion=learnt[1]), "cpu")


def test_a_checkpoint_of_an_older_version_is_read_by_its_shape_and_digest(learnt, songs):
    path = Path(learnt[1], "fusion.json")
    told = json.loads(path.read_text())
    for key in ("frame_rate", "dtype", "fp32_digest"):
        del told["recipe"][key]
    path.write_text(json.dumps(told))
    service = CoverService(BASE, learnt[1], allow_noncommercial=True)
    assert service.hearing["frame_rate"] == 1.0 and service.hearing["dtype"] == "bfloat16"
    assert service.cover(songs[0], ORDER)


def test_an_encoder_that_lies_elsewhere_is_named(published, released, songs, tmp_path):
    folder = released / "mert"
    stage = HearTracks(str(folder), allow_noncommercial=True, **HEARD)
    fusion = build("decoupled", stable_diffusion.load_unet(BASE), stage.shapes()["frames"])
    known = {"base_digest": stable_diffusion.digest(BASE), "recipe": {**stage.recipe(), **stage.facts()}}
    checkpoint.save(tmp_path / "fusion", fusion, **known)
    moved = tmp_path / "moved"
    moved.symlink_to(folder)
    where = {"encoder": str(moved), "allow_noncommercial": True}
    assert CoverService(BASE, tmp_path / "fusion", **where).cover(songs[0], ORDER)


def test_a_hub_that_refuses_is_one_sentence(published, learnt, songs, tmp_path, monkeypatch):
    song, out = tmp_path / "song.flac", tmp_path / "cover.png"
    song.write_bytes(songs[0])
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "another"))
    published.fault = "gated"
    for told, more in (("is gated", []), ("no --offline", ["--offline"])):
        done = paint(song, learnt[1], out, "--allow-noncommercial", *more)
        assert isinstance(done.exception, ModelError) and told in str(done.exception)
    done = paint(song, learnt[1], out)
    assert isinstance(done.exception, ConfigError) and "--allow-noncommercial" in str(done.exception)
    assert not out.exists()
