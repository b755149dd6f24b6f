"""The generate job's stage: rows of words and music in, rows of painted covers out."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import cached_property
from importlib.metadata import version
from typing import Any, Final

import numpy as np
import pyarrow as pa
import torch

from covergen.errors import BadInput, RejectCode
from covergen.generation.pipeline import Cover, CoverRequest, Painter, PaintSettings
from covergen.media import images
from covergen.models import stable_diffusion
from covergen.storage import objects, rows
from covergen.storage.tables import GENERATED
from covergen.training import checkpoint

VERSION: Final = 1  # raised by hand whenever the same inputs would be painted otherwise
WITHOUT_SOUND: Final = "prompt_only"


class Paint:
    """Paints one cover a row.

    Wants the columns album_id, system, variant, prompt, track_id, seed (decimal digits), states and frames
    (float16 bytes; frames null where the system hears nothing) and input_digest; gives rows of `generated`.
    """

    key: Final = GENERATED.key
    outcome: Final = rows.outcome_schema(GENERATED)

    def __init__(
        self,
        base: str,
        fusion: str | None = None,
        *,
        settings: PaintSettings,
        encoder_recipe: Mapping[str, Any] | None = None,
        device: str = "cpu",
        bf16: bool = False,
        batch_size: int = 8,
        threads: int | None = None,
        offline: bool = True,
    ):
        self.settings = settings
        self._base, self._fusion, self._encoder_recipe = base, fusion, encoder_recipe
        self._device, self._bf16, self._offline = device, bf16, offline
        self._batch_size, self._threads = batch_size, threads

    def recipe(self) -> dict[str, Any]:
        """Return what makes the rows; nothing heavy is loaded."""
        return {
            "stage": "paint",
            "version": VERSION,
            "base": self._base_digest,
            "fusion": self._fusion_digest,
            "bf16": self._bf16,
            **asdict(self.settings),
        }

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return outcomes for `generated`, row by row."""
        records = batch.to_pylist()
        requests = [self._request(record) for record in records]
        good = [request for request in requests if isinstance(request, CoverRequest)]
        covers = iter(self._painter.paint(good, self.settings))
        results = [
            request if isinstance(request, BadInput) else self._row(record, next(covers))
            for record, request in zip(records, requests, strict=True)
        ]
        return rows.outcomes(GENERATED, batch.drop_columns(["states", "frames"]), results)

    @cached_property
    def _base_digest(self) -> str:
        return stable_diffusion.digest(self._base)

    @cached_property
    def _fusion_digest(self) -> str | None:
        return None if self._fusion is None else checkpoint.digest(objects.pull(self._fusion))

    @cached_property
    def _painter(self) -> Painter:
        if self._threads:
            torch.set_num_threads(self._threads)
        model = stable_diffusion.load(
            self._base,
            device=self._device,
            dtype=torch.bfloat16 if self._bf16 else torch.float32,
            offline=self._offline,
        )
        if self._fusion is None:
            return Painter(model, batch_size=self._batch_size)
        fusion, _ = checkpoint.load(
            objects.pull(self._fusion), model.unet, base_digest=model.digest, recipe=self._encoder_recipe
        )
        return Painter(model, fusion, batch_size=self._batch_size)

    def _request(self, record: Mapping[str, Any]) -> CoverRequest | BadInput:
        config = self._painter.stable_diffusion.text_encoder.config
        try:
            states = _tensor(record, "states", (config.max_position_embeddings, config.hidden_size))
            if record["system"] == WITHOUT_SOUND:
                return CoverRequest(states, int(record["seed"]))
            if self._painter.fusion is None or record["frames"] is None:
                reason = (
                    f"system {record['system']} needs music and a fusion: embed the song, name a checkpoint"
                )
                return BadInput(RejectCode.NO_AUDIO_EMBEDDING, reason)
            frames = _tensor(record, "frames", self._painter.fusion.feature_shape)
            return CoverRequest(states, int(record["seed"]), frames)
        except BadInput as refusal:
            return refusal

    def _row(self, record: Mapping[str, Any], cover: Cover) -> dict[str, Any]:
        height, width = cover.image.shape[:2]
        digests = {"base_digest": self._base_digest, "fusion_digest": self._fusion_digest}
        facts = asdict(self.settings) | digests
        text = {
            "Software": f"covergen {version('covergen')}",
            "prompt": record["prompt"] or "",
            "seed": record["seed"],
            "settings": json.dumps(facts, sort_keys=True),
        }
        del facts["noise_shift"]  # no column of its own
        image = images.encode_png(cover.image, text)
        return {**facts, "image": image, "width": width, "height": height, "seconds": cover.seconds}


def _tensor(record: Mapping[str, Any], name: str, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Return a float16 tensor of a row. Raises BadInput where it is absent, of another size or not finite."""
    value = record[name]
    if value is None:
        raise BadInput(RejectCode.MISSING_FIELD, f"the row has no {name}: run the embed job first")
    if len(value) != 2 * int(np.prod(shape)):
        raise BadInput(
            RejectCode.WRONG_TYPE,
            f"{name} holds {len(value)} bytes, the model reads float16 of shape {shape}",
        )
    tensor = np.frombuffer(value, "<f2").reshape(shape)
    if not np.isfinite(tensor).all():
        raise BadInput(RejectCode.NOT_FINITE, f"{name} holds values that are not finite: embed it again")
    return tensor
