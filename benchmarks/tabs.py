"""Songs a second through one Chromium: four tabs against one, on a local site that takes 1 s a results page.

Both sides read the same songs with the same code, and every page has to tell the views that the site gave it.
"""

import time

import typer

from benchmarks.outcome import Outcome
from benchmarks.results_site import ResultsSite, results_site, views_of
from covergen.sources.youtube.browser import Tabs
from covergen.sources.youtube.pages import read_results

TABS = 4
LATENCY = 1.0


def main(*, quick: bool = False) -> None:
    """Read the songs through four tabs, then through one."""
    songs, began = 40 if quick else 200, time.perf_counter()
    with results_site(latency=LATENCY) as site:
        rates = [rate(site, tabs, songs) for tabs in (TABS, 1)]
    Outcome("tabs", rates[0], rates[1], songs, "songs/s", time.perf_counter() - began).show(
        peer="one tab", facts={"latency_s": LATENCY, "page_characters": site.size, "tabs": TABS}
    )


def rate(site: ResultsSite, count: int, songs: int) -> float:
    """Return songs a second with `count` tabs of a browser that has started; check every page."""
    queries = {site.address(f"Band{n} song {n}"): f"Band{n} song {n}" for n in range(songs)}
    with Tabs(count) as tabs:
        list(tabs.read([site.address("to start with")]))
        start = time.perf_counter()
        pages = list(tabs.read(queries))
        seconds = time.perf_counter() - start
    if sorted(address for address, _ in pages) != sorted(queries):
        raise AssertionError("pages were lost or came twice")
    for address, html in pages:
        if isinstance(html, Exception):
            raise html
        if read_results(html)[0].views != views_of(queries[address]):
            raise AssertionError(f"{address} came back as another page")
    return songs / seconds


if __name__ == "__main__":
    typer.run(main)
