"""The audio encoders by name. One file and one line here add another."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from covergen.embeddings.clap import Clap
from covergen.embeddings.loading import CONFIG, read_config
from covergen.embeddings.logmel import LogMel
from covergen.embeddings.mert import Mert
from covergen.embeddings.musicgen import MusicGen
from covergen.embeddings.protocol import AudioEncoder
from covergen.errors import ConfigError

# Each takes frame_rate, layers, device, bf16, offline as keywords, and reads no weights until it is called.
AUDIO_ENCODERS: Final[dict[str, Callable[..., AudioEncoder]]] = {
    "logmel": LogMel,
    "mert-v1-95m": partial(Mert, "mert-v1-95m"),
    "mert-v1-330m": partial(Mert, "mert-v1-330m"),
    "musicgen": partial(MusicGen, "musicgen"),
    "clap": partial(Clap, "clap"),
}
# What hears with a folder in its released layout, by `model_type` in its config.json.
MODEL_TYPES: Final[dict[str, Callable[..., AudioEncoder]]] = {
    "mert_model": Mert,
    "musicgen": MusicGen,
    "clap": Clap,
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
    """Return an encoder of the registry, or one from a folder; nothing heavy is loaded yet.

    ConfigError for an unknown name, and for a licence without commercial use unless that is allowed.
    """
    factory = AUDIO_ENCODERS.get(name) or _of_folder(name)
    encoder = factory(frame_rate=frame_rate, layers=layers, device=device, bf16=bf16, offline=offline)
    if not (encoder.commercial or allow_noncommercial):
        free = [other for other, build in AUDIO_ENCODERS.items() if build(offline=True).commercial]
        raise ConfigError(
            f"the weights of {name} are {encoder.licence}, for research only; allow_noncommercial=true "
            f"(--allow-noncommercial) says that this is what you do; or choose {' or '.join(free)}"
        )
    return encoder


def _of_folder(name: str) -> Callable[..., AudioEncoder]:
    folder = Path(name).expanduser()
    if not (folder / CONFIG).is_file():
        raise ConfigError(
            f"audio encoder {name!r} is unknown; choose one of {', '.join(AUDIO_ENCODERS)}, or a folder "
            f"in the layout of such a release, with its {CONFIG}"
        )
    kind = read_config(folder, what="audio encoder", presets=AUDIO_ENCODERS).get("model_type")
    if kind not in MODEL_TYPES:
        raise ConfigError(
            f"{name} holds a model of type {kind!r}, which cannot be listened with; take a folder whose "
            f"{CONFIG} has model_type {' or '.join(MODEL_TYPES)}"
        )
    return partial(MODEL_TYPES[kind], name)
