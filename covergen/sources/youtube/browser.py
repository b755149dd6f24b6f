"""Pages through a real Chromium: one browser, several tabs whose loads overlap.

A WebDriver is one stream of commands, so tabs save waiting and nothing else; more browsers are more actors.
Scripts and pictures of the pages are off: what is read here stands in the first HTML.
"""

import logging
import os
import re
import shutil
import signal
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from selenium.common.exceptions import NoSuchElementException, WebDriverException
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.remote_connection import RemoteConnection
from urllib3.exceptions import HTTPError

from covergen.errors import BadInput, ConfigError, RejectCode
from covergen.sources.answers import Counts, row_of
from covergen.sources.http.addresses import web_address
from covergen.sources.limiter.limiter import Limiter
from covergen.sources.web_source import Answer, Request, WebSource, usual_refusal
from covergen.sources.youtube.pages import is_consent_page
from covergen.storage import rows
from covergen.storage.tables import ANSWERS

CONSENT = {"name": "SOCS", "value": "CAI"}  # what a browser sends that has refused all but needed cookies
_DEATHS = (WebDriverException, HTTPError, OSError)
_MOST_DEATHS = 3  # of the browser while it loads one page
_STARTS = 3
_FEW_MOMENTS = 0.02
# While a page is awaited, a script in its tab waits as well; this the browser answers by itself.
_HISTORY = "Page.getNavigationHistory"
_LOOK = """
if (location.protocol === 'chrome-error:') return [0, ''];
if (document.readyState === 'loading') return null;
const [load] = performance.getEntriesByType('navigation');
return [load && load.responseStatus || 200, document.documentElement.outerHTML];
"""
_REFUSE_COOKIES = ", ".join(
    f"form[action*={place}] {button}"
    for place in ("consent", "save")
    for button in ("button", "[type=submit]")
)
_log = logging.getLogger(__name__)
_TRIES = 10
_A_MOMENT = 0.02
_BETWEEN = re.compile("aborted by navigation|Not attached to an active page|Cannot find context")
_FLAGS = (
    "--headless=new", "--lang=en-US", "--disable-dev-shm-usage", "--disable-gpu", "--mute-audio",
    "--no-first-run", "--disable-extensions", "--disable-background-networking", "--disable-sync",
    "--disable-background-timer-throttling", "--disable-renderer-backgrounding",
)  # fmt: skip
_PREFERENCES = {
    "intl.accept_languages": "en-US,en",
    "profile.managed_default_content_settings.images": 2,
    "profile.managed_default_content_settings.javascript": 2,
}


@dataclass
class _Page:
    address: str
    origin: str  # of its host, up to the first slash
    deaths: int = 0
    consents: int = 0
    until: float = 0.0
    entry: int = -1  # of the tab's history when the page was asked for: with another it has arrived


