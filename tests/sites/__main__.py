"""Serve the local internet: `python -m tests.sites [--port N] [--albums 24] [--seed 0] [--real-rates]`."""

import argparse
import sys

import uvicorn

from tests.sites.running import configured
from tests.sites.world import World

SNIPPET = """\
The sites are at {base}, the albums they tell of at {base}/_catalogue,
what they were asked at {base}/_log. Any id, secret and key will do.
A tenth of what Deezer is asked fails after

  curl {base}/_faults -d '{{"prefix": "/deezer", "kind": "503", "share": 0.1}}'

In a config:

scrape:
  sources:
    - name: wikipedia
      base: {base}/wikipedia
      years: {years}
    - name: deezer
      base: {base}/deezer
    - name: itunes
      base: {base}/itunes
    - name: musicbrainz
      base: {base}/musicbrainz/ws/2
      covers: {base}/coverart
    - name: spotify  # surface: extended has its base at {base}/spotify/v1
      accept_terms: true
      surface: development
      base: {base}/spotify-dev/v1
      token_url: {base}/spotify-accounts/api/token
    - name: youtube
      base: {base}/youtube-api/youtube/v3
    - name: youtube_pages
      override_robots: true
      base: {base}/youtube
"""


def snippet(world: World, base: str) -> str:
    """Return how to use the sites, a config last."""
    years = sorted({record.released.year for record in world.catalogue.records})
    return SNIPPET.format(base=base, years=years)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.sites", description=__doc__)
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--albums", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--real-rates", action="store_true", help="refuse what is asked faster than in reality"
    )
    given = parser.parse_args()
    rates = {"rates": "real"} if given.real_rates else {}
    world = World(given.albums, given.seed, **rates)
    sys.stdout.write(snippet(world, f"http://127.0.0.1:{given.port}"))
    sys.stdout.flush()
    uvicorn.Server(configured(world, host="127.0.0.1", port=given.port)).run()


if __name__ == "__main__":
    main()
