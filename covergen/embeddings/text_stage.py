"""The stage `prompts -> text_embeddings`: each prompt through the frozen text encoder.

Which rows there are to do, and where results go, is left to the job.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
from numpy.typing import NDArray

from covergen.embeddings import clip_text
from covergen.embeddings.clip_text import ClipText
from covergen.errors import BadInput, RejectCode
from covergen.models.weights import use_threads
from covergen.storage import rows
from covergen.storage.tables import TEXT_EMBEDDINGS


class ReadWords:
    """Reads prompts with the frozen text encoder of a Stable Diffusion preset or folder."""

    key: Final = TEXT_EMBEDDINGS.key
    outcome: Final = rows.outcome_schema(TEXT_EMBEDDINGS)

    def __init__(
        self,
        stable_diffusion: str,
        *,
        device: str = "cpu",
        bf16: bool = False,
        offline: bool = False,
        threads: int | None = None,
    ):
        self.text = ClipText(stable_diffusion, device=device, bf16=bf16, offline=offline)
        self.threads = threads

    def recipe(self) -> dict[str, Any]:
        """Return everything that shapes a row; its digest names the generation."""
        return {
            "stage": "read",
            "version": clip_text.VERSION,
            "stable_diffusion": self.text.name,
            "text_digest": self.text.digest,
            "bf16": self.text.bf16,
        }

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of each tensor column: states [tokens, width] and pooled [width]."""
        return {"states": self.text.state_shape, "pooled": self.text.state_shape[1:]}

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return outcomes of `text_embeddings` for rows of `prompts`, in order."""
        use_threads(self.threads)
        texts = batch["text"].to_pylist()
        results: list[Mapping[str, Any] | BadInput] = [
            BadInput(RejectCode.MISSING_FIELD, "the prompt has no text") for _ in texts
        ]
        present = [index for index, text in enumerate(texts) if text is not None]
        if present:
            answers = self._read([texts[index] for index in present])
            stored = rows.storable(answers, whose=self._whose, probe=lambda: self._read([""]))
            for index, result in zip(present, stored, strict=True):
                results[index] = result
        return rows.outcomes(TEXT_EMBEDDINGS, batch, results)

    def _read(self, texts: Sequence[str]) -> dict[str, NDArray[Any]]:
        answers: dict[str, NDArray[Any]] = dict(zip(("states", "pooled"), self.text(texts), strict=True))
        for name, shape in self.shapes().items():
            rows.check_shape(answers[name], (len(texts), *shape), whose=self._whose)
        return answers

    @property
    def _whose(self) -> str:
        return f"text encoder of {self.text.name}"
