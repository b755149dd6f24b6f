import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from covergen import cli, cover_command
from covergen.media import images
from covergen.serving.pictures import settings_in
from covergen.storage.root import Root
from covergen.storage.tables import ALBUMS
from tests.files import png_text

REPO = Path(cli.__file__).parent.parent


@pytest.fixture
def song(low_song, tmp_path):
    path = tmp_path / "my song.flac"
    path.write_bytes(low_song)
    return path


@pytest.fixture
def words(base, fusion, song, tmp_path):
    """The arguments of a cover that is painted in a moment."""
    named = {"artist": "A", "album": "B", "genre": "jazz", "steps": "2", "out": str(tmp_path / "cover.png")}
    named |= {"stable-diffusion": base, "fusion": fusion}
    return ["cover", str(song), *(part for name, value in named.items() for part in (f"--{name}", value))]


@pytest.fixture
def run(monkeypatch, capsys):
    """Call the program as the shell does; return exit code, output, errors."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["covergen", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        told = capsys.readouterr()
        return end.value.code or 0, told.out, told.err

    return call


def test_a_cover_is_painted_and_its_settings_are_told(words, tmp_path):
    result = CliRunner().invoke(cli.app, words)
    assert result.exit_code == 0, result.output
    picture = images.decode((tmp_path / "cover.png").read_bytes())
    assert picture.shape == (32, 32, 3) and picture.std() > 5
    assert "Heard 5 s of my song.flac" in result.output
    assert "The genre is jazz." in result.output and "2 steps" in result.output
    seed = png_text((tmp_path / "cover.png").read_bytes())["seed"]
    assert f"seed {seed}" in result.output


def test_a_genre_that_nobody_knows_is_said(words):
    result = CliRunner().invoke(cli.app, [*words, "--genre", "bananacore"])
    assert result.exit_code == 0, result.output
    assert "bananacore is unknown; painted as: unknown. Near: " in result.output
    assert "The genre is unknown." in result.output


def test_several_covers_are_numbered_and_differ(words, tmp_path):
    result = CliRunner().invoke(cli.app, [*words, "--n", "2", "--size", "64"])
    assert result.exit_code == 0, result.output
    first, second = (images.decode((tmp_path / f"cover-{k}.png").read_bytes()) for k in (0, 1))
    assert first.shape == (64, 64, 3)
    assert np.abs(first.astype(int) - second).mean() > 5
    assert not (tmp_path / "cover.png").exists()


@pytest.mark.parametrize(("suffix", "kind"), [("jpg", "jpeg"), ("JPEG", "jpeg"), ("webp", "webp")])
def test_the_suffix_decides_the_format_and_the_settings_are_inside(words, tmp_path, suffix, kind):
    out = tmp_path / f"cover.{suffix}"
    varied = ["--out", str(out), "--seed", "7", "--variation-seed", "8", "--variation-strength", "0.25"]
    result = CliRunner().invoke(cli.app, [*words, *varied])
    assert result.exit_code == 0, result.output
    assert images.mime_of(out.read_bytes()) == f"image/{kind}"
    told = settings_in(out.read_bytes())
    assert (told["format"], told["seed"], told["variation_seed"]) == (kind, "7", "8")
    assert "seed 7" in result.output and "variation seed 8" in result.output


def test_the_program_runs_without_ray_and_paints_the_same_picture(words, tmp_path):
    CliRunner().invoke(cli.app, words)
    expected = images.decode((tmp_path / "cover.png").read_bytes()).astype(int)
    (tmp_path / "cover.png").unlink()
    code = "import sys; sys.modules['ray'] = None; from covergen.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        check=False, capture_output=True, text=True, cwd=REPO, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    painted = images.decode((tmp_path / "cover.png").read_bytes()).astype(int)
    assert np.abs(painted - expected).max() <= 2


def test_the_words_alone_paint_without_a_fusion(words, tmp_path):
    result = CliRunner().invoke(cli.app, [*words, "--fusion", "none"])
    assert result.exit_code == 0, result.output
    assert "Heard" not in result.output and (tmp_path / "cover.png").exists()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (["--steps", "0"], "steps=0 is out of range; take 1 to 1000."),
        (["--n", "99"], "n=99 is out of range; take 1 to 16."),
        (["--artist", " "], "artist is empty"),
        (["--variation-strength", "2"], "variation_strength=2.0 is out of range; take 0 to 1."),
        (["--noise-scheduler", "euler"], "choose one of ddim, pndm, ddpm, dpm++"),
        (["--out", "cover.gif"], "does not end in .png"),
        (["--out", "/nowhere/at/all/cover.png"], "There is no folder /nowhere/at/all"),
        (["--fusion", "/nowhere"], "no readable fusion checkpoint in /nowhere"),
        (["--stable-diffusion", "/nowhere"], "there is no"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_exit_code_2(run, words, tmp_path, changed, told):
    code, out, errors = run(*words, *changed)
    assert code == 2 and told in errors
    assert errors.startswith("covergen: ") and errors.count("\n") == 1 and "Traceback" not in errors
    assert out == "" and not list(tmp_path.glob("*.png"))


def test_a_song_that_is_none_names_file_code_and_reason(run, words, song, tmp_path):
    song.write_bytes(b"words, not music")
    code, _, errors = run(*words)
    assert code == 2 and "my song.flac cannot be used (unsupported_format)" in errors
    song.unlink()
    code, _, errors = run(*words)
    assert code == 2 and "There is no file" in errors
    assert not list(tmp_path.glob("*.png"))


def test_an_interrupt_ends_with_130(run, words, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(cover_command, "paint", interrupt)
    code, _, errors = run(*words)
    assert code == 130 and "Traceback" not in errors


@pytest.mark.parametrize("command", ["verify", "sweep", "compact"])
def test_a_folder_that_is_no_root_is_refused(run, command, tmp_path):
    code, _, errors = run(command, str(tmp_path / "nothing"))
    assert code == 2 and "is not a covergen root" in errors


def test_a_sound_root_is_proved_and_a_doubled_row_is_named(run, tmp_path):
    root = Root.create(str(tmp_path / "root"))
    generation = root.generation(ALBUMS, {"source": "test"})
    record = {"album_id": "a1", "artist": "A", "title": "B"}
    batch = album_rows(record)
    generation.append(batch)
    assert run("verify", root.uri) == (0, f"{root.uri} is sound.\n", "")
    generation.append(album_rows(record, {"album_id": "a2", "artist": "A", "title": "C"}))
    code, out, _ = run("verify", root.uri)
    assert code == 1 and "doubled: albums: a1" in out and "1 problem in" in out


def album_rows(*records):
    from covergen.storage import rows

    return rows.from_records(ALBUMS, records).drop_columns("checksum")


def test_compact_and_sweep_tell_what_they_did(run, tmp_path):
    root = Root.create(str(tmp_path / "root"))
    generation = root.generation(ALBUMS, {"source": "test"})
    for k in range(3):
        generation.append(album_rows({"album_id": f"a{k}", "artist": "A", "title": "B"}))
    code, out, _ = run("compact", root.uri)
    assert code == 0 and "3 -> 1 files" in out
    code, out, _ = run("sweep", root.uri, "--hours", "0", "--dry-run")
    assert code == 0 and "3 files would be removed" in out
    code, out, _ = run("sweep", root.uri, "--hours", "0")
    assert code == 0 and "3 files removed" in out
    assert run("verify", root.uri)[0] == 0


def test_doctor_looks_at_everything_and_fails_for_what_is_missing(run, monkeypatch, tmp_path):
    code, out, _ = run("doctor")
    assert ("BAD" in out) == (code == 1)
    for name in ("covergen", "python", "torch", "device", "tiny", "weights cache"):
        assert name in out
    monkeypatch.setattr("covergen.serving.service.SHIPPED_FUSION", tmp_path)
    code, out, _ = run("doctor")
    assert code == 1 and "BAD" in out


def test_the_version_is_told(run):
    assert run("--version") == (0, f"covergen {version('covergen')}\n", "")


def test_genres_of_a_table_without_the_column_names_those_that_are_there(run, tmp_path):
    table = tmp_path / "mine.csv"
    table.write_text("Artist,Style\nSatie,classical\n")
    code, _, errors = run("genres", str(table))
    assert (
        code == 2 and "has no column 'genres'" in errors and errors.endswith("Its columns: Artist, Style.\n")
    )


def test_an_adapter_is_written_beside_one_that_is_there(run, base, fusion, tmp_path):
    out = tmp_path / "adapter.safetensors"
    out.write_bytes(b"mine")
    arguments = ("export-adapter", fusion, str(out), "--stable-diffusion", base)
    code, told, _ = run(*arguments)
    assert code == 0 and f"{out} is there and stays" in told and out.read_bytes() == b"mine"
    assert (tmp_path / "adapter-1.safetensors").stat().st_size > 1000
    code, told, _ = run(*arguments, "--force")
    assert code == 0 and "stays" not in told and out.read_bytes() != b"mine"


def test_help_names_every_command(run):
    code, out, _ = run("--help")
    assert code == 0
    assert all(name in out for name in ("cover", "export-adapter", "doctor", "verify", "sweep", "compact"))
    assert run("paint")[0] == 2


def test_a_service_is_proved_and_swept(run, tmp_path):
    from covergen.serving.store import Store

    store = Store(str(tmp_path), "everybody")
    number, _ = store.accept(store.new_id(), {"order": {"n": 1}, "created": "2026-11-30T12:00:00Z"})
    song = tmp_path / "service/everybody/songs" / store.keep_song(b"a song")
    assert run("verify", str(tmp_path)) == (0, f"{tmp_path} is sound.\n", "")
    store.finish(number, {"status": "done"})
    code, out, _ = run("verify", str(tmp_path))
    assert code == 1 and f"lost: {tmp_path}/service/everybody/requests/{number}: cover 0" in out
    os.utime(song, (0, 0))
    assert "\n0 files removed" in "\n" + run("sweep", str(tmp_path))[1] and song.exists()
    code, out, _ = run("sweep", str(tmp_path), "--upload-days", "30")
    assert code == 0 and "service uploads      1 files" in out and not song.exists()
