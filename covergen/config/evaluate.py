"""The section of a config that says what is measured, and with which frozen image models."""

from pydantic import Field

from covergen.config.sources import Section


class Evaluate(Section):
    """Covers to a report."""

    resamples: int = Field(2000, ge=100, description="bootstrap resamples")
    contact_sheet: int = Field(60, ge=1, description="covers shown at once; the others are folded away")
    reader_covers: int = Field(
        2000, ge=200, description="covers the evaluator is fitted on, where none is shipped"
    )
    clip: str | None = Field(
        None,
        description="CLIP of CMMD, CLIPScore and retrieval: preset name, or a folder; nothing leaves out",
    )
    dinov2: str | None = Field(
        None, description="DINOv2 of FD-DINOv2: preset name, or a folder; nothing leaves it out"
    )
    inception: str | None = Field(
        None, description="file with the Inception weights of FID and KID; nothing leaves them out"
    )
    training_covers: int = Field(
        5000, ge=10, description="training covers, at most, that painted ones are compared with"
    )
    batch_size: int = Field(32, ge=1, description="pictures an image model sees at once")
    gpus: float = Field(0, ge=0, description="GPUs of the task that measures")

    @property
    def device(self) -> str:
        """The torch device that the image models use."""
        return "cuda" if self.gpus else "cpu"
