"""Songs a second: the job against a tight PyTorch loop, on MERT-95M's full architecture with random weights.

    python -m benchmarks.embed [MUSIC] [--quick]

Both decode the same songs (a folder of one's own music, or procedural ones as FLAC) and run the same weights
in as many threads, each in a process of its own, in turns. A run over a few songs tells what starting costs;
rates are without it, and the table shows it. The peer is transformers' HubertModel behind our decoder: it
plans nothing, stores nothing and loses everything to a kill.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
import typer
import yaml
from safetensors.torch import load_file
from torch.nn.functional import adaptive_avg_pool1d, layer_norm
from transformers import HubertConfig, HubertModel

from benchmarks.outcome import Outcome
from covergen.embeddings.windows import cut_windows
from covergen.media import audio
from covergen.media.excerpts import excerpts
from covergen.procedural.factors import draw_album
from covergen.procedural.music import synthesise
from covergen.sources.local.file_urls import path_of
from covergen.storage.root import Root
from covergen.storage.rows import read_tensor
from covergen.storage.tables import AUDIO_EMBEDDINGS, CATALOG, MEDIA
from tests.toys import MERT_95M, save_mert

BATCH, FEW, THREADS = 6, 4, 2  # a forward pass has as many windows on both sides
RATE, WINDOW, WINDOWS = 24_000, 5 * 24_000, 6
LAYERS, FRAMES = (3, 6, 9, 12), 10  # of each window, as our encoder keeps them by default


def main(music: Path | None = None, *, quick: bool = False) -> None:
    """Gather songs, run both sides in turns, and print what they took."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="covergen-") as name:
        folder = Path(name)
        save_mert(folder / "mert", release=MERT_95M, full_size=True, pickle=False)
        gather(folder / "few", compose(folder / "songs_few", FEW))
        wanted = 8 if quick else 20
        make = partial(pick, music.resolve()) if music else compose
        count = gather(folder / "all", make(folder / "songs", wanted))
        start = {side: run(side, folder, "few") for side in ("job", "loop")}
        taken: dict[str, list[float]] = {"job": [], "loop": []}
        for _ in range(1 if quick else 2):
            for side, seconds in taken.items():
                seconds.append(run(side, folder, "all"))
        rates = {side: (count - FEW) / (min(seconds) - start[side]) for side, seconds in taken.items()}
        show("seconds in all", {side: min(seconds) for side, seconds in taken.items()})
        show("of them to start", {side: start[side] - FEW / rates[side] for side in taken})
        print(f"{'the model at work':24} job  {busy(folder / 'all'):8.1f}")
        print(
            f"{count} songs; features differ by {difference(folder / 'all'):.4f} of their deviation at most"
        )
        print(call("benchmarks.embed", "loop", str(folder / "few"), "--bf16"), end="")
    Outcome("embed", rates["job"], rates["loop"], count, "songs/s", time.perf_counter() - began).show(
        peer="tight loop"
    )


def show(what: str, values: dict[str, float]) -> None:
    """Print one line for both sides."""
    print(f"{what:24} " + "  ".join(f"{side} {value:8.1f}" for side, value in values.items()))


def compose(folder: Path, count: int) -> Path:
    """Write songs of half a minute, an album each, and return their folder."""
    for number in range(count):
        album = folder / f"Artist {number}" / f"Album {number}"
        album.mkdir(parents=True)
        waveform = synthesise(draw_album(number, "eval"), WINDOWS * 5 + 2, RATE)
        (album / "01 Song.flac").write_bytes(audio.encode_flac(waveform, RATE))
    return folder


def pick(music: Path, folder: Path, count: int) -> Path:
    """Copy the first song of so many album folders, and return where they lie."""
    songs = sorted(path for path in music.rglob("*") if path.suffix.lower() in audio.AUDIO_SUFFIXES)
    for album in list(dict.fromkeys(path.parent for path in songs))[:count]:
        place = folder / album.relative_to(music)
        place.mkdir(parents=True)
        shutil.copy(next(path for path in songs if path.parent == album), place)
    return folder


def gather(folder: Path, music: Path) -> int:
    """Make a root in which every song waits to be heard and every prompt is read; return the songs."""
    config = {
        "root": str(folder / "root"),
        "scrape": {"sources": [{"name": "folder", "path": str(music)}]},
        "embed": {
            "encoder": str(folder.parent / "mert"),
            "allow_noncommercial": True,
            "seconds": WINDOWS * 5,
            "cpus": THREADS,
            "batch_size": BATCH,
            "commit_rows": 32,
        },
    }
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    for job in ("scrape", "clean"):
        call("jobs." + job, str(folder / "config.yaml"))
    call("jobs.embed", str(folder / "config.yaml"), "embed.encoder=logmel")
    root = Root.open(str(folder / "root"))
    tracks = set(root.current(CATALOG).read(["track_id"])["track_id"].to_pylist())
    media = root.current(MEDIA).read(["owner_id", "uri"], where="kind = 'audio' AND seconds >= 5").to_pylist()
    songs = [(row["owner_id"], row["uri"]) for row in media if row["owner_id"] in tracks]
    (folder / "songs.json").write_text(json.dumps(songs))
    return len(songs)


