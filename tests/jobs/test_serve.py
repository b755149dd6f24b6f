"""The service answers one upload with the cover that the service core paints."""

import io

import numpy as np
import pytest
import requests
from PIL import Image

from covergen import audio
from covergen.procedural.factors import draw_album
from covergen.procedural.music import synthesise
from covergen.serving.schema import CoverOrder
from covergen.serving.service import CoverService

pytestmark = pytest.mark.ray
URL = "http://127.0.0.1:18000/v1/covers"


@pytest.fixture(scope="module")
def service(ray_session: None) -> str:
    from ray import serve

    from jobs.serve import app

    serve.start(http_options={"host": "127.0.0.1", "port": 18000})
    serve.run(app, name="covergen", route_prefix="/")
    yield URL
    serve.shutdown()


def test_a_song_goes_in_and_its_cover_comes_out(service: str) -> None:
    song = audio.encode_flac(synthesise(draw_album(3, "eval"), 12.0, 24_000), 24_000)
    words = {"artist": "Mira", "album": "Moonlight", "genre": "jazz", "steps": "2"}
    answer = requests.post(service, files={"audio": ("song.flac", song)}, data=words, timeout=120)
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/png", answer.text
    painted = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB")).astype(int)
    own = CoverService().cover(song, CoverOrder(artist="Mira", album="Moonlight", genre="jazz", steps=2))[0]
    again = np.asarray(Image.open(io.BytesIO(own.image)).convert("RGB")).astype(int)
    assert np.abs(painted - again).max() <= 2
    assert answer.headers["x-covergen-seed"] == str(own.seed)


def test_what_is_no_song_is_refused_with_a_sentence(service: str) -> None:
    words = {"artist": "Mira", "album": "Moonlight"}
    answer = requests.post(service, files={"audio": ("song.mp3", b"not music")}, data=words, timeout=120)
    assert answer.status_code == 422
    assert "Traceback" not in answer.text and len(answer.json()["detail"]) > 10
