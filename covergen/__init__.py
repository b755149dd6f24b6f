"""covergen makes album covers from music.

What stands in `__all__` is the public API. It is loaded when it is first asked for: importing covergen alone
loads no other library.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from covergen.client import Client
    from covergen.errors import BadInput, ConfigError, CovergenError, ModelError, RejectCode, RootError
    from covergen.root_commands import sweep, verify
    from covergen.serving.domain import CoverOrder, FinishedCover, SongFeatures
    from covergen.serving.service import CoverService
    from covergen.storage.root import Root

_HOMES = {
    "covergen.client": ("Client",),
    "covergen.errors": ("BadInput", "ConfigError", "CovergenError", "ModelError", "RejectCode", "RootError"),
    "covergen.serving.domain": ("CoverOrder", "FinishedCover", "SongFeatures"),
    "covergen.serving.service": ("CoverService",),
    "covergen.storage.root": ("Root",),
    "covergen.root_commands": ("sweep", "verify"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "BadInput",
    "Client",
    "ConfigError",
    "CoverOrder",
    "CoverService",
    "CovergenError",
    "FinishedCover",
    "ModelError",
    "RejectCode",
    "Root",
    "RootError",
    "SongFeatures",
    "sweep",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Load a name of the public API."""
    if name not in _HOME_OF:
        raise AttributeError(f"covergen has no {name!r}; its public API is: {', '.join(__all__)}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    """Name the public API."""
    return [*__all__, *globals()]
