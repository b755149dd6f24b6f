"""The page in a real browser, over the real API and models in one process."""

import asyncio
import hashlib
import re
import shutil
import time
from contextlib import suppress
from pathlib import Path

import httpx2
import numpy as np
import pytest
from mutagen import File
from mutagen.flac import FLAC
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from covergen.serving.api_keys import ApiKeys, Key
from covergen.serving.http import routes
from covergen.serving.http.app import FOLDER
from covergen.serving.http.routes import Settings
from covergen.serving.http.server import local_app
from covergen.serving.pictures import encode, settings_in
from covergen.serving.queue import Allowance
from covergen.serving.service import CoverService
from tests.audio_files import encoded, tone
from tests.serving import browsing
from tests.serving.browsing import DONE, drop, find, in_chromium, open_page, serious_faults, until, write
from tests.serving.hosting import hosted

browser, song = browsing.browser, browsing.song  # fixtures


def test_the_page_is_light_and_names_no_other_host():
    pages = [path for path in FOLDER.iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in pages) < 200_000
    for path in pages:
        hosts = set(re.findall(r"(?:https?:)?//([a-z0-9-]+\.[a-z0-9.]+)", path.read_text()))
        assert hosts <= {"www.w3.org"}, path  # the name of SVG's namespace
        assert len(path.read_text().splitlines()) <= 300
    index = (FOLDER / "index.html").read_text()
    assert " style=" not in index and " onclick=" not in index and "<script>" not in index


@pytest.fixture(scope="module")
def service():
    return CoverService()


@pytest.fixture(scope="module")
def base(tmp_path_factory, service):
    app = local_app(str(tmp_path_factory.mktemp("root")), service, Settings())
    with hosted(app) as address:
        yield address


async def _elsewhere(scope, receive, send):
    """Another site."""
    headers = [(b"content-type", b"text/html")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"<!doctype html><title>Elsewhere</title>"})


# An order as a form, which needs no leave of the other side; the history; what changes something.
ATTACK = """
const [base, done] = arguments;
const form = new FormData();
for (const name of ["artist", "album"]) form.append(name, "Evil");
const said = (answer) => answer.type;
const refused = () => "refused";
Promise.all([
  fetch(`${base}/v1/covers`, {method: "POST", mode: "no-cors", body: form}).then(said, refused),
  fetch(`${base}/v1/covers`).then(said, refused),
  fetch(`${base}/v1/covers`, {method: "DELETE"}).then(said, refused),
]).then(done);
"""


