"""A real browser for tests of the page: what is found, waited for, written and dropped in it."""

import shutil
import time
from contextlib import suppress
from importlib.resources import files

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By

from covergen.media import audio
from covergen.procedural.factors import draw_album
from covergen.procedural.music import synthesise

REBOUND = "--host-resolver-rules=MAP rebound.example 127.0.0.1"  # a name of another's that points here
DONE = ".card.done img[src^=blob]"
in_chromium = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (shutil.which("chromium") and shutil.which("chromedriver")),
        reason="there is no chromium with its chromedriver; apt-get install chromium chromium-driver",
    ),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture
def browser(tmp_path):
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for word in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--window-size=1440,900",
        REBOUND,
    ):
        options.add_argument(word)
    options.add_experimental_option("prefs", {"download.default_directory": str(tmp_path)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    yield driver
    told = [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
    driver.quit()
    assert told == []


def find(browser, selector):
    return browser.find_elements(By.CSS_SELECTOR, selector)


def until(browser, selector, count=1, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(StaleElementReferenceException):  # the page has just made them anew
            found = find(browser, selector)
            if len([element for element in found if element.is_displayed()]) >= count:
                return found
        time.sleep(0.05)
    raise AssertionError(f"{selector}: {len(found)} of {count}; {browser.find_element(By.ID, 'status').text}")


def write(browser, name, words):
    element = browser.find_element(By.NAME, name)
    element.clear()
    element.send_keys(words)


def open_page(browser, base, *, dark=False, width=None):
    scheme = {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", scheme)
    if width:
        size = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": True}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(base)


def serious_faults(browser):
    browser.execute_script(files("axe_core_python").joinpath("axe.min.js").read_text())
    found = browser.execute_async_script(
        "const done = arguments[0]; axe.run().then((told) => done(told.violations))"
    )
    serious = [each for each in found if each["impact"] in {"serious", "critical"}]
    return [(each["id"], each["nodes"][0]["html"]) for each in serious]


def drop(browser, path):
    """Drop a file or a folder onto the page, as a hand would."""
    data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        browser.execute_cdp_cmd("Input.dispatchDragEvent", {"type": kind, "x": 200, "y": 150, "data": data})


@pytest.fixture
def song(tmp_path):
    path = tmp_path / "Mira - Moonlight.flac"
    path.write_bytes(audio.encode_flac(synthesise(draw_album(3, "eval"), 12.0, 24_000), 24_000))
    return str(path)
