"""Whether the weights that a config names are here or can be had: asked before the first stage runs.

Nothing is loaded or downloaded. Models that only measure may be missing: the report says what they leave out.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from covergen.config import Config
from covergen.embeddings.clip_image import ClipImage
from covergen.embeddings.registry import build_encoder
from covergen.errors import ModelError
from covergen.evaluation.models import clip_text, dinov2
from covergen.models import hub, stable_diffusion
from covergen.models.hub import Release
from covergen.tagging.registry import build_tagger
from jobs.runtime.progress import say

Needs = Iterator[tuple[str, Callable[[], None]]]  # a config's key with its value, and what looks for it


def check(config: Config, *jobs: str) -> None:
    """Raise ModelError, with the key, for weights that these jobs need and cannot have."""
    for job in jobs:
        for key, look in NEEDS[job](config):
            try:
                look()
            except ModelError as error:
                raise ModelError(f"{key}: {error}") from error


def check_all(config: Config) -> None:
    """Check what every job needs; say which measures will be left out."""
    check(config, *NEEDS)
    for key, look in _measuring(config):
        try:
            look()
        except ModelError as error:
            say(f"{key}: left out of the report: {error}")


def _tagging(config: Config) -> Needs:
    for name in config.tag.taggers:
        tagger = build_tagger(name, clap=config.tag.clap, offline=config.models.offline)
        yield f"tag.clap={config.tag.clap}", partial(_look, tagger, config)


def _embedding(config: Config) -> Needs:
    options, offline = config.embed, config.models.offline
    encoder = build_encoder(
        options.encoder,
        frame_rate=options.frame_rate,
        layers=options.layers,
        offline=offline,
        allow_noncommercial=options.allow_noncommercial,
    )
    yield f"embed.encoder={options.encoder}", partial(_look, encoder, config)
    yield from _parts(config, *stable_diffusion.TEXT_PARTS)
    if options.image_encoder is not None:
        seeing = ClipImage(options.image_encoder, offline=offline)
        yield f"embed.image_encoder={options.image_encoder}", partial(_look, seeing, config)


def _training(config: Config) -> Needs:
    pixels = ("vae",) if config.train.objective == "predecessor" else ()
    yield from _parts(config, *stable_diffusion.TEXT_PARTS, "unet", "scheduler", *pixels)


NEEDS: Final[dict[str, Callable[[Config], Needs]]] = {
    "tag": _tagging,
    "embed": _embedding,
    "encode": lambda config: _parts(config, "vae"),
    "train": _training,
    "generate": lambda config: _parts(config, *stable_diffusion.PARTS),
}
"""Job -> the weights that it needs of a config."""


def _parts(config: Config, *parts: str) -> Needs:
    name, offline = config.models.stable_diffusion, config.models.offline
    yield (
        f"models.stable_diffusion={name}",
        partial(stable_diffusion.check, name, parts, offline=offline),
    )


def _look(model: object, config: Config) -> None:
    """Look for what a model needs of the hub; of a folder its digest is asked, which reads what is there."""
    release: Release | None = getattr(model, "release", None)
    if release is not None:
        hub.check(release, offline=config.models.offline)
    else:
        _ = getattr(model, "digest", None)


def _measuring(config: Config) -> Needs:
    options, offline = config.evaluate, config.models.offline
    for key, name, release in (
        ("clip", options.clip, clip_text.release(options.clip or "")),
        ("dinov2", options.dinov2, dinov2.release(options.dinov2 or "")),
    ):
        if release is not None:
            yield f"evaluate.{key}={name}", partial(hub.check, release, offline=offline)
        elif name is not None:
            yield f"evaluate.{key}={name}", partial(_is_there, Path(name))
    if options.inception is not None:
        yield f"evaluate.inception={options.inception}", partial(_is_there, Path(options.inception))


def _is_there(path: Path) -> None:
    if not path.expanduser().exists():
        raise ModelError(f"there is no {path}")
