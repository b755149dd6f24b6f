"""Resampling on the device by torchaudio, for clips that were decoded at their files' own rates.

The filter is the one that decoding uses on the CPU, so that both ways are heard alike. torchaudio, of the
extra `gpu`, is imported only where it is asked for.
B clips, N samples at the file's rate, M at the encoder's.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from covergen.embeddings.windows import window_starts
from covergen.errors import ConfigError, one_line

NAME: Final = "torchaudio:1"  # raise the number whenever a sample changes
"""Stands in the recipe of what was resampled here."""

# The defaults of libswresample (its options.c; resample_init and build_filter in its resample.c): a sinc of
# 32 taps, so 16 zero crossings a side, cut off at 0.97 of the lower rate, under a Kaiser window of beta 9.
_CROSSINGS, _CUTOFF, _BETA = 16, 0.97, 9.0
_MAX_RATE: Final = 192_000  # Hz; what is above costs more to move than to resample first
_MAX_KERNEL: Final = 2**21  # floats; rates without a large common divisor need a filter for every sample


def check() -> None:
    """Refuse, by ConfigError, a machine on which torchaudio cannot be loaded."""
    try:
        import torchaudio  # noqa: F401
    except ModuleNotFoundError as error:
        raise ConfigError(
            "resample=device needs torchaudio, which is not installed: pip install -c constraints.txt "
            "'.[gpu]' beside a CUDA build of torch, or take resample=cpu"
        ) from error
    # Its libraries ask for those of a CUDA build of torch, of the CUDA version they were built for.
    except (ImportError, OSError, RuntimeError) as error:
        raise ConfigError(
            f"resample=device needs torchaudio, which does not load beside torch {torch.__version__}: "
            f"{one_line(error)}; take the CUDA build of torch in constraints.txt, or "
            "resample=cpu"
        ) from error


def resampled_size(samples: int, sample_rate: int, wanted: int) -> int:
    """Return M, how many whole samples at the wanted rate a clip of N samples gives."""
    return samples * wanted // sample_rate


def is_fit(sample_rate: int, wanted: int) -> bool:
    """Tell whether the device resamples from a rate to the wanted one at a reasonable size."""
    divisor = math.gcd(sample_rate, wanted)
    old, new = sample_rate // divisor, wanted // divisor
    taps = old + 2 * math.ceil(_CROSSINGS * old / (min(old, new) * _CUTOFF))
    return sample_rate <= _MAX_RATE and new * taps <= _MAX_KERNEL


class Resampler:
    """Brings clips of several rates to one, on a device; clips of one rate and length go together."""

    def __init__(self, sample_rate: int, device: str):
        self.sample_rate, self.device = sample_rate, device

    @torch.inference_mode()
    def __call__(self, clips: Sequence[NDArray[np.float32]], rates: Sequence[int]) -> list[Tensor]:
        """Return each clip (M,) on the device for clips (N,) at their rates in Hz, in order."""
        groups: dict[tuple[int, int], list[int]] = defaultdict(list)
        for place, (clip, rate) in enumerate(zip(clips, rates, strict=True)):
            groups[rate, clip.size].append(place)
        results: dict[int, Tensor] = {}
        for (rate, _), places in groups.items():
            equal = np.stack([clips[place] for place in places])
            waveforms = torch.from_numpy(equal).to(self.device)  # (B, N)
            if rate != self.sample_rate:
                waveforms = self._resampled(waveforms, rate)
            results.update(zip(places, waveforms, strict=True))  # (B, M)
        return [results[place] for place in range(len(clips))]

    def windows(
        self, clips: Sequence[NDArray[np.float32]], rates: Sequence[int], *, count: int, samples: int
    ) -> Tensor:
        """Return `count` windows of `samples` of each clip (pieces, N), on the device.

        They are (clips x count, samples), and as many come from each piece of a clip.
        """
        pieces = [(piece, rate) for clip, rate in zip(clips, rates, strict=True) for piece in clip]
        each = [count // len(clip) for clip in clips for _ in clip]
        resampled = self([piece for piece, _ in pieces], [rate for _, rate in pieces])
        return torch.stack(
            [
                waveform[start : start + samples]
                for waveform, windows in zip(resampled, each, strict=True)
                for start in window_starts(len(waveform), windows, samples)
            ]
        )

    def _resampled(self, waveforms: Tensor, rate: int) -> Tensor:
        """Return (B, M) for waveforms (B, N), mirrored at their ends, since silence there would click."""
        kernel = _kernel(rate, self.sample_rate, self.device)
        old, new = rate // kernel.gcd, self.sample_rate // kernel.gcd
        steps = math.ceil(kernel.width / old)  # of the two rates' common grid: `old` samples become `new`
        pad = steps * old
        # As libswresample does it, which repeats the last sample and not the first.
        before, after = waveforms[:, 1 : pad + 1].flip(1), waveforms[:, -pad:].flip(1)
        # Convolutions may round to TF32, 10 bits, unless that is forbidden: 1e-3 of the music.
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            longer: Tensor = kernel(torch.cat([before, waveforms, after], dim=1))
        size = resampled_size(waveforms.shape[1], rate, self.sample_rate)
        return longer[:, steps * new : steps * new + size]


@lru_cache(maxsize=8)
def _kernel(sample_rate: int, wanted: int, device: str) -> Any:
    """Return torchaudio's resampling between two rates, its filters made once in fp64."""
    check()
    from torchaudio.transforms import Resample

    lower = min(sample_rate, wanted)
    return Resample(
        sample_rate,
        wanted,
        resampling_method="sinc_interp_kaiser",
        lowpass_filter_width=_CROSSINGS,
        rolloff=min(1.0, _CUTOFF * wanted / lower),  # to a higher rate nothing need be cut off
        beta=_BETA,
    ).to(device)
