"""Synthesiser patches: the timbre of an album, which tells nothing of its factors."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Patch:
    """A timbre: partials as (harmonic, amplitude), attack and decay of a note, vibrato and noise of the drum.

    Times are in seconds, `drum_pitch` in Hz.
    """

    partials: tuple[tuple[int, float], ...]
    attack: float
    decay: float
    detune: float
    drum_pitch: float


PATCHES: Final = {
    "organ": Patch(((1, 1.0), (2, 0.7), (4, 0.5), (8, 0.3)), 0.02, 2.5, 0.0, 62.0),
    "reed": Patch(((1, 1.0), (3, 0.6), (5, 0.4), (7, 0.3), (9, 0.2)), 0.04, 1.6, 0.001, 55.0),
    "glass": Patch(((1, 1.0), (4, 0.5), (10, 0.25)), 0.005, 0.8, 0.0, 80.0),
    "strings": Patch(((1, 1.0), (2, 0.6), (3, 0.5), (4, 0.35), (5, 0.3), (6, 0.2)), 0.08, 2.2, 0.003, 50.0),
    "pluck": Patch(((1, 1.0), (2, 0.8), (3, 0.4), (6, 0.3)), 0.004, 0.45, 0.001, 70.0),
    "keys": Patch(((1, 1.0), (2, 0.35), (3, 0.25), (5, 0.15), (8, 0.1)), 0.006, 1.0, 0.0005, 58.0),
    "brass": Patch(((1, 0.8), (2, 1.0), (3, 0.7), (4, 0.4), (5, 0.3), (7, 0.2)), 0.05, 1.4, 0.001, 66.0),
    "choir": Patch(((1, 1.0), (2, 0.4), (3, 0.5), (6, 0.35), (9, 0.15)), 0.07, 2.0, 0.002, 53.0),
    "bell": Patch(((1, 1.0), (3, 0.4), (6, 0.45), (11, 0.2)), 0.005, 1.2, 0.0, 75.0),
}
