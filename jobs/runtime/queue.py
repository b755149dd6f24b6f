"""The service's board as one named actor of the cluster, and the way to it."""

import hashlib
from typing import Any, Final

import ray
from ray.exceptions import RayError

from covergen.serving.queue import Board

NAMESPACE: Final = "covergen"


class BoardActor:
    """The board, in an actor."""

    def __init__(self, waiting: int):
        self.board = Board(waiting=waiting)

    async def call(self, method: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Call a method of the board; all take microseconds."""
        return getattr(self.board, method)(*arguments, **named)


class FarBoard:
    """The actor as the studio knows it. It is made by whoever comes first, and again should it die."""

    def __init__(self, root: str, waiting: int):
        self._name = f"covergen-board-{hashlib.sha256(root.encode()).hexdigest()[:8]}"
        self._waiting = waiting
        self._actor: Any = None

    async def call(self, method: str, *arguments: Any, **named: Any) -> Any:
        """Call a method of the board; None where it cannot be reached at present."""
        try:
            if self._actor is None:
                self._actor = self._found()
                self._actor.call.remote("resize", (self._waiting,), {})  # it may be older than this setting
            return await self._actor.call.remote(method, arguments, named)
        except RayError:
            self._actor = None
            return None

    def _found(self) -> Any:
        name = {"name": self._name, "namespace": NAMESPACE, "get_if_exists": True, "lifetime": "detached"}
        options = {**name, "max_restarts": -1, "num_cpus": 0, "max_concurrency": 1000}
        return ray.remote(BoardActor).options(**options).remote(self._waiting)
