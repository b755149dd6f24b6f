import os
import shutil
import signal
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from benchmarks.results_site import results_site, views_of
from covergen.errors import BadInput, ConfigError, RejectCode
from covergen.sources.youtube.browser import Tabs
from covergen.sources.youtube.pages import is_consent_page, read_results

needs_chromium = pytest.mark.skipif(
    not (shutil.which("chromium") and shutil.which("chromedriver")),
    reason="there is no chromium with its chromedriver; apt-get install chromium chromium-driver",
)
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning"
)  # selenium's, of sockets of a killed driver


def queries(count):
    return [f"Band{n} song {n}" for n in range(count)]


def check(site, pages, wanted):
    """Each address once, each with the page of its own query."""
    by_address = dict(pages)
    assert len(pages) == len(by_address) == len(wanted)
    for query in wanted:
        assert read_results(by_address[site.address(query)])[0].views == views_of(query)


def browsers():
    """The browsers that a driver has started, without their own children."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().split(b"\0")
        except OSError:
            continue
        mine = any(word.startswith(b"--user-data-dir=") and b"covergen-chromium-" in word for word in words)
        if mine and not any(word.startswith(b"--type=") for word in words):
            found.append(int(entry.parent.name))
    return found


def test_without_a_browser_it_says_what_to_install():
    with pytest.raises(ConfigError, match="apt-get install chromium chromium-driver"):
        Tabs(2, chromium="/no/such/chromium")
    with pytest.raises(ConfigError, match="one tab at least"):
        Tabs(0)


@needs_chromium
@pytest.mark.slow
def test_tabs_read_every_page_and_leave_nothing_running():
    with results_site(latency=0.2, size=50_000) as site, Tabs(4, timeout=20) as tabs:
        check(site, list(tabs.read(map(site.address, queries(12)))), queries(12))
        assert list(site.requests.values()) == [1] * 12
        assert site.consents == 0  # the cookie was enough

        for _ in tabs.read(map(site.address, queries(3))):
            break  # what still loads then is in nobody's place later
        check(site, list(tabs.read(map(site.address, queries(3)))), queries(3))
        assert len(browsers()) == 1
    assert browsers() == []


@needs_chromium
@pytest.mark.slow
def test_forty_songs_load_four_at_once_in_four_tabs():
    with results_site(latency=1.0) as site, Tabs(4) as tabs:
        check(site, list(tabs.read(map(site.address, queries(40)))), queries(40))
        assert set(site.requests.values()) == {1}
        assert site.most == 4


@needs_chromium
@pytest.mark.slow
def test_a_consent_page_is_answered_and_one_that_stays_is_told():
    with results_site(size=0, consent="SOCS=refused") as site, Tabs(2, timeout=20) as tabs:
        check(site, list(tabs.read(map(site.address, queries(4)))), queries(4))
        assert 1 <= site.consents <= 4
    with results_site(size=0, consent="no such cookie") as site, Tabs(1, timeout=20) as tabs:
        ((_, problem),) = tabs.read([site.address("a b")])
        assert isinstance(problem, BadInput)
        assert (problem.code, problem.retriable) == (RejectCode.FORBIDDEN, True)


@needs_chromium
@pytest.mark.slow
def test_pages_that_do_not_come_are_told_and_the_others_read():
    with results_site(size=0) as site, results_site(latency=30) as slow, Tabs(3, timeout=2) as tabs:
        closed, missing, late = "http://127.0.0.1:9/", f"{site.base}/nothing", slow.address("late one")
        none = ["https://[cdn]/1", "https://[cdn]/2", "https://[cdn]/3"]  # as many as there are tabs
        urls = [*none, closed, site.address("a b"), missing, late, site.address("c d"), site.address("e f")]
        by_address = dict(tabs.read(urls))
        assert set(by_address) == set(urls)
        codes = {address: by_address[address].code for address in (*none, closed, missing, late)}
        assert codes == {
            **dict.fromkeys(none, RejectCode.BAD_ADDRESS),
            closed: RejectCode.UNREACHABLE,
            missing: RejectCode.NOT_FOUND,
            late: RejectCode.UNREACHABLE,
        }
        for query in ("a b", "c d", "e f"):
            assert read_results(by_address[site.address(query)])[0].views == views_of(query)


@needs_chromium
@pytest.mark.slow
def test_a_killed_browser_loses_nothing_and_doubles_nothing():
    with results_site(latency=0.3, size=0) as site, Tabs(4, timeout=20) as tabs:
        pages = []
        for page in tabs.read(map(site.address, queries(12))):
            pages.append(page)
            if len(pages) == 3:
                (browser,) = browsers()
                os.kill(browser, signal.SIGKILL)
        check(site, pages, queries(12))
        assert sum(site.requests.values()) <= 12 + 4  # what was loading, and nothing that was done


@needs_chromium
@pytest.mark.slow
def test_a_killed_driver_takes_its_browser_along():
    with results_site(latency=0.3, size=0) as site, Tabs(2, timeout=20) as tabs:
        pages = []
        for page in tabs.read(map(site.address, queries(6))):
            pages.append(page)
            if len(pages) == 2:
                os.kill(tabs._browser.service.process.pid, signal.SIGKILL)
        check(site, pages, queries(6))
        assert len(browsers()) == 1
    assert browsers() == []


@needs_chromium
@pytest.mark.slow
def test_a_page_that_kills_the_browser_is_refused_and_the_others_are_read():
    with results_site(latency=0.2, size=0) as site, Tabs(3, timeout=20) as tabs:
        poison = site.address("poison page")
        over = threading.Event()

        def kill_over_poison():
            while not over.wait(0.02):
                if site.loading["poison page"]:
                    for browser in browsers():
                        with suppress(ProcessLookupError):  # it died a moment ago
                            os.kill(browser, signal.SIGKILL)

        killer = threading.Thread(target=kill_over_poison)
        killer.start()
        try:
            by_address = dict(tabs.read([site.address("a b"), poison, *map(site.address, queries(2))]))
        finally:
            over.set()
            killer.join()
        assert by_address[poison].code is RejectCode.POISON
        for query in ("a b", *queries(2)):
            assert read_results(by_address[site.address(query)])[0].views == views_of(query)


def test_the_site_asks_for_consent_in_the_form_that_is_known():
    from benchmarks.results_site import CONSENT_PAGE

    assert is_consent_page(CONSENT_PAGE.format(back="search_query=a"))
