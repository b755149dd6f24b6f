"""A host of covers on loopback, in a process of its own: JPEGs of 600 to 1,000 pixels, and its faults.

What an address answers stands in the address itself, so every refusal can be checked.
"""

import asyncio
import io
import multiprocessing
import random
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from covergen.errors import RejectCode

PICTURES: Final = 32  # that differ; an address shows one of them
SHARES: Final = {"missing": 0.04, "forbidden": 0.02, "words": 0.02, "cut": 0.02}
FEW: Final = {"broken": 3, "slow": 3}  # addresses of a list: each costs a client seconds
CODES: Final = {
    "missing": RejectCode.NOT_FOUND,
    "forbidden": RejectCode.FORBIDDEN,
    "words": RejectCode.DAMAGED_IMAGE,  # a page where a picture should be
    "cut": RejectCode.DAMAGED_IMAGE,  # half a file, with its right length
    "broken": RejectCode.UNREACHABLE,  # the connection ends amid the file
    "slow": RejectCode.UNREACHABLE,  # no answer
}
GOOD: Final = "cover"


def addresses(base: str, count: int, *, patience: bool = True, seed: int = 0) -> list[str]:
    """Return addresses in random order; those that cost seconds stand in the first tenth, or are left out."""
    kinds = [kind for kind, share in SHARES.items() for _ in range(round(share * count))]
    few = [kind for kind, some in FEW.items() for _ in range(some if patience else 0)]
    kinds += [GOOD] * (count - len(kinds) - len(few))
    chance = random.Random(seed)
    chance.shuffle(kinds)
    for kind in few:
        kinds.insert(chance.randrange(len(kinds) // 10), kind)
    return [f"{base}/{kind}/{place}.jpg" for place, kind in enumerate(kinds)]


def kind_of(address: str) -> str:
    """Return what an address answers with: `cover`, or a fault."""
    return address.split("/")[3]


@contextmanager
def cover_host() -> Iterator[str]:
    """Serve until the block ends; its value is the first part of every address."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


def cover(number: int) -> bytes:
    """Return a JPEG as stores have them: areas of colour, edges, grain; colour at half the resolution."""
    chance = np.random.default_rng(number)
    side = int(chance.integers(600, 1001))
    coarse: NDArray[np.uint8] = chance.integers(0, 256, (6, 6, 3), dtype=np.uint8)
    ground = np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)).astype(int)
    rows, columns = np.mgrid[0:side, 0:side]
    for _ in range(12):
        row, column, radius = chance.integers(0, side, 3) * (1, 1, 0.3)
        disc = (rows - row) ** 2 + (columns - column) ** 2 < radius**2
        ground[disc] = chance.integers(0, 256, 3)
    grain = chance.normal(0, 4, (side, side, 1))
    buffer = io.BytesIO()
    Image.fromarray((ground + grain).clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _serve(told: Connection) -> None:
    covers = [cover(number) for number in range(PICTURES)]
    asyncio.run(_listen(covers, told))


async def _listen(covers: list[bytes], told: Connection) -> None:
    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await _answer(await reader.readuntil(b"\r\n\r\n"), writer, covers):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client is gone
        finally:
            writer.close()

    server = await asyncio.start_server(meet, "127.0.0.1", 0, backlog=512)
    told.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


async def _answer(head: bytes, writer: asyncio.StreamWriter, covers: list[bytes]) -> bool:
    """Answer a request; say whether the connection lasts."""
    kind, _, name = head.split(b" ", 2)[1].decode().strip("/").partition("/")
    if kind == "slow":
        await asyncio.sleep(600)
        return False
    status = {"forbidden": "403 Forbidden", GOOD: "200 OK", "words": "200 OK"}.get(kind, "404 Not Found")
    body, mime = b"<html><body>words</body></html>" * 20, "text/html"
    if kind in {GOOD, "cut", "broken"}:
        status, mime = "200 OK", "image/jpeg"
        body = covers[int(name.partition(".")[0]) % len(covers)]
        body = body[: len(body) // 2] if kind == "cut" else body
    sent = body[: len(body) // 2] if kind == "broken" else body
    last = kind == "broken" or b"connection: close" in head.lower()
    fields = f"Content-Type: {mime}\r\nContent-Length: {len(body)}\r\n" + "Connection: close\r\n" * last
    writer.write(f"HTTP/1.1 {status}\r\n{fields}\r\n".encode() + sent)
    await writer.drain()
    return not last
