"""Clips a second through MERT-95M on a GPU in bf16, with and without decoding, and the share of its peak.

The listening stages against the model alone, over windows that are on the device already. Weights are random,
they cost what the released ones do. The peak is that of a large product of matrices in the same run; decoding
runs in the same process, song by song. `--device cpu --quick` tries the code at toy size without a GPU.
"""

import json
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import torch
import typer
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from transformers import HubertConfig, HubertModel

from benchmarks.outcome import Outcome
from covergen.embeddings.audio_stage import HearTracks
from covergen.embeddings.mert import Mert
from covergen.errors import ConfigError
from covergen.media import audio
from covergen.procedural.factors import draw_album
from covergen.procedural.music import synthesise

SECONDS, FILE_RATE, BATCH = 30.0, 44_100, 32
MERT_95M: Final = {"feat_extract_norm": "group", "conv_dim": [512] * 7}  # HubertConfig's own sizes besides
TOY: Final = {
    "hidden_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "conv_dim": [16] * 7,
    "num_conv_pos_embedding_groups": 2,
}


def main(*, quick: bool = False, device: str = "cuda") -> None:
    """Print what each way of listening reaches, then the ratio of the first to the model alone."""
    if device != "cpu" and not torch.cuda.is_available():
        raise SystemExit("This benchmark needs a GPU; --device cpu --quick tries its code at toy size.")
    began, clips, rounds = time.perf_counter(), 2 if quick else BATCH, 1 if quick else 10
    length = 10.0 if quick else SECONDS
    peak = matmul_flops(device, 512 if quick else 8192)
    with tempfile.TemporaryDirectory() as folder:
        save_mert(Path(folder), TOY if quick else MERT_95M)
        encoder = Mert(folder, device=device, bf16=True)
        count = round(length / encoder.segment_seconds)
        samples = round(encoder.segment_seconds * encoder.sample_rate)
        windows = torch.randn(clips * count, samples, device=device)
        flops = count * forward_flops(encoder, windows[:1])
        alone = clips / seconds(lambda: forward(encoder, windows), device, rounds)
        rates = heard(folder, made_up(clips, length), length, device=device, rounds=rounds)
    print(f"{peak / 1e12:.3g} TFLOP/s at the peak, {flops / 1e9:.4g} GFLOP a clip of {length:g} s")
    print(f"{'':32} {'clips/s':>9} {'of peak':>9}")
    shares = {}
    for name, rate in {"model alone": alone, **rates}.items():
        shares[name] = rate * flops / peak
        print(f"{name:32} {rate:9.2f} {shares[name]:9.1%}")
    ours = rates["resampled on cpu"]
    outcome = Outcome("mert", ours, alone, clips * rounds, "clips/s", time.perf_counter() - began)
    facts = {"clips_per_s": rates, "of_peak": shares, "flop_per_clip": flops, "peak_flop_per_s": peak}
    outcome.show(peer="model alone", facts=facts)


def heard(folder: str, songs: pa.Table, length: float, *, device: str, rounds: int) -> dict[str, float]:
    """Return clips a second of the stages, resampled on the CPU and where it can be on the device."""
    rates = {}
    for place in ("cpu", "device"):
        try:
            stage = HearTracks(
                folder,
                seconds=length,
                allow_noncommercial=True,
                device=device,
                bf16=True,
                batch_size=BATCH,
                resample_on_device=place == "device",
            )
        except ConfigError as reason:
            print(reason)
            continue
        hear = partial(stage.hear(), stage.cut()(songs))
        rates[f"resampled on {place}"] = len(songs) / seconds(hear, device, rounds)
        rates[f"resampled on {place}, and decoded"] = len(songs) / seconds(partial(stage, songs), device, 1)
    return rates


def save_mert(folder: Path, sizes: dict[str, Any]) -> None:
    """Save a random MERT in the released layout."""
    torch.manual_seed(0)
    config = HubertConfig(conv_kernel=[10, 3, 3, 3, 3, 2, 2], conv_stride=[5, 2, 2, 2, 2, 2, 2], **sizes)
    HubertModel(config).save_pretrained(folder)
    described = json.loads(config.to_json_string(use_diff=False)) | {"model_type": "mert_model"}
    (folder / "config.json").write_text(json.dumps(described))


def made_up(count: int, length: float) -> pa.Table:
    """Return rows of songs, FLAC at 44.1 kHz and a little longer than what is heard of them."""
    keys = [str(k) for k in range(count)]
    waveforms = [synthesise(draw_album(k, "eval"), length + 2, FILE_RATE) for k in range(min(count, 8))]
    files = [audio.encode_flac(waveform, FILE_RATE) for waveform in waveforms]
    columns = {
        "track_id": keys,
        "input_digest": keys,
        "uri": pa.nulls(count, pa.string()),
        "bytes": pa.array([files[k % len(files)] for k in range(count)], pa.binary()),
    }
    return pa.table(columns)


@torch.inference_mode()
def forward(encoder: Mert, windows: Tensor) -> None:
    """Run the model over windows (B, N), a batch at a time, keeping nothing."""
    for start in range(0, len(windows), BATCH):
        with torch.autocast(windows.device.type, torch.bfloat16):
            encoder.model(windows[start : start + BATCH], output_hidden_states=True)


@torch.no_grad()
def forward_flops(encoder: Mert, window: Tensor) -> int:
    """Return the model's operations over one window (1, N); to multiply and to add count as one each."""
    counter = FlopCounterMode(display=False)
    # Attention in plain products: fused kernels are not counted on every device.
    with counter, sdpa_kernel(SDPBackend.MATH):
        encoder.model(window, output_hidden_states=True)
    return int(counter.get_total_flops())


def matmul_flops(device: str, size: int) -> float:
    """Return the operations a second of a product of square bf16 matrices."""
    left, right = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    return 2 * size**3 / seconds(lambda: left @ right, device, 20)


def seconds(work: Callable[[], object], device: str, rounds: int) -> float:
    """Return the seconds of one call: the mean over rounds, the better of two goes, after one to warm up."""
    work()
    goes = []
    for _ in range(2):
        _wait(device)
        began = time.perf_counter()
        for _ in range(rounds):
            work()
        _wait(device)
        goes.append((time.perf_counter() - began) / rounds)
    return float(np.min(goes))


def _wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    typer.run(main)
