"""`covergen export-adapter`, and the lines of docs/adapter.md that use what it writes."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from covergen import cli
from covergen.embeddings.audio_stage import HearTracks
from covergen.fusion import build
from covergen.media import images
from covergen.models import stable_diffusion
from covergen.serving.domain import CoverOrder
from covergen.serving.service import CoverService
from covergen.training import checkpoint

DOCS = Path(cli.__file__).parent.parent / "docs" / "adapter.md"


@pytest.fixture
def run(monkeypatch, capsys):
    """Call `covergen export-adapter`; return exit code, output, errors."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["covergen", "export-adapter", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        told = capsys.readouterr()
        return end.value.code or 0, told.out, told.err

    return call


def save(folder, base, name="decoupled"):
    """Save a fusion on `base` whose every weight was moved, as training would."""
    hearing = HearTracks("logmel", seconds=10.0)
    fusion = build(name, stable_diffusion.load_unet(base), hearing.shapes()["frames"])
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in fusion.trained().values():
            parameter.add_(0.1 * torch.randn_like(parameter))
    checkpoint.save(folder, fusion, base_digest=stable_diffusion.digest(base), recipe=hearing.recipe())
    return folder


def test_the_file_says_how_its_music_is_heard(run, base, tmp_path):
    folder, out = save(tmp_path / "fusion", base), tmp_path / "adapter.safetensors"
    code, told, errors = run(folder, out, "--stable-diffusion", base)
    assert (code, errors) == (0, "")
    assert "size small" in told and "1 x 20 x 129 features of logmel over 10.0 s" in told
    with safe_open(out, framework="pt") as file:
        facts = json.loads(file.metadata()["covergen"])
    assert facts["heard_with"]["encoder"] == "logmel" and facts["heard_with"]["seconds"] == 10.0
    assert facts["feature_shape"] == [1, 20, 129] and facts["fusion_digest"] == checkpoint.digest(folder)
    assert not list(tmp_path.glob("*.part"))


def test_what_cannot_be_exported_is_one_sentence_and_no_file(run, base, tmp_path):
    folder, out = save(tmp_path / "concat", base, "concat"), tmp_path / "adapter.safetensors"
    for arguments, told in [
        ((folder, out, "--stable-diffusion", base), "export a `decoupled` fusion"),
        ((folder, out), "choose the checkpoint of this base"),
        ((tmp_path / "nowhere", out), "no readable fusion checkpoint"),
        ((folder, tmp_path / "adapter.bin"), "does not end in .safetensors"),
        ((folder, tmp_path / "no" / "adapter.safetensors"), "There is no folder"),
    ]:
        code, output, errors = run(*arguments)
        assert (code, output) == (2, "") and told in errors
        assert errors.startswith("covergen: ") and errors.count("\n") == 1
    assert not list(tmp_path.glob("*.*"))


def test_the_lines_of_the_documentation_paint_the_cover_that_covergen_paints(
    run, low_song, tmp_path, monkeypatch
):
    assert run("shipped", tmp_path / "adapter.safetensors")[0] == 0
    (tmp_path / "song.flac").write_bytes(low_song)
    lines = re.search(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL).group(1)
    lines = lines.replace('"num_inference_steps": 20', '"num_inference_steps": 5')  # a second, not five
    monkeypatch.chdir(tmp_path)
    exec(compile(lines, DOCS.name, "exec"), {})
    theirs = images.decode((tmp_path / "cover.png").read_bytes()).astype(int)

    order = CoverOrder(
        artist="A", album="Blue Night", genre="jazz", seed=7, steps=5, audio_guidance_scale=None
    )
    ours, silent = (
        images.decode(CoverService(fusion=fusion).cover(song, order)[0].image).astype(int)
        for fusion, song in (("shipped", low_song), (None, None))
    )
    assert theirs.shape == (128, 128, 3)
    assert np.abs(theirs - ours).max() <= 2
    assert np.abs(theirs - silent).mean() > 10
