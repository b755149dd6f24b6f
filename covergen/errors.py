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

    cause: str
    remedy: str

    def __new__(cls, code: str, cause: str = "", remedy: str = "") -> "RejectCode":
        """Make a text that is the code, with its cause and its remedy beside it."""
        made = str.__new__(cls, code)
        made._value_, made.cause, made.remedy = code, cause, remedy
        return made

    MISSING_FILE = (
        "missing_file",
        "the file, or the folder it lay in, is not there",
        "put it back, or scrape again so that the row goes",
    )
    UNREADABLE = (
        "unreadable",
        "it cannot be opened: permissions, a failing disk, a store that refuses",
        "mend that, then `--retry unreadable`",
    )
    EMPTY_FILE = (
        "empty_file",
        "the file, or the answer, has no bytes",
        "copy or download it anew",
    )
    UNSUPPORTED_FORMAT = (
        "unsupported_format",
        "no decoder here reads it, or it is no audio and no picture at all",
        "convert it: FLAC, MP3, Ogg, Opus, WAV, M4A; JPEG, PNG, WebP",
    )
    NO_AUDIO_STREAM = (
        "no_audio_stream",
        "the container holds pictures, video or data, and no sound",
        "replace the file",
    )
    SHORTENED = (
        "shortened",
        "it is cut off: an end or a length that its header promises is missing",
        "copy or download it anew",
    )
    SILENT = (
        "silent",
        "no second of it is louder than the threshold",
        "replace it, or leave it: another song of the album is heard",
    )
    TOO_SHORT = (
        "too_short",
        "there is less music than one window of the encoder",
        "leave it, or choose an encoder with shorter windows",
    )
    TOO_LONG = (
        "too_long",
        "it is longer than is decoded",
        "cut it, or raise `scrape.max_seconds`",
    )
    TOO_LARGE = (
        "too_large",
        "more bytes or pixels than are read",
        "make it smaller; songs: or raise `scrape.max_file_mb`",
    )
    TOO_MANY_CHANNELS = (
        "too_many_channels",
        "more channels than are mixed down, or a header that cannot be right",
        "mix it down to stereo",
    )
    NOT_FINITE = (
        "not_finite",
        "samples or features that are no numbers, or far beyond full scale",
        "replace the song; features: embed them again",
    )
    DAMAGED_IMAGE = (
        "damaged_image",
        "the picture breaks off or cannot be decoded",
        "replace it; the next candidate is taken by itself",
    )
    MISSING_FIELD = (
        "missing_field",
        "a field that the row cannot do without is empty",
        "fill it in the table or the tags; of a stage: run the job it names",
    )
    WRONG_TYPE = (
        "wrong_type",
        "a field holds something else than it should: text for a number, no date",
        "mend it in the table; of a stage: run the job before it again",
    )
    DUPLICATE = (
        "duplicate",
        "another row is the same album or song",
        "nothing: the other row stands for both",
    )
    NO_MEDIA = (
        "no_media",
        "the album has no audio, or no cover, that could be used",
        "give it some, or a source that does",
    )
    NO_AUDIO_EMBEDDING = (
        "no_audio_embedding",
        "no song of the album was heard",
        "look for the reject of its song, mend that, run `embed`",
    )
    BAD_ADDRESS = (
        "bad_address",
        "an address that is none",
        "mend it, then `--retry bad_address`",
    )
    NOT_FOUND = (
        "not_found",
        "the site, or the table, does not have it",
        "`--retry not_found`, should it have come since",
    )
    FORBIDDEN = (
        "forbidden",
        "the site says no to what was asked: credentials, or a surface this app lacks",
        "mend those, then `--retry forbidden`",
    )
    ROBOTS = (
        "robots",
        "robots.txt or X-Robots-Tag forbids it; no byte was kept",
        "nothing, or ask the site",
    )
    RATE_LIMITED = (
        "rate_limited",
        "too many requests, for longer than a few minutes",
        "nothing: it is taken up later by itself",
    )
    QUOTA_SPENT = (
        "quota_spent",
        "the day's budget of the API is used up",
        "nothing: it goes on the next day by itself",
    )
    SERVER_FAILED = (
        "server_failed",
        "the site failed several times in a row",
        "nothing: it is taken up later by itself",
    )
    UNREACHABLE = (
        "unreachable",
        "the site was not there, or its bodies broke off, several times in a row",
        "nothing: it is taken up later by itself",
    )
    SOURCE_ERROR = (
        "source_error",
        "no answer of the API, or one with an error in it; the reason says what was seen",
        "later by itself where a page stood for an answer; else `--retry source_error`",
    )
    NEW_LAYOUT = (
        "new_layout",
        "an answer that no parser knows; the reason says what was seen",
        "update covergen, then `--retry new_layout`",
    )
    NO_MATCH = (
        "no_match",
        "nothing there is surely the album or song that was looked for",
        "mend its names or add its UPC or ISRC, then `--retry no_match`",
    )
    STAGE_FAILED = (
        "stage_failed",
        "the stage raised over this row, alone too; the reason quotes it",
        "it is tried again later by itself; where it stays, report it",
    )
    POISON = (
        "poison",
        "its worker died over it again and again, of memory for one",
        "report it; `--retry poison` after an update or with more memory",
    )


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

    def at(self, where: str) -> "BadInput":
        """Return the same refusal with a reason that names where it was met."""
        reason = self.reason if where in self.reason else f"{where}: {self.reason}"
        return BadInput(self.code, reason, retriable=self.retriable)

    def __reduce__(self) -> tuple[object, ...]:
        """Survive pickling between processes with the code intact."""
        return (_bad_input, (self.code, self.reason, self.retriable))


def _bad_input(code: RejectCode, reason: str, retriable: bool) -> BadInput:
    return BadInput(code, reason, retriable=retriable)


def one_line(error: BaseException) -> str:
    """Return what an error of another library says, as one line that is not too long for a sentence."""
    return " ".join(str(error).split())[:300]
