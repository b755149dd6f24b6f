"""Starting and ending a headless Chromium that Selenium drives."""

import os
import re
import shutil
import signal
import time
from pathlib import Path
from typing import Any

from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.remote.remote_connection import RemoteConnection

from covergen.errors import ConfigError

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
