"""The exception tree, and the codes under which rows stand in `rejects`.

CovergenError
├── ConfigError      what the user asked for cannot be done; nothing has been written
├── RootError        a storage root is missing, unreachable, damaged or of another version
│   ├── RootFull       there is no room left where it lies
│   └── RootReadOnly   it can be read, and not be written
├── ModelError       weights are missing or are not the ones that were expected
└── BadInput         one row cannot be used; carries its `RejectCode` and becomes a row of `rejects`
"""

from enum import StrEnum


class RejectCode(StrEnum):
    """Why a row was refused. Each code is one cause and one remedy."""

    MISSING_FILE = "missing_file"
    UNREADABLE = "unreadable"
    EMPTY_FILE = "empty_file"
    UNSUPPORTED_FORMAT = "unsupported_format"
    NO_AUDIO_STREAM = "no_audio_stream"
    SHORTENED = "shortened"
    SILENT = "silent"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    TOO_LARGE = "too_large"
    TOO_MANY_CHANNELS = "too_many_channels"
    NOT_FINITE = "not_finite"
    DAMAGED_IMAGE = "damaged_image"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    DUPLICATE = "duplicate"
    NO_MEDIA = "no_media"
    NO_AUDIO_EMBEDDING = "no_audio_embedding"
    BAD_ADDRESS = "bad_address"
    NOT_FOUND = "not_found"
    FORBIDDEN = "forbidden"
    ROBOTS = "robots"
    RATE_LIMITED = "rate_limited"
    QUOTA_SPENT = "quota_spent"
    SERVER_FAILED = "server_failed"
    UNREACHABLE = "unreachable"
    SOURCE_ERROR = "source_error"
    NEW_LAYOUT = "new_layout"
    NO_MATCH = "no_match"
    STAGE_FAILED = "stage_failed"
    POISON = "poison"


class CovergenError(Exception):
    """Any error of covergen's own; its text is one or two sentences for a person."""


class ConfigError(CovergenError):
    """What the user asked for cannot be done. Raised before anything is written; exit code 2."""


class RootError(CovergenError):
    """A storage root is missing, unreachable, damaged or of another version."""


class RootFull(RootError):
    """There is no room left where a root lies."""


class RootForeign(RootError):
    """Something in a root is a link, or no file or folder where one belongs: nothing that covergen made."""


class RootReadOnly(RootError):
    """A root can be read, and not be written."""


class ModelError(CovergenError):
    """Weights are missing, or are not the ones that were expected."""


class BadInput(CovergenError):
    """One row cannot be used, for the reason that `code` names."""

    def __init__(self, code: RejectCode, reason: str, *, retriable: bool = False):
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.retriable = retriable

    def __reduce__(self) -> tuple[object, ...]:
        """Survive pickling between processes with the code intact."""
        return (_bad_input, (self.code, self.reason, self.retriable))


def _bad_input(code: RejectCode, reason: str, retriable: bool) -> BadInput:
    return BadInput(code, reason, retriable=retriable)


def one_line(error: BaseException) -> str:
    """Return what an error of another library says, as one line that is not too long for a sentence."""
    return " ".join(str(error).split())[:300]
