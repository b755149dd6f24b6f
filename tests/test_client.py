import io

import numpy as np
import pytest
from PIL import Image

from covergen import client
from covergen.client import Client, ServiceError
from covergen.media import audio
from covergen.procedural.factors import draw_album
from covergen.procedural.music import synthesise
from covergen.serving.http.routes import Settings
from covergen.serving.http.server import local_app
from covergen.serving.service import CoverService
from tests.serving.hosting import hosted

WORDS = {"artist": "Mira", "album": "Moonlight", "genre": "jazz", "steps": 2}
SONG = audio.encode_flac(synthesise(draw_album(3, "eval"), 12.0, 24_000), 24_000)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    app = local_app(str(tmp_path_factory.mktemp("root")), CoverService(), Settings(), waiting=8)
    with hosted(app) as address:
        yield address


@pytest.fixture
def service(base):
    with Client(base) as client:
        yield client


def test_a_cover_and_its_settings_paint_it_again(service, tmp_path):
    path = tmp_path / "song.flac"
    path.write_bytes(SONG)
    picture = service.cover(path, **WORDS, tags=["calm", "warm"])
    again = service.again(picture.image, SONG)
    first, second = (np.asarray(Image.open(io.BytesIO(each.image))) for each in (picture, again))
    assert np.abs(first.astype(int) - second.astype(int)).max() <= 2
    assert picture.parameters["seed"] == again.parameters["seed"]


def test_an_order_is_followed_marked_and_found_again(service):
    heard = service.listen(SONG, artist="Mira", album="Moonlight")
    order = service.order(song=None, **WORDS, n=2) if not heard else service.order(**WORDS, n=2)
    kinds = [kind for kind, _ in order.events()]
    assert kinds[0] == "state" and kinds[-1] == "end" and "step" in kinds
    assert len(order.wait().pictures()) == 2
    order.favourite(1)
    assert [each.id for each in service.history(favourites=True)] == [order.id]
    order.favourite(1, wanted=False)
    assert service.history(favourites=True) == []
    order.delete()
    assert order.id not in [each.id for each in service.history()]
    assert [each["song"] for each in service.uploads()] == [heard["song"]]
    service.delete_upload(heard["song"])
    assert service.uploads() == []


def test_what_is_refused_is_told(service):
    with pytest.raises(ServiceError, match="cannot be used") as refused:
        service.cover(b"no music", **WORDS)
    assert refused.value.code == "unsupported_format"
    with pytest.raises(ServiceError, match="steps") as refused:
        service.order(**{**WORDS, "steps": 0})
    assert refused.value.status == 422 and refused.value.request_id
    order = service.order(**{**WORDS, "steps": 100})
    assert order.cancel()["status"] == "cancelled"
    with pytest.raises(ServiceError, match="cancelled"):
        order.wait()


def test_a_full_service_is_waited_for(base, monkeypatch):
    pauses = []
    with Client(base) as patient, Client(base, patience=0) as impatient:
        orders = [patient.order(**{**WORDS, "steps": 100}, n=8) for _ in range(2)]
        with pytest.raises(ServiceError) as refused:
            impatient.order(**WORDS, n=8)
        assert refused.value.status == 429

        def pause(seconds):
            pauses.append(seconds)
            for order in orders:
                order.cancel()

        monkeypatch.setattr(client.time, "sleep", pause)
        assert patient.order(**WORDS).state["status"] in {"queued", "painting", "done"}
        assert len(pauses) == 1 and pauses[0] >= 1


def test_a_service_that_is_not_there_is_told():
    with (
        Client("http://127.0.0.1:9", timeout=1) as nobody,
        pytest.raises(ServiceError, match="cannot be reached"),
    ):
        client.LOOK, kept = 0.0, client.LOOK
        try:
            nobody.history()
        finally:
            client.LOOK = kept
