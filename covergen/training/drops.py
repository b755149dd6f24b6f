"""Which examples go without sound, without words, or without either, so that guidance has its branches."""

from dataclasses import dataclass

import torch
from torch import Tensor

from covergen.errors import ConfigError


@dataclass(frozen=True)
class DropRates:
    """Shares of examples; what is left keeps both."""

    audio: float = 0.10
    text: float = 0.10
    both: float = 0.05

    def __post_init__(self) -> None:
        if min(self.audio, self.text, self.both) < 0 or self.audio + self.text + self.both >= 1:
            raise ConfigError(
                f"drop rates {self.audio} + {self.text} + {self.both} must be positive and below 1 in all"
            )


def draw(count: int, rates: DropRates, *, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return booleans (count,) `heard` and `read`: whether an example keeps its sound and its words."""
    uniform = torch.rand(count, generator=generator, dtype=torch.float64)
    both, audio = uniform < rates.both, uniform < rates.both + rates.audio
    text = (uniform < rates.both + rates.audio + rates.text) & ~audio
    return ~audio, ~(text | both)
