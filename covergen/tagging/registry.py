"""The taggers by name. One file and one line here add another."""

from collections.abc import Callable
from typing import Final

from covergen.errors import ConfigError
from covergen.tagging.protocol import Tagger
from covergen.tagging.signal import SignalTagger
from covergen.tagging.zero_shot import ClapZeroShot

# Each takes clap, device, bf16, offline as keywords, and reads no weights until it is called.
TAGGERS: Final[dict[str, Callable[..., Tagger]]] = {
    "signal": SignalTagger,
    "clap-zero-shot": ClapZeroShot,
}


def build_tagger(
    name: str, *, clap: str = "clap", device: str = "cpu", bf16: bool = False, offline: bool = False
) -> Tagger:
    """Return a tagger of the registry; `clap` is the preset or folder of those that hear with a CLAP.

    ConfigError for an unknown name; nothing heavy is loaded yet.
    """
    if name not in TAGGERS:
        raise ConfigError(f"tagger {name!r} is unknown; choose among {', '.join(TAGGERS)}")
    return TAGGERS[name](clap=clap, device=device, bf16=bf16, offline=offline)
