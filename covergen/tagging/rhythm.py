"""Tempo from how onsets repeat. B windows, T mel frames, M mel bands, P candidate periods."""

from typing import Final

import numpy as np

from covergen.embeddings.logmel import FAST_HOP, Floats, LogMel, autocorrelation, onset_envelope

SLOWEST, FASTEST = 40.0, 220.0  # beats per minute
_FRAMES_PER_MINUTE: Final = 60 * LogMel.sample_rate / FAST_HOP
_CANDIDATES: Final = 600
_USUAL, _OCTAVES = 120.0, 1.0  # what is tapped most often, and how far tempi spread around it
_BEATS: Final = (1, 2, 3, 4)  # later ones count less
_BETWEEN: Final = 0.3
_FAINTEST: Final = 0.15  # white noise stays below 0.12


def tempo(mel: Floats) -> float | None:
    """Return the beats per minute of one song's mel frames (B, T, M), or None where onsets do not repeat.

    A period counts by the autocorrelation of the onsets after one, two, three and four beats, less that after
    one and a half: high there means that the beat is half or twice as long. A log-normal preference for
    moderate tempi (van Noorden and Moelants 1999, doi:10.1076/jnmr.28.1.43.3122) settles what is left.
    """
    correlation = np.mean([autocorrelation(onset_envelope(window)) for window in mel], axis=0)
    lags, longest = np.arange(len(correlation)), 0.6 * len(correlation)

    def repeats(periods: Floats) -> Floats:
        values: Floats = np.interp(periods, lags, correlation).astype(np.float32)
        return values

    candidates = np.geomspace(SLOWEST, FASTEST, _CANDIDATES).astype(np.float32)
    periods = np.float32(_FRAMES_PER_MINUTE) / candidates  # (P,)
    weights = np.array([(periods * beat < longest) / beat for beat in _BEATS])  # (4, P)
    comb = np.array([repeats(periods * beat) for beat in _BEATS])
    score = (weights * comb).sum(axis=0) / np.maximum(weights.sum(axis=0), 1e-9)
    score = np.maximum(score - _BETWEEN * repeats(1.5 * periods), 0)
    best = (score * np.exp(-0.5 * (np.log2(candidates / _USUAL) / _OCTAVES) ** 2)).argmax()
    return float(candidates[best]) if repeats(periods)[best] > _FAINTEST else None