class Tabs:
    """A headless Chromium with `count` tabs; each page has `timeout` seconds.

    Raises ConfigError where Chromium or its driver is missing or does not start. Use it in one thread.
    """

    def __init__(
        self, count: int, *, chromium: str | None = None, driver: str | None = None, timeout: float = 30.0
    ):
        if count < 1:
            raise ConfigError(f"A browser needs one tab at least, not {count}.")
        self.count = count
        self.timeout = timeout
        self._chromium = find_program(chromium, "chromium", "google-chrome", "chrome")
        self._chromedriver = find_program(driver, "chromedriver")
        self._browser: Chrome | None = None
        self._profile: tempfile.TemporaryDirectory[str] | None = None

    def read(self, addresses: Iterable[str]) -> Iterator[tuple[str, str | BadInput]]:
        """Yield each address with its HTML or with why there is none, in the order in which they arrive.

        A browser that dies is started anew, and what it had not finished is loaded again. A page in whose
        company it dies twice is loaded alone, and refused when it dies once more.
        """
        source, waiting, busy = iter(addresses), deque[_Page](), dict[str, _Page]()
        try:
            while True:
                yield from self._refill(waiting, source)
                if not (busy or waiting):
                    return
                done: list[tuple[str, str | BadInput]] = []
                try:
                    self._go_round(busy, waiting, done)
                except _DEATHS as error:
                    self._bury(error, busy, waiting, done)
                yield from done
        finally:
            if busy:  # left before its end: what is still loading would arrive in another's place
                self.close()

    def close(self) -> None:
        """End the browser and whatever it has started."""
        browser, profile, self._browser, self._profile = self._browser, self._profile, None, None
        if browser is not None:
            try:
                browser.quit()
            except _DEATHS as error:
                _log.debug("the browser was gone before it was closed: %s", _message(error))
        if profile is not None:
            kill_those_with(profile.name)
            profile.cleanup()

    def __enter__(self) -> "Tabs":
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def _refill(self, waiting: deque[_Page], source: Iterator[str]) -> Iterator[tuple[str, BadInput]]:
        """Fill the queue; yield the addresses that are none."""
        while len(waiting) < self.count and (address := next(source, None)) is not None:
            try:
                waiting.append(_Page(address, str(web_address(address).join("/"))))
            except BadInput as problem:
                yield address, problem

    def _go_round(
        self, busy: dict[str, _Page], waiting: deque[_Page], done: list[tuple[str, str | BadInput]]
    ) -> None:
        """Look once at each tab: take what has arrived and give it the next page."""
        browser, moved = self._started(), False
        for tab in browser.window_handles[: self.count]:
            if tab in busy:
                browser.switch_to.window(tab)
                result = self._look(browser, busy[tab])
                if result is None:
                    continue
                done.append((busy.pop(tab).address, result))
                moved = True
                if tab not in browser.window_handles:  # it was late and has been replaced
                    continue
            if page := _next_page(busy, waiting):
                busy[tab] = page  # before it is opened: a death leaves it here
                browser.switch_to.window(tab)
                page.until = time.monotonic() + self.timeout
                self._open(browser, page)
                moved = True
        if not moved:
            time.sleep(_FEW_MOMENTS)

    def _open(self, browser: Chrome, page: _Page) -> None:
        browser.execute_cdp_cmd("Network.setCookie", {**CONSENT, "url": page.origin})
        page.entry = _entry(browser)
        browser.get(page.address)

    def _look(self, browser: Chrome, page: _Page) -> str | BadInput | None:
        """Return what has become of a page; None where it is still loading."""
        response = browser.execute_script(_LOOK) if _entry(browser) != page.entry else None
        if response is not None:
            return self._result(browser, page, *response)
        if time.monotonic() < page.until:
            return None
        self._renew(browser)
        reason = f"{page.address} did not arrive within {self.timeout:g} s"
        return BadInput(RejectCode.UNREACHABLE, reason, retriable=True)

    def _result(self, browser: Chrome, page: _Page, status: int, html: str) -> str | BadInput | None:
        """Return a page that has arrived, or why it is none; None where it is asked for again."""
        if status == 0:
            return BadInput(RejectCode.UNREACHABLE, f"nothing answers at {page.address}", retriable=True)
        answer = Answer(page.address, status, {}, b"", datetime.now(UTC))
        if refusal := usual_refusal(answer):
            return refusal.problem
        if not is_consent_page(html):
            return html
        page.consents += 1
        if page.consents > 2:
            reason = f"{page.address} asks for consent again after it was refused"
            return BadInput(RejectCode.FORBIDDEN, reason, retriable=True)
        self._refuse_cookies(browser, page)
        return None

    def _refuse_cookies(self, browser: Chrome, page: _Page) -> None:
        """Press the consent page's first button, "Reject all"; it leads back to the page."""
        page.entry = _entry(browser)
        try:
            browser.find_element(By.CSS_SELECTOR, _REFUSE_COOKIES).click()
        except NoSuchElementException:
            self._open(browser, page)

    def _renew(self, browser: Chrome) -> None:
        """Replace the tab that is looked at: its load may still arrive and be taken for another's."""
        old = browser.current_window_handle
        browser.switch_to.new_window("tab")
        browser.switch_to.window(old)
        browser.close()

    def _bury(
        self,
        error: BaseException,
        busy: dict[str, _Page],
        waiting: deque[_Page],
        done: list[tuple[str, str | BadInput]],
    ) -> None:
        """Clear the dead browser away; its pages go back into the queue, or are done if they saw too many."""
        _log.warning("the browser died with %d pages loading: %s", len(busy), _message(error))
        self.close()
        for page in list(busy.values())[::-1] or [waiting.popleft()]:  # one that dies idle ends some time too
            page.deaths += 1
            if page.deaths >= _MOST_DEATHS:
                reason = f"the browser died {page.deaths} times over {page.address}: {_message(error)}"
                done.append((page.address, BadInput(RejectCode.POISON, reason)))
            else:
                waiting.appendleft(page)
        busy.clear()

    def _started(self) -> Chrome:
        if self._browser is not None:
            return self._browser
        problem = ""
        for attempt in range(_STARTS):
            self._profile = tempfile.TemporaryDirectory(
                prefix="covergen-chromium-", ignore_cleanup_errors=True
            )
            try:
                self._browser = start_chromium(
                    self._chromium, self._chromedriver, self._profile.name, self.timeout
                )
                for _ in range(self.count - 1):
                    self._browser.switch_to.new_window("tab")
                return self._browser
            except _DEATHS as error:
                self.close()
                problem = _message(error)
                _log.warning("attempt %d to start %s: %s", attempt + 1, self._chromium, problem)
        raise ConfigError(f"{self._chromium} does not start: {problem}")


def _next_page(busy: dict[str, _Page], waiting: deque[_Page]) -> _Page | None:
    """Return what an idle tab loads next. What a browser has died over twice has it alone."""
    suspect = _MOST_DEATHS - 1
    if not waiting or any(page.deaths >= suspect for page in busy.values()):
        return None
    return waiting.popleft() if waiting[0].deaths < suspect or not busy else None


