"""From a picture's settings back to what a client is handed: nothing that an order would not take."""

from typing import IO, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from covergen.errors import BadInput
from covergen.serving.api_models import Order, validated
from covergen.serving.domain import FinishedCover
from covergen.serving.pictures import order_of, settings_in
from covergen.serving.problems import Problem

_Digest = Annotated[str, Field(pattern="^[0-9a-f]{8,64}$")]
_Side = Annotated[int, Field(ge=1, le=2**16)]


class Painted(BaseModel):
    """What a picture tells of itself beside the order that paints it again."""

    model_config = ConfigDict(strict=True)

    width: _Side | None = None
    height: _Side | None = None
    album_id: Annotated[str, Field(max_length=100)] | None = None
    variant: Annotated[int, Field(ge=0, lt=2**32)] | None = None
    base_digest: _Digest | None = None
    fusion_digest: _Digest | None = None
    audio_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None


def recalled(picture: IO[bytes]) -> dict[str, Any]:
    """Return the parameters of a picture's cover, each as an order takes it, seeds as text.

    Raises Problem or ConfigError, with the name of what no picture of covergen's has.
    """
    try:
        told = settings_in(picture)
    except BadInput as refusal:
        reason = f"The picture cannot be used: {refusal.reason}."
        raise Problem(422, str(refusal.code), reason) from refusal
    wanted = {name: value for name, value in vars(order_of(told)).items() if name in Order.model_fields}
    lists = {name: list(wanted[name]) for name in ("tags", "varied_before")}
    order = validated({**wanted, **lists}, Order).model_dump(mode="json")
    facts = validated({name: told[name] for name in Painted.model_fields if name in told}, Painted)
    known = {**order, **facts.model_dump()}
    if "prompt" in told:  # in the picture it ends with the tags
        known["prompt"] = told["prompt"]
    names = FinishedCover.__dataclass_fields__.keys() & told.keys() & known.keys()
    return {name: known[name] for name in sorted(names)}
