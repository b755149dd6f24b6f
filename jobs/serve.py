"""The online service in its first form: one song and its album's words in, one cover out.

`serve deploy serve_config.yaml`, or `serve run jobs.serve:app` on one machine. Queues, keys, events and the
page belong to later work.
"""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import FastAPI, File, Form, HTTPException, Response, UploadFile
from ray import serve

from covergen.errors import BadInput, ConfigError
from covergen.serving.schema import CoverOrder, FinishedCover
from covergen.serving.service import CoverService

MAX_UPLOAD = 64 * 2**20  # bytes

api = FastAPI(title="covergen", version="1")


@serve.deployment(name="Painter", max_ongoing_requests=8, ray_actor_options={"num_cpus": 1})
class Painter:
    """Holds the models of one replica."""

    def __init__(self, stable_diffusion: str = "tiny"):
        self.service = CoverService(stable_diffusion)

    def paint(self, song: bytes, order: dict[str, Any]) -> FinishedCover | str:
        """Return the cover, or a sentence that says why there is none."""
        try:
            return self.service.cover(song, CoverOrder(**order))[0]
        except (BadInput, ConfigError) as refusal:
            return str(refusal)


@serve.deployment(name="Ingress")
@serve.ingress(api)
class Ingress:
    """The HTTP side: reads the upload, asks a painter."""

    def __init__(self, painter: Any):
        self.painter = painter

    @api.post("/v1/covers", response_class=Response, responses={200: {"content": {"image/png": {}}}})
    async def cover(
        self,
        audio: Annotated[UploadFile, File(description="mp3, ogg, opus, m4a, flac or wav")],
        artist: Annotated[str, Form()],
        album: Annotated[str, Form()],
        genre: Annotated[str, Form()] = "unknown",
        seed: Annotated[int | None, Form()] = None,
        steps: Annotated[int, Form(ge=1, le=100)] = 20,
    ) -> Response:
        """Paint one cover; what paints it again stands in the headers and inside the PNG."""
        song = await audio.read(MAX_UPLOAD + 1)
        if len(song) > MAX_UPLOAD:
            raise HTTPException(413, f"The song is larger than {MAX_UPLOAD // 2**20} MB.")
        order = {"artist": artist, "album": album, "genre": genre, "seed": seed, "steps": steps}
        painted = await self.painter.paint.remote(song, order)
        if isinstance(painted, str):
            raise HTTPException(422, painted)
        facts = {name: value for name, value in asdict(painted).items() if name in {"seed", "album_id"}}
        headers = {f"x-covergen-{name.replace('_', '-')}": str(value) for name, value in facts.items()}
        return Response(painted.image, media_type="image/png", headers=headers)

    @api.get("/healthz")
    async def healthz(self) -> dict[str, str]:
        """Say that this replica answers."""
        return {"status": "ok"}


app = Ingress.bind(Painter.bind())  # type: ignore[attr-defined]
