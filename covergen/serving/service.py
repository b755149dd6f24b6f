"""What `covergen cover` and the online service share: listen to a song, paint covers for it.

Listening runs the embed job's own operators and painting the generate job's own painter, on values rounded
to float16 as the tables hold them: a cover is the one the jobs paint for the same album, words, sound, seed
and settings. L layers, F frames, W feature width.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from covergen.catalog.genres import UNKNOWN, canonical_genre
from covergen.catalog.prompts.protocol import Facts, texts
from covergen.catalog.prompts.styles import album_genre
from covergen.embeddings.audio_stage import CutWindows, Hear, HearTracks
from covergen.embeddings.clip_text import ClipText
from covergen.errors import BadInput, ConfigError, RejectCode
from covergen.fusion.ip_adapter import adapter_tensors
from covergen.generation.pipeline import Cover, CoverRequest, Painter, PaintSettings
from covergen.generation.seeds import seed_of
from covergen.media import audio, images
from covergen.models import hub, stable_diffusion
from covergen.models.hub import Release
from covergen.models.noise_schedulers import check_noise_scheduler
from covergen.models.weights import chosen_device
from covergen.serving.domain import CoverOrder, FinishedCover, SongFeatures
from covergen.serving.pictures import encode
from covergen.sources.identity import album_id
from covergen.sources.local.file_urls import address_of
from covergen.sources.media import read_media
from covergen.storage.root import digest_of
from covergen.training import checkpoint

SHIPPED_FUSION: Final = Path(__file__).parent.parent / "assets" / "tiny" / "fusion"
_WORDS_KEPT: Final = 64  # prompts; 120 kB each for CLIP ViT-L
_LOUDNESS_FLOOR: Final = 1e-12
SONG: Final = pa.schema(
    [("track_id", pa.string()), ("input_digest", pa.string()), ("uri", pa.string()), ("bytes", pa.binary())]
)


@dataclass(frozen=True)
class Planned:
    """One cover before it is painted: what the painter wants, and what is told of it afterwards."""

    request: CoverRequest
    order: CoverOrder  # for this cover alone
    prompt: str
    audio_sha256: str | None


class CoverService:
    """Holds the models, loaded when first needed, and answers one order at a time.

    `fusion` is a checkpoint folder, "shipped" for the one beside the tiny model, or None to paint from words
    alone. Songs are heard as its checkpoint says, in the precision that it was trained with; `encoder` says
    where those weights lie, if elsewhere, and ModelError that they are others. `bf16` is for painting and
    reading words.
    """

    def __init__(
        self,
        stable_diffusion: str = "tiny",
        fusion: str | Path | None = "shipped",
        *,
        encoder: str | None = None,
        allow_noncommercial: bool = False,
        device: str = "auto",
        bf16: bool = False,
        offline: bool = False,
    ):
        self._name, self._bf16, self.offline = stable_diffusion, bf16, offline
        self.device = chosen_device(device)
        self._fusion = SHIPPED_FUSION if fusion == "shipped" else None if fusion is None else Path(fusion)
        where: dict[str, Any] = {"device": self.device, "offline": offline}
        where["allow_noncommercial"] = allow_noncommercial
        if self._fusion is None:
            self._hearing = HearTracks(encoder or "logmel", **where)
        else:
            facts = checkpoint.read_facts(self._fusion)
            self._hearing = HearTracks.again(facts.recipe, facts.feature_shape, encoder=encoder, **where)

    def fetch(self) -> None:
        """Download the weights that are not here yet. Raises ModelError, before the first byte if it can."""
        stable_diffusion.check(self._name, offline=self.offline)
        release: Release | None = getattr(self._hearing.encoder, "release", None)
        if release is not None:
            hub.check(release, offline=self.offline)
            hub.download(release, offline=self.offline)
        stable_diffusion.folder(self._name, offline=self.offline)

    @cached_property
    def hearing(self) -> dict[str, Any]:
        """The way songs are heard: recipe and facts, as the embed job writes them down."""
        return {**self._hearing.recipe(), **self._hearing.facts()}

    @property
    def hearing_name(self) -> str:
        """What names the way songs are heard: that of a generation of `audio_embeddings`."""
        return digest_of(self._hearing.recipe())

    @property
    def feature_shape(self) -> tuple[int, ...]:
        """The shape (L, F, W) of what is heard."""
        return self._hearing.shapes()["frames"]

    def listen(self, song: bytes | Path) -> SongFeatures:
        """Return what the encoder hears in a song. Raises BadInput with the code that fits."""
        content = song if isinstance(song, bytes) else _read(song)
        sha256 = hashlib.sha256(content).hexdigest()
        row = {"track_id": sha256, "input_digest": sha256, "uri": None, "bytes": content}
        cut_windows, hear = self._operators
        cut = cut_windows(pa.Table.from_pylist([row], schema=SONG))
        answer = hear(cut).to_pylist()[0]
        if answer["reject_code"]:
            raise BadInput(RejectCode(answer["reject_code"]), answer["reject_reason"])
        windows = np.frombuffer(cut["windows"][0].as_py(), "<f4")
        return SongFeatures(
            frames=np.frombuffer(answer["frames"], "<f2").reshape(self.feature_shape),
            seconds=answer["seconds"],
            song_seconds=audio.probe(content).container_seconds,
            loudness=float(10 * np.log10(np.mean(np.square(windows, dtype=np.float64)) + _LOUDNESS_FLOOR)),
            sha256=sha256,
        )

    def cover(self, song: bytes | Path | SongFeatures | None, order: CoverOrder) -> list[FinishedCover]:
        """Return `order.n` covers; without a song they follow the words alone.

        Raises BadInput for a song that cannot be used, ConfigError for an order that cannot be met.
        """
        features = song if isinstance(song, SongFeatures) or song is None else self.listen(song)
        planned = self.plan(features, order)
        painted = self.painter.paint([each.request for each in planned], PaintSettings.of(order))
        return [self.finish(each, picture) for each, picture in zip(planned, painted, strict=True)]

    def plan(self, features: SongFeatures | None, order: CoverOrder) -> list[Planned]:
        """Return what is to be painted, a cover each; ConfigError for an order that cannot be met."""
        check_noise_scheduler(order.noise_scheduler)
        text = prompt_of(order)
        states, frames = self._read_words(text), None if features is None else features.frames
        planned = []
        for variant in range(order.first_variant, order.first_variant + order.n):
            seed, variation_seed = _seeds(order, variant)
            request = CoverRequest(
                states, seed, frames, variation_seed or 0, order.variation_strength, order.variations()
            )
            one = replace(order, n=1, first_variant=variant)
            planned.append(Planned(request, one, text, None if features is None else features.sha256))
        return planned

    def finish(self, planned: Planned, picture: Cover) -> FinishedCover:
        """Return a painted picture as a file of the order's size and format, its settings inside."""
        order, request = planned.order, planned.request
        pixels = picture.image if order.size is None else images.fit_square(picture.image, order.size)
        cover = FinishedCover(
            image=b"",
            height=pixels.shape[0],
            width=pixels.shape[1],
            order=order,
            album_id=album_id(order.artist, order.album, order.year),
            prompt=planned.prompt,
            seed=request.seed,
            variation_seed=request.variation_seed if order.variation_strength else None,
            base_digest=self.painter.stable_diffusion.digest,
            fusion_digest=self._fusion_digest,
            audio_sha256=planned.audio_sha256,
            seconds=picture.seconds,
        )
        return replace(cover, image=encode(pixels, order.format, cover.parameters()))

    @cached_property
    def _read_words(self) -> Callable[[str], NDArray[np.float16]]:
        """Gives the text states (T, D), rounded as the table of text embeddings holds them.

        The covers of an order share their words, and come one by one.
        """

        @lru_cache(_WORDS_KEPT)
        def states_of(text: str) -> NDArray[np.float16]:
            states, _ = self._words([text])
            return np.asarray(states[0], dtype="<f2")

        return states_of

    @cached_property
    def _words(self) -> ClipText:
        return ClipText(self._name, device=self.device, bf16=self._bf16, offline=self.offline)

    @cached_property
    def _operators(self) -> tuple[CutWindows, Hear]:
        return self._hearing.cut(), self._hearing.hear()

    @cached_property
    def _fusion_digest(self) -> str | None:
        return None if self._fusion is None else checkpoint.digest(self._fusion)

    @cached_property
    def painter(self) -> Painter:
        """What paints: the frozen model with the fusion, loaded when first asked for."""
        kind = torch.bfloat16 if self._bf16 else torch.float32
        model = stable_diffusion.load(self._name, device=self.device, dtype=kind, offline=self.offline)
        if self._fusion is None:
            return Painter(model)
        fusion, _ = checkpoint.load(self._fusion, model.unet, base_digest=model.digest, recipe=self.hearing)
        return Painter(model, fusion)


