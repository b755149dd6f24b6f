"""The sites, started once a module and put back to nothing between tests."""

from collections.abc import Iterator

import httpx2
import pytest

from tests.sites.asking import token
from tests.sites.running import Running, running

AGENT = {"User-Agent": "covergen-test/1.0 (somebody@example.org)"}


@pytest.fixture(scope="module")
def started() -> Iterator[Running]:
    with running() as sites:
        yield sites


@pytest.fixture
def sites(started: Running) -> Iterator[Running]:
    started.reset()
    yield started
    started.reset()


@pytest.fixture
def client(sites: Running) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=sites.address, headers=AGENT, trust_env=False) as asking:
        yield asking


@pytest.fixture
def spotify(client: httpx2.Client) -> httpx2.Client:
    client.headers["Authorization"] = f"Bearer {token(client)}"
    return client