def run(side: str, folder: Path, which: str) -> float:
    """Run one side in a process of its own and return its seconds, from first to last."""
    if side == "job":
        shutil.rmtree(folder / which / "run", ignore_errors=True)
        shutil.copytree(folder / which / "root", folder / which / "run")
        command = ["jobs.embed", str(folder / which / "config.yaml"), f"root={folder / which / 'run'}"]
    else:
        command = ["benchmarks.embed", "loop", str(folder / which)]
    start = time.perf_counter()
    call(*command)
    return time.perf_counter() - start


def call(*command: str) -> str:
    """Run a module and return what it printed; what it says otherwise is shown only if it fails."""
    done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    return done.stdout


class Peer:
    """MERT as a dozen lines of PyTorch."""

    def __init__(self, folder: Path):
        config = HubertConfig.from_json_file(folder / "config.json")
        self.model = HubertModel(config).eval()
        tensors = load_file(folder / "model.safetensors")
        norm = "encoder.pos_conv_embed.conv."
        for old, new in (("weight_g", "original0"), ("weight_v", "original1")):
            tensors[f"{norm}parametrizations.weight.{new}"] = tensors.pop(norm + old)
        self.model.load_state_dict(tensors, strict=False)

    @torch.inference_mode()
    def __call__(self, windows: torch.Tensor, *, bf16: bool = False) -> torch.Tensor:
        """Return frames (B, layers, frames, width) of windows (B, N)."""
        normal = layer_norm(windows, windows.shape[1:], eps=1e-7)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            hidden = self.model(normal, output_hidden_states=True).hidden_states
        kept = [adaptive_avg_pool1d(hidden[layer].float().transpose(1, 2), FRAMES) for layer in LAYERS]
        return torch.stack(kept, 1).transpose(2, 3)


def loop(folder: Path, *, bf16: bool) -> None:
    """Hear a folder's songs one after another; with `bf16` compare the two precisions over them."""
    torch.set_num_threads(THREADS)
    peer, songs = Peer(folder.parent / "mert"), json.loads((folder / "songs.json").read_text())
    if bf16:
        compare(peer, windows_of(songs[0][1]))
        return
    frames = [peer(windows_of(uri)).half().numpy() for _, uri in songs]
    np.savez(folder / "loop.npz", frames=np.stack(frames), keys=np.array([key for key, _ in songs]))


def windows_of(uri: str) -> torch.Tensor:
    """Return the windows (B, N) of half a minute of a song, spread over its length."""
    path = path_of(uri)
    assert path is not None
    song = excerpts(path, RATE, count=WINDOWS, seconds=WINDOW / RATE)
    each = WINDOWS // len(song.pieces)
    return torch.from_numpy(np.concatenate([cut_windows(piece, each, WINDOW) for piece in song.pieces]))


def compare(peer: Peer, windows: torch.Tensor) -> None:
    """Print how much faster bfloat16 is over the windows of a song, and how alike its features are."""
    seconds, frames = [], []
    for bf16 in (False, True):
        peer(windows[:1], bf16=bf16)
        start = time.perf_counter()
        frames.append(peer(windows[1:3], bf16=bf16).flatten(0, 2))
        seconds.append(time.perf_counter() - start)
    alike = torch.cosine_similarity(frames[0], frames[1], dim=-1)
    print(
        f"bf16 at {seconds[0] / seconds[1]:.2f} times the speed of fp32; cosine similarity of a frame's "
        f"features {alike.mean():.5f}, the lowest {alike.min():.5f}"
    )


def difference(folder: Path) -> float:
    """Return the largest difference between the features of job and loop, in their standard deviation."""
    rows = Root.open(str(folder / "run")).current(AUDIO_EMBEDDINGS).read(["track_id", "frames"])
    ours = dict(
        zip(rows["track_id"].to_pylist(), read_tensor(rows, "frames").astype(np.float32), strict=True)
    )
    told = np.load(folder / "loop.npz")
    theirs = told["frames"].swapaxes(1, 2).astype(np.float32)  # (songs, layers, windows, frames, width)
    paired = np.stack([ours[key] for key in told["keys"]]).reshape(theirs.shape)
    return float(np.abs(paired - theirs).max() / theirs.std())


def busy(folder: Path) -> float:
    """Return the seconds in which the job's model worked."""
    record = max((folder / "run" / "runs" / "embed").glob("*.json"))
    seconds: float = json.loads(record.read_text())["stages"]["Hear"]["seconds"]
    return seconds


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["loop", place, *rest]:
            loop(Path(place), bf16="--bf16" in rest)
        case _:
            typer.run(main)