def prompt_of(order: CoverOrder) -> str:
    """Return the order's own prompt, or that of the style `album_genre`; its tags at the end.

    The genre is the catalogue's word for it, so that "Hip-Hop" reads as the model learnt it, and so does a
    genre that nobody knows.
    """
    genre = canonical_genre([order.genre]) or UNKNOWN
    words = order.prompt or texts(album_genre(Facts(order.album, genre)))["full"]
    return " ".join([words, *([f"{', '.join(order.tags)}."] if order.tags else [])])


def _seeds(order: CoverOrder, variant: int) -> tuple[int, int | None]:
    """Return the seed of a variant, and that of its variation where there is one."""
    album = album_id(order.artist, order.album, order.year)
    if not order.variation_strength:
        return _counted(order.seed, album, variant), None
    return _counted(order.seed, album, 0), _counted(order.variation_seed, f"{album}/variation", variant)


def _counted(seed: int | None, album: str, variant: int) -> int:
    return seed_of(album, variant) if seed is None else (seed + variant) % 2**64


def _read(song: Path) -> bytes:
    return read_media({"uri": address_of(song.absolute()), "bytes": None})


# A trained fusion as one file for stock diffusers: what `covergen export-adapter` does.


def export_adapter(
    fusion: str | Path, out: Path, *, base: str = "tiny", offline: bool = False
) -> dict[str, Any]:
    """Write a checkpoint ("shipped" or a folder) as an IP-Adapter Plus and return what the file says of it.

    The file's metadata holds it under `covergen`, as JSON: how the music was heard, the shape of its frames,
    base and checkpoint. ModelError for a fusion that has no such layout or was trained on another base.
    """
    folder = SHIPPED_FUSION if fusion == "shipped" else Path(fusion)
    unet = stable_diffusion.load_unet(base, offline=offline)
    made, facts = checkpoint.load(folder, unet, base_digest=stable_diffusion.digest(base))
    tensors = adapter_tensors(made)
    description = {
        "heard_with": dict(facts.recipe),
        "feature_shape": list(facts.feature_shape),
        "size": facts.arguments["size"],
        "base": base,
        "base_digest": facts.base_digest,
        "fusion_digest": checkpoint.digest(folder),
        "step": facts.step,
        "version": version("covergen"),
    }
    part = out.with_name(f"{out.name}.part")
    try:
        save_file(
            tensors, part, metadata={"format": "pt", "covergen": json.dumps(description, sort_keys=True)}
        )
        part.replace(out)
    except OSError as error:
        raise ConfigError(f"{out} cannot be written: {error}; choose another place") from error
    return description
