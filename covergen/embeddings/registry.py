"""The audio encoders by name. One file and one line here add another."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from covergen.embeddings.clap import Clap
from covergen.embeddings.logmel import LogMel
from covergen.embeddings.mert import Mert
from covergen.embeddings.protocol import AudioEncoder
from covergen.errors import ConfigError

# Each takes frame_rate, layers, device, bf16, offline as keywords, and reads no weights until it is called.
AUDIO_ENCODERS: Final[dict[str, Callable[..., AudioEncoder]]] = {
    "logmel": LogMel,
    "mert-v1-95m": partial(Mert, "mert-v1-95m"),
    "mert-v1-330m": partial(Mert, "mert-v1-330m"),
    "clap": partial(Clap, "clap"),
}


def build_encoder(
    name: str,
    *,
    frame_rate: float = 2.0,
    layers: Sequence[int] | None = None,
    device: str = "cpu",
    bf16: bool = False,
    offline: bool = False,
    allow_noncommercial: bool = False,
) -> AudioEncoder:
    """Return an encoder of the registry, or a MERT from a folder; nothing heavy is loaded yet.

    ConfigError for an unknown name, and for a licence without commercial use unless that is allowed.
    """
    if name in AUDIO_ENCODERS:
        factory = AUDIO_ENCODERS[name]
    elif (Path(name).expanduser() / "config.json").is_file():
        factory = partial(Mert, name)
    else:
        raise ConfigError(
            f"audio encoder {name!r} is unknown; choose one of {', '.join(AUDIO_ENCODERS)}, or a "
            "folder with a MERT"
        )
    encoder = factory(frame_rate=frame_rate, layers=layers, device=device, bf16=bf16, offline=offline)
    if not (encoder.commercial or allow_noncommercial):
        raise ConfigError(
            f"the weights of {name} are {encoder.licence}, for research only; set allow_noncommercial=true "
            "if that is what you do, or choose clap or logmel, which anyone may use"
        )
    return encoder
