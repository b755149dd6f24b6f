"""The online service: songs and words in, covers out; listener and painter scale apart.

`serve deploy serve_config.yaml` on a cluster, `make serve` on one machine.
"""

import asyncio
import logging
import sys
from functools import cache
from typing import Any

import ray
import torch
from fastapi import FastAPI
from ray import serve

from covergen.serving import maintenance
from covergen.serving.audio_features import Lost
from covergen.serving.http.app import make_app
from covergen.serving.http.routes import Dependencies
from covergen.serving.listener import ListenerWorker
from covergen.serving.painter import PainterWorker
from covergen.serving.problems import Problem
from covergen.serving.queue import RequestQueue
from covergen.serving.runner import RequestRunner
from covergen.serving.service import CoverService
from covergen.serving.store import Store
from jobs.runtime import entry
from jobs.runtime.help_text import service_usage
from jobs.runtime.replicas import RemoteListener, RemotePainter, RemoteQueue
from jobs.runtime.service_config import Serve

READY_SECONDS = 600.0  # for models to load and one cover to be painted


@serve.deployment
class Painter(PainterWorker):
    """Paints: one batch a replica."""

    def __init__(self, args: Serve):
        super().__init__(_core(args, args.device), places=args.places)


@serve.deployment
class Listener(ListenerWorker):
    """Listens."""

    def __init__(self, args: Serve):
        catalogue = args.catalogue or args.root
        core = _core(args, args.listener_device)
        super().__init__(core, tagger=args.tagger, catalogue=catalogue, max_seconds=args.max_seconds)


@serve.deployment
@serve.ingress()
class Ingress:
    """Answers HTTP, and carries the requests that it accepted."""

    async def __init__(self, listener: Any, painter: Any, args: Serve):  # type: ignore[misc]
        self._args, self._listener, self._painter = args, RemoteListener(listener), RemotePainter(painter)
        logging.getLogger("covergen").handlers = logging.getLogger("ray.serve").handlers
        logging.getLogger("covergen").setLevel(logging.INFO)
        name = serve.get_replica_context().replica_id.unique_id
        stores = cache(lambda owner: Store(args.root, owner))
        queue = RemoteQueue(args.root, args.waiting)
        self._runner = RequestRunner(stores, queue, self._listener, self._painter, name=name)
        beside = maintenance.run(self._runner, args.root, args.settings().api_keys.allowance_of, self._ready)
        self._beside = asyncio.create_task(beside)

    def __serve_build_asgi_app__(self) -> FastAPI:
        service = Dependencies(self._runner, self._ready, self._listener.tell, self._metrics)
        return make_app(service, self._args.settings())

    async def _ready(self) -> None:
        try:
            async with asyncio.timeout(READY_SECONDS):
                await asyncio.gather(self._listener.warm(), self._painter.warm())
        except (Lost, TimeoutError) as error:
            raise Problem(503, "not_ready", "Models are still being loaded; try again.") from error

    async def _metrics(self) -> bytes:
        return await self._runner.queue.call(RequestQueue.metrics_text) or b""


def _core(args: Serve, device: str) -> CoverService:
    """Return the models of one replica; `auto` is the GPU that Ray gave it, and no other of the node."""
    torch.set_num_threads(args.threads)
    if device == "auto":
        device = "cuda" if ray.get_gpu_ids() else "cpu"
    return core(args, device)


def core(args: Serve, device: str) -> CoverService:
    """Return the models that `args` name, none of them loaded yet."""
    return CoverService(
        args.stable_diffusion,
        args.fusion,
        encoder=args.encoder,
        allow_noncommercial=args.allow_noncommercial,
        device=device,
        bf16=args.bf16,
        offline=args.offline,
    )


def app(args: Serve) -> serve.Application:
    """Return the application that `args` of serve_config.yaml describe."""
    return Ingress.bind(Listener.bind(args), Painter.bind(args), args)  # type: ignore[attr-defined,no-any-return]


if __name__ == "__main__":
    if entry.HELP & set(sys.argv):
        print(service_usage("jobs.deploy", " [serve_config.yaml]", str(__doc__), Serve))
        sys.exit()
    sys.exit("jobs.serve is what a service is made of; run `python -m jobs.deploy serve_config.yaml`.")