class TestInChromium:
    pytestmark = in_chromium

    def test_from_a_song_to_covers_and_back(self, browser, base, song, tmp_path):
        open_page(browser, base)
        browser.find_element(By.ID, "files").send_keys(song)
        until(browser, "#facts dd", 3)
        assert browser.find_element(By.NAME, "artist").get_property("value") == "Mira"
        assert "Moonlight" in browser.find_element(By.NAME, "prompt").get_property("value")
        write(browser, "genre", "jazz" + Keys.TAB)
        write(browser, "tags", "calm")
        browser.find_element(By.CSS_SELECTOR, "summary").click()
        write(browser, "steps", "4")
        browser.find_element(By.ID, "paint").click()
        until(browser, DONE, 4)

        find(browser, "[data-do=favourite]")[1].click()
        until(browser, "[data-do=favourite][aria-pressed=true]")
        find(browser, "[data-do=subtly]")[0].click()
        until(browser, DONE, 5)
        find(browser, "[data-do=strongly]")[0].click()
        until(browser, DONE, 6)
        newest = httpx2.get(f"{base}/v1/covers", params={"limit": 2}).json()["covers"]
        strongly, subtly = (state["covers"][0]["parameters"] for state in newest)
        assert (
            strongly["varied_before"] == [f"{subtly['variation_seed']}:0.25"] and not subtly["varied_before"]
        )
        find(browser, "[data-do=again]")[2].click()
        until(browser, DONE, 7)
        assert len(find(browser, ".album")) == 1  # one album's covers stand together
        assert (
            len({image.get_attribute("src") for image in find(browser, DONE)}) == 7
        )  # nothing was overwritten

        find(browser, "[data-do=compare]")[0].click()
        find(browser, "[data-do=compare]")[1].click()
        until(browser, "#compare[open] #right[src^=blob]")
        browser.find_element(By.ID, "cut").send_keys(Keys.ARROW_RIGHT)
        assert "inset(0px 0px 0px 51%)" in browser.find_element(By.ID, "right").get_attribute("style")
        browser.find_element(By.CSS_SELECTOR, "[name=way][value=beside]").click()
        assert find(browser, "#stage.beside") and not browser.find_element(By.ID, "cut").is_displayed()
        browser.find_element(By.CSS_SELECTOR, "#compare [data-close]").click()

        saved = self.saved(browser, 2, tmp_path)
        settings = settings_in(saved.read_bytes())
        assert settings["genre"] == "jazz" and settings["tags"] == ["calm"]
        assert settings["variation_strength"] == 0.25

        browser.find_element(By.ID, "show-favourites").click()
        end = time.monotonic() + 30
        while self.shown(browser, ".card") != 1:
            assert time.monotonic() < end, self.shown(browser, ".card")
            time.sleep(0.05)

        open_page(browser, base)
        until(browser, DONE, 7)  # the history
        drop(browser, saved)
        until(browser, "#recalled")
        assert browser.find_element(By.NAME, "seed").get_property("value") == settings["seed"]
        assert browser.find_element(By.NAME, "tags").get_property("value") == "calm"
        browser.find_element(By.ID, "paint").click()
        until(browser, DONE, 8)
        again = self.saved(browser, 0, tmp_path)
        assert again.read_bytes() == saved.read_bytes()

    def test_a_cover_chosen_twice_is_not_compared_with_itself(self, browser, base):
        open_page(browser, base)
        compare = until(browser, "[data-do=compare]")[0]
        compare.click()
        until(browser, "[data-do=compare][aria-pressed=true]")
        compare.click()
        assert not find(browser, "[data-do=compare][aria-pressed=true]") and not find(browser, "dialog[open]")

    def test_a_favourite_stays_one_though_the_request_ends_behind_it(self, browser, base, monkeypatch):
        async def late(*asked):
            state = await routes_state_of(*asked)
            if state["covers"][0]["status"] == "done":
                await asyncio.sleep(1.5)  # what was told is old when it arrives
            return state

        routes_state_of = routes.state_of
        open_page(browser, base)
        for name in ("artist", "album"):
            write(browser, name, "Late")
        browser.find_element(By.CSS_SELECTOR, "[name=n][value='1']").click()
        before = len(find(browser, DONE))
        monkeypatch.setattr(routes, "state_of", late)
        browser.find_element(By.ID, "paint").click()
        until(browser, DONE, before + 1)
        heart = find(browser, ".card [data-do=favourite]")[0]
        heart.click()
        end = time.monotonic() + 30
        while not browser.find_element(By.ID, "status").text.endswith("of Late, Late is done."):
            assert time.monotonic() < end, browser.find_element(By.ID, "status").text
            time.sleep(0.05)
        assert heart.get_attribute("aria-pressed") == "true"

    @staticmethod
    def shown(browser, selector: str) -> int:
        with suppress(StaleElementReferenceException):
            return len([element for element in find(browser, selector) if element.is_displayed()])
        return -1

    @staticmethod
    def saved(browser, card: int, folder: Path) -> Path:
        before = set(folder.glob("*.png"))
        find(browser, "[data-do=download]")[card].click()
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if new := set(folder.glob("*.png")) - before:
                return new.pop()
            time.sleep(0.05)
        raise AssertionError("nothing was downloaded")

    def test_what_is_no_song_is_told_beside_it(self, browser, base, tmp_path):
        open_page(browser, base)
        path = tmp_path / "words.mp3"
        path.write_bytes(b"no music at all")
        browser.find_element(By.ID, "files").send_keys(str(path))
        assert "cannot be used" in until(browser, "#sound-problem:not(:empty)")[0].text
        browser.get_log("browser")  # the refusal itself stands there

    def test_a_field_that_cannot_be_is_shown_and_told_beside_the_button(self, browser, base):
        open_page(browser, base)
        for name in ("artist", "album"):
            write(browser, name, "Mira")
        browser.find_element(By.CSS_SELECTOR, "summary").click()
        write(browser, "steps", "1001")
        browser.find_element(By.CSS_SELECTOR, "summary").click()
        assert not browser.find_element(By.NAME, "steps").is_displayed()
        browser.find_element(By.ID, "paint").click()
        assert until(browser, "#order-problem:not(:empty)")[0].text.startswith("Steps: ")
        assert browser.find_element(By.NAME, "steps").is_displayed()
        assert browser.switch_to.active_element.get_attribute("name") == "steps"
        write(browser, "steps", "2")
        write(browser, "artist", " ")
        browser.find_element(By.ID, "paint").click()
        assert until(browser, "#order-problem:not(:empty)")[0].text.startswith("Artist: ")

    def test_what_the_service_refuses_is_told_beside_the_button_too(self, browser, base):
        open_page(browser, base)
        for name in ("artist", "album"):
            write(browser, name, "Mira")
        write(browser, "tags", "a" * 61)
        browser.find_element(By.ID, "paint").click()
        assert until(browser, "#order-problem:not(:empty)")[0].text.startswith("More words: ")
        assert browser.switch_to.active_element.get_attribute("name") == "tags"
        browser.get_log("browser")  # the refusal itself stands there

    def test_a_cover_of_many_steps_is_painted_again_and_a_made_up_one_refused(self, browser, base, tmp_path):
        told = {"artist": "Mira", "album": "Moon", "genre": "jazz", "prompt": "a fox", "seed": "7"}
        told |= {"steps": 150, "noise_scheduler": "ddim", "tags": [], "audio_sha256": None}
        for name, more in (("good.png", {}), ("bad.png", {"tags": {"a": 1}})):
            picture = encode(np.zeros((64, 64, 3), np.uint8), "png", {**told, **more})
            (tmp_path / name).write_bytes(picture)
        open_page(browser, base)
        drop(browser, tmp_path / "bad.png")
        assert "tags" in until(browser, "#sound-problem:not(:empty)")[0].text
        browser.get_log("browser")  # the refusal itself stands there
        drop(browser, tmp_path / "good.png")
        until(browser, "#recalled")
        browser.find_element(By.ID, "paint").click()
        until(browser, ".card")
        newest = httpx2.get(f"{base}/v1/covers", params={"limit": 1}).json()["covers"][0]
        assert newest["order"]["steps"] == 150
        assert not browser.find_element(By.ID, "order-problem").text

    def test_no_page_of_another_site_or_name_reaches_it(self, browser, base):
        with hosted(_elsewhere) as other:
            before = httpx2.get(f"{base}/v1/covers").json()["covers"]
            browser.get(other)
            told = browser.execute_async_script(ATTACK, base)
            browser.get_log("browser")  # the refusals stand there
            assert told == ["opaque", "refused", "refused"]
            assert httpx2.get(f"{base}/v1/covers").json()["covers"] == before
        rebound = base.replace("127.0.0.1", "rebound.example")
        browser.get(rebound)
        assert "unknown_host" in browser.find_element(By.TAG_NAME, "body").text
        read = "const done = arguments[0]; fetch('/v1/covers').then((a) => done(a.status))"
        assert browser.execute_async_script(read) == 421
        browser.get_log("browser")

    def test_an_album_comes_as_a_folder_and_its_tags_tell_the_words(self, browser, base, song, tmp_path):
        folder = tmp_path / "Somebody" / "Something"
        folder.mkdir(parents=True)
        (folder / "cover.txt").write_text("no song")
        for name in ("10 Last.flac", "2 First.flac"):
            shutil.copy(song, folder / name)
        tagged = FLAC(folder / "2 First.flac")
        tagged.update({"artist": "Ora", "album": "Harbour – Night", "genre": "electronic"})
        tagged.save()
        open_page(browser, base)
        drop(browser, folder)
        until(browser, "#facts dd", 3)
        value = {name: browser.find_element(By.NAME, name) for name in ("artist", "album", "genre", "prompt")}
        assert value["artist"].get_property("value") == "Ora"
        assert value["album"].get_property("value") == "Harbour – Night"
        assert "electronic" in value["prompt"].get_property("value")
        assert [label.text for label in find(browser, "#songs label")] == ["2 First.flac", "10 Last.flac"]
        find(browser, "#songs input")[1].click()  # without tags its folder names the album
        wait = time.monotonic() + 30
        while "Something" not in value["prompt"].get_property("value"):
            assert time.monotonic() < wait, value["album"].get_property("value")
            time.sleep(0.05)

    @pytest.mark.parametrize("kind", ["mp3", "m4a", "ogg", "opus"])
    def test_the_tags_of_every_format_are_read(self, browser, base, tmp_path, kind):
        path = tmp_path / f"song.{kind}"
        path.write_bytes(encoded(kind, tone(8.0, 24_000)[None], 24_000))
        tagged = File(path, easy=True)
        if tagged.tags is None:
            tagged.add_tags()
        tagged.update({"artist": "Øra", "album": "Harbour – Night", "genre": "electronic"})
        tagged.save()
        open_page(browser, base)
        browser.find_element(By.ID, "files").send_keys(str(path))
        until(browser, "#facts dd")
        told = [
            browser.find_element(By.NAME, name).get_property("value") for name in ("artist", "album", "genre")
        ]
        assert told == ["Øra", "Harbour – Night", "electronic"]

    def test_a_service_with_keys_asks_for_one_and_tells_how_long_to_wait(self, browser, service, tmp_path):
        allowed = Key("label", hashlib.sha256(b"secret-of-the-label").hexdigest(), Allowance(per_minute=1))
        app = local_app(str(tmp_path / "root"), service, Settings(api_keys=ApiKeys([allowed])))
        with hosted(app) as address:
            open_page(browser, address)
            until(browser, "#key-dialog[open]")
            browser.find_element(By.ID, "key").send_keys("wrong" + Keys.ENTER)
            until(browser, "#key-problem:not(:empty)")
            browser.find_element(By.ID, "key").clear()
            browser.find_element(By.ID, "key").send_keys("secret-of-the-label" + Keys.ENTER)
            until(browser, "#empty")
            assert browser.execute_script("return localStorage.length") == 0
            for name in ("artist", "album"):
                write(browser, name, "Mira")
            browser.find_element(By.CSS_SELECTOR, "[name=n][value='1']").click()
            browser.find_element(By.ID, "paint").click()
            until(browser, DONE)
            browser.find_element(By.ID, "paint").click()
            assert re.search(r"Trying again in \d+ s", until(browser, "#waiting-told:not(:empty)")[0].text)
            browser.find_element(By.ID, "waiting-end").click()
            until(browser, "#order-problem:not(:empty)")
            browser.get_log("browser")  # the refusals stand there

    @pytest.mark.parametrize("dark", [False, True])
    @pytest.mark.parametrize("width", [None, 360])
    def test_people_who_see_or_move_otherwise_can_use_it(self, browser, base, song, dark, width):
        open_page(browser, base, dark=dark, width=width)
        browser.find_element(By.ID, "files").send_keys(song)
        until(browser, "#facts dd", 3)
        until(browser, ".card, #empty")
        before = len(find(browser, ".card"))
        browser.find_element(By.ID, "paint").send_keys(Keys.ENTER)
        until(browser, ".card.coming")
        assert serious_faults(browser) == []
        until(browser, DONE, before + 4)
        assert serious_faults(browser) == []
        for k in (0, 1):
            find(browser, "[data-do=compare]")[k].send_keys(Keys.ENTER)
        until(browser, "#compare[open] #right[src^=blob]")
        assert serious_faults(browser) == []
        browser.find_element(By.CSS_SELECTOR, "#compare [data-close]").send_keys(Keys.ENTER)
        find(browser, "[data-do=look]")[0].send_keys(Keys.ENTER)
        until(browser, "#look[open]")
        assert serious_faults(browser) == []
        browser.find_element(By.CSS_SELECTOR, "#look [data-close]").send_keys(Keys.ESCAPE)
        if width:
            assert browser.execute_script("return document.documentElement.scrollWidth") <= width