def _entry(browser: Chrome) -> int:
    """Return the number of the place in the history where the tab is."""
    history = browser.execute_cdp_cmd(_HISTORY, {})
    return int(history["entries"][history["currentIndex"]]["id"])


def _message(error: BaseException) -> str:
    """Return what a driver says, without its stack."""
    return " ".join(str(error).partition("Stacktrace:")[0].removeprefix("Message: ").split())[:300]


# Starting and ending a headless Chromium that Selenium drives.


class PatientChrome(Chrome):
    """Gives a command again that met its tab between two pages, where neither can answer."""

    def execute(self, driver_command: Any, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the driver's answer. Raises WebDriverException."""
        for left in reversed(range(_TRIES)):
            try:
                answer: dict[str, Any] = super().execute(driver_command, params)
                return answer
            except WebDriverException as error:
                if not left or not _BETWEEN.search(str(error)):
                    raise
                time.sleep(_A_MOMENT)
        raise AssertionError("the last try returns or raises")


def start_chromium(chromium: str, chromedriver: str, profile: str, timeout: float) -> Chrome:
    """Return a browser of its own whose `get` returns at once; a command has `timeout` seconds."""
    options = ChromeOptions()
    options.binary_location = chromium
    options.page_load_strategy = "none"
    options.unhandled_prompt_behavior = "dismiss"
    options.add_experimental_option("prefs", _PREFERENCES)
    flags = [*_FLAGS, f"--user-data-dir={profile}"]
    if os.geteuid() == 0:  # in a container, where Chromium's own sandbox refuses to run
        flags.append("--no-sandbox")
    for flag in flags:
        options.add_argument(flag)
    browser = PatientChrome(options=options, service=ChromeService(chromedriver))
    browser.set_script_timeout(timeout)
    if isinstance(browser.command_executor, RemoteConnection):  # a driver that hangs is a dead one
        browser.command_executor.client_config.timeout = int(timeout) + 30
    return browser


def find_program(given: str | None, *names: str) -> str:
    """Return where a program lies. Raises ConfigError that says what to install."""
    found = next((path for name in ((given,) if given else names) if (path := shutil.which(name))), None)
    if found is None:
        raise ConfigError(
            f"There is no {given or names[0]}; install Chromium and its driver "
            "(Debian: apt-get install chromium chromium-driver) or name where they are."
        )
    return found


def kill_those_with(profile: str) -> None:
    """End the processes that were started with a profile's folder and outlived their driver."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if f"--user-data-dir={profile}".encode() in entry.read_bytes().split(b"\0"):
                os.kill(int(entry.parent.name), signal.SIGKILL)
        except OSError:  # it ended by itself, or is another user's
            continue


# Requests to rows of ANSWERS through a real browser: several pages load at once in its tabs.


class ReadPages:
    """Loads each row's page (columns as of `FetchAnswers`): one browser a worker, with `tabs` tabs."""

    key: Final = ANSWERS.key
    outcome: Final = rows.outcome_schema(ANSWERS)

    def __init__(self, sources: Mapping[str, WebSource], limiter: Callable[[], Limiter], *, tabs: int):
        self.sources, self._make, self._count = sources, limiter, tabs
        self._counts, self._sent = Counts(), Counter[str]()

    def facts(self) -> dict[str, int]:
        """Return what was counted since this was asked last."""
        return self._counts.fresh({"sent": self._sent, "waited": self._limiter.waited})

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return one outcome per row, in order."""
        requests = [Request(row["source"], row["kind"], row["url"]) for row in batch.to_pylist()]
        pages = dict(self._tabs.read(self._paced(requests)))
        results = [self._row(request, pages[request.url]) for request in requests]
        self._counts.add(batch["source"].to_pylist(), results)
        return rows.outcomes(ANSWERS, batch.drop_columns(["kind"]), results)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in {"_tabs", "_limiter"}}

    @cached_property
    def _tabs(self) -> Tabs:
        return Tabs(self._count)

    @cached_property
    def _limiter(self) -> Limiter:
        return self._make()

    def _paced(self, requests: Iterable[Request]) -> Iterator[str]:
        """Yield each address when its bucket lets it be sent; a tab that is free takes it at once."""
        for request in requests:
            rate_limit = self.sources[request.source].rate_limit(request)
            with self._limiter.turn(rate_limit):
                self._sent[rate_limit.bucket] += 1
                yield request.url

    def _row(self, request: Request, page: str | BadInput) -> dict[str, Any] | BadInput:
        if isinstance(page, BadInput):
            return page
        body = page.encode("utf-8", "replace")  # a page may hold half a character
        answer = Answer(request.url, 200, {"content-type": "text/html"}, body, datetime.now(UTC))
        if refusal := self.sources[request.source].refusal(request, answer):
            return refusal.problem
        return row_of(answer)
