"""Tags of one audio file, whatever its format writes them as: ID3, Vorbis, MP4, APEv2, ASF, RIFF, Matroska.

What a missing tag is replaced by is left to `folder.py`.
"""

import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import mutagen
from mutagen.asf import ASFTags
from mutagen.id3 import ID3
from mutagen.mp3 import MP3
from mutagen.mp4 import MP4Tags
from mutagen.ogg import OggFileType
from mutagen.wave import WAVE

from covergen.errors import BadInput
from covergen.media import mpeg, ogg
from covergen.media.audio import AudioLimits
from covergen.media.audio_input import opened_audio
from covergen.sources.field_parsing import clean_text, join_names, parse_number
from covergen.sources.local.embedded import BROKEN, Proof, apev2_of, listed, pictures_in
from covergen.sources.local.folder_names import side_and_number

_ID3: Final = {
    "artist": "TPE1", "albumartist": "TPE2", "album": "TALB", "title": "TIT2", "genre": "TCON",
    "track": "TRCK", "disc": "TPOS", "label": "TPUB", "isrc": "TSRC", "licence": "TCOP",
    "compilation": "TCMP", "lyrics": "USLT",
}  # fmt: skip
_ID3_DATES: Final = ("TDRC", "TDRL", "TDOR")  # of this recording, of its release, of the first one
_ID3_OWN: Final = {"album artist": "albumartist", "albumartist": "albumartist"}  # TXXX, by description
_MP4: Final = {
    "artist": "©ART", "albumartist": "aART", "album": "©alb", "title": "©nam", "genre": "©gen",
    "track": "trkn", "disc": "disk", "date": "©day", "label": "----:com.apple.iTunes:LABEL",
    "licence": "cprt", "isrc": "----:com.apple.iTunes:ISRC", "compilation": "cpil",
    "lyrics": "©lyr",
}  # fmt: skip
_VORBIS: Final[dict[str, tuple[str, ...]]] = {
    "artist": ("artist",),
    "albumartist": ("albumartist", "album artist", "album_artist"),
    "album": ("album",),
    "title": ("title",),
    "genre": ("genre",),
    "track": ("tracknumber", "track"),
    "tracks": ("tracktotal", "totaltracks"),
    "disc": ("discnumber", "disc"),
    "date": ("date", "year", "releasedate", "originaldate", "originalyear"),
    "label": ("label", "organization", "publisher"),
    "isrc": ("isrc",),
    "licence": ("license", "copyright"),
    "compilation": ("compilation",),
    "lyrics": ("lyrics", "unsyncedlyrics", "unsynced lyrics"),
}
_ASF: Final[dict[str, tuple[str, ...]]] = {
    "artist": ("Author",),
    "albumartist": ("WM/AlbumArtist",),
    "album": ("WM/AlbumTitle",),
    "title": ("Title",),
    "genre": ("WM/Genre",),
    "track": ("WM/TrackNumber",),
    "tracks": ("TotalTracks",),
    "disc": ("WM/PartOfSet",),
    "date": ("WM/Year", "date", "WM/OriginalReleaseTime", "WM/OriginalReleaseYear"),
    "label": ("WM/Publisher",),
    "isrc": ("WM/ISRC",),
    "licence": ("Copyright",),
    "compilation": ("WM/IsCompilation",),
    "lyrics": ("WM/Lyrics",),
}
_AGREE: Final = 0.25  # seconds by which a header and the frames may differ: the encoder's padding
_HIGH: Final = re.compile(r"[\x80-\xff]")
_C1: Final = re.compile(r"[\x80-\x9f]")  # no text holds these controls; in Windows' code page they are quotes
_LATIN: Final = re.compile(r"[A-Za-z]")
_SMALL_1251: Final = re.compile(r"[\xe0-\xff\xb8]")  # small Cyrillic letters of Windows, ё among them
_LARGE_1251: Final = re.compile(r"[\xc0-\xdf\xa8]")
_LEAST: Final = 6  # letters, below which nothing is guessed
_WORD: Final = re.compile(r"[A-Za-z\xa8\xb8\xc0-\xff]+")
_LONG: Final = 4  # letters of a word, all high: accents of Western languages do not stand so close
_VOWELS: Final = re.compile(r"[аеёиоуыэюяіїє]", re.IGNORECASE)
_SPOKEN: Final = (0.25, 0.75)  # share of vowels; Greek, Hebrew, Chinese and Korean read as cp1251 have fewer
_NAMES: Final = {
    b"IART": "artist", b"IPRD": "album", b"INAM": "title", b"IGNR": "genre", b"ICRD": "date",
    b"ICOP": "licence", b"IPRT": "track", b"ITRK": "track",
}  # fmt: skip
_MAX_CHUNKS: Final = 100
_MAX_LIST: Final = 2**20


@dataclass(frozen=True)
class FileTags:
    """What the tags of one file tell; empty text and None where they tell nothing."""

    artist: str = ""
    album_artist: str = ""
    album: str = ""
    title: str = ""
    genres: tuple[str, ...] = ()
    disc: int | None = None
    side: int | None = None  # of vinyl, whose numbers are A1, B1, ...
    number: int | None = None
    total: int | None = None
    date: str = ""
    label: str = ""
    isrc: str = ""
    licence: str = ""
    compilation: bool = False
    lyrics: str = ""  # as they stand there, line ends and all
    picture: Proof | None = None  # of the best picture inside
    duration_ms: int | None = None


def read_tags(path: Path) -> FileTags:
    """Return the tags of a file, empty ones where there are none or they are beyond reading."""
    try:
        file = mutagen.File(path)
        if file is None:
            return _other_tags(path)
        values = _values(file.tags, path)
        ape = apev2_of(path) if file.tags is None or _is(file.tags, ID3) else None
        if ape is not None:  # they were made to replace the ID3 tags of 1996, which cut at thirty letters
            both = values, _values(ape, path)
            values = _joined(*(both if file.tags and file.tags.version >= (2, 0) else reversed(both)))
        if not any(values.values()):
            values = _ffmpeg_values(path)
        pictures = pictures_in(file.tags, file) or pictures_in(ape, None)
        proof = min((picture.proof for picture in pictures), default=None)
        return _tags(values, proof, _duration_ms(file, path))
    except BROKEN:
        return _other_tags(path)


def _joined(first: Mapping[str, list[str]], then: Mapping[str, list[str]]) -> dict[str, list[str]]:
    return {name: first.get(name) or then.get(name) or [] for name in {*first, *then}}


def _other_tags(path: Path) -> FileTags:
    """Return the tags of formats that mutagen does not know, Matroska's and CAF's among them."""
    try:
        with opened_audio(path, AudioLimits()) as opened:
            seconds, values = opened.facts.container_seconds, _by_our_names(opened.tags)
    except BadInput:
        return FileTags()
    return _tags(values, None, round(seconds * 1000) if seconds else None)


def _ffmpeg_values(path: Path) -> dict[str, list[str]]:
    """Return what FFmpeg finds where mutagen looks for no tags: ID3 before ADTS, texts of AIFF."""
    try:
        with opened_audio(path, AudioLimits()) as opened:
            return _by_our_names(opened.tags)
    except BadInput:
        return {}


def _by_our_names(tags: Mapping[str, str]) -> dict[str, list[str]]:
    values = {name.lower(): text for name, text in tags.items()}
    return {name: [values[key] for key in keys if key in values] for name, keys in _VORBIS.items()}


def _duration_ms(file: Any, path: Path) -> int | None:
    """Return the length that a header tells, unless the file itself knows better.

    A WAV holds no more than its bytes, for pipes tell years; an mp3 is as long as its frames, which editors
    cut and join below one header; a chained Ogg file is as long as its links together.
    """
    length = getattr(file.info, "length", 0) or 0
    if _is(file, WAVE) and file.info.bitrate:
        length = min(length, path.stat().st_size * 8 / file.info.bitrate)
    elif _is(file, MP3):
        with path.open("rb") as raw:
            counted = mpeg.counted_seconds(raw)
        length = counted if counted and abs(counted - length) > _AGREE else length
    elif _is(file, OggFileType):
        length = _chained_seconds(path) or length
    return round(length * 1000) or None


def _chained_seconds(path: Path) -> float | None:
    """Return the seconds of an Ogg file of several links, None of one of a single link."""
    with path.open("rb") as raw:
        if len(ogg.links(raw)) < 2:
            return None
    try:
        with opened_audio(path, AudioLimits()) as opened:
            return opened.facts.container_seconds
    except BadInput:
        return None


def _tags(values: Mapping[str, Sequence[str]], picture: Proof | None, duration_ms: int | None) -> FileTags:
    number, total = parse_number(_first(values, "track"))
    side, number_of_side = side_and_number(_first(values, "track"))
    return FileTags(
        artist=join_names(values.get("artist", ())),
        album_artist=join_names(values.get("albumartist", ())),
        album=_first(values, "album"),
        title=_first(values, "title"),
        genres=tuple(dict.fromkeys(filter(None, map(clean_text, values.get("genre", ()))))),
        disc=parse_number(_first(values, "disc"))[0],
        side=side,
        number=number or number_of_side,
        total=total or parse_number(_first(values, "tracks"))[0],
        date=_first(values, "date"),
        label=_first(values, "label"),
        isrc=_first(values, "isrc"),
        licence=_first(values, "licence"),
        compilation=_first(values, "compilation").lower() in {"1", "true", "yes"},
        lyrics=next((text for text in values.get("lyrics", ()) if text.strip()), ""),
        picture=picture,
        duration_ms=duration_ms,
    )


def _first(values: Mapping[str, Sequence[str]], name: str) -> str:
    return next(filter(None, map(clean_text, values.get(name, ()))), "")


def _values(tags: Any, path: Path) -> dict[str, list[str]]:
    """Return the text values of any kind of tags by our own names."""
    if _is(tags, ID3):
        return _id3_values(tags)
    if _is(tags, MP4Tags):
        return {name: [_mp4_text(v) for v in listed(tags.get(key))] for name, key in _MP4.items()}
    if tags is None:
        return mended(read_info(path))
    names = _ASF if _is(tags, ASFTags) else _VORBIS
    return {name: [v for key in keys for v in _texts(tags.get(key))] for name, keys in names.items()}


def _texts(value: Any) -> list[str]:
    """Return the texts of a Vorbis, ASF or APEv2 value; pictures and links are none."""
    kind = getattr(value, "kind", None)
    if kind is not None:
        return list(value) if kind == 0 else []
    return [str(text) for text in listed(value)]


def _id3_values(tags: Any) -> dict[str, list[str]]:
    values = {name: _id3_texts(tags, frame) for name, frame in _ID3.items()}
    values["date"] = [text for frame in _ID3_DATES for text in _id3_texts(tags, frame)]
    for frame in tags.getall("TXXX"):
        if name := _ID3_OWN.get(frame.desc.lower()):
            values[name] = values[name] or [str(text) for text in frame.text]
    return mended(values)


def _id3_texts(tags: Any, frame: str) -> list[str]:
    if frame == "USLT":
        return [str(found.text) for found in tags.getall(frame)]
    found = tags.get(frame)
    if found is None:
        return []
    return [str(text) for text in (found.genres if frame == "TCON" else found.text)]


def _mp4_text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "/".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _is(tags: Any, kind: type) -> bool:
    return isinstance(tags, kind)


# Tags whose bytes are of another code page than the Latin-1 that they were read as.


def mended(values: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return the texts of one file, each decoded anew where that is sure, else as it is.

    Sure are UTF-8, whose bytes fit by no accident, Windows' quotes, and Cyrillic where the texts together
    are of nothing but high letters, small ones mostly, or of whole words of them that can be spoken: no
    language of Latin-1 writes so.
    """
    suspect = [text for texts in values.values() for text in texts if _HIGH.search(text) and _fits(text)]
    page = "cp1251" if _is_cyrillic(" ".join(suspect)) else "cp1252"
    return {name: [_decoded(text, page) for text in texts] for name, texts in values.items()}


def _decoded(text: str, page: str) -> str:
    if not (_HIGH.search(text) and _fits(text)):
        return text
    data = text.encode("latin-1")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    if page == "cp1251" or _C1.search(text):
        return data.decode(page, "replace")
    return text


def _is_cyrillic(text: str) -> bool:
    small, large = len(_SMALL_1251.findall(text)), len(_LARGE_1251.findall(text))
    is_small = small + large > 4 * len(_LATIN.findall(text)) and small > 2 * large
    words = [word for word in _WORD.findall(text) if _HIGH.search(word)]
    spelled = [word.encode("latin-1").decode("cp1251") for word in words]
    return small + large >= _LEAST and (is_small or _are_whole(spelled)) and _are_spoken(spelled)


def _are_whole(words: Sequence[str]) -> bool:
    """Tell whether words are high letters alone, one of them long, capitals at the start or everywhere."""
    are_cased = all(word.isupper() or word[1:].islower() or len(word) == 1 for word in words)
    are_pure = not any(_LATIN.search(word) for word in words)
    return are_cased and are_pure and any(len(word) >= _LONG for word in words)


def _are_spoken(words: Sequence[str]) -> bool:
    letters = "".join([word for word in words if len(word) >= _LONG] or words)
    least, most = _SPOKEN
    return least * len(letters) <= len(_VOWELS.findall(letters)) <= most * len(letters)


def _fits(text: str) -> bool:
    return all(ord(c) < 256 for c in text)


# Tags in the INFO list of a WAV file, which mutagen does not read (Microsoft RIFF MCI, 1991, chapter 2).


def read_info(path: Path) -> dict[str, list[str]]:
    """Return the texts of a WAV file's INFO list by our own names, as Latin-1; no file tells its code page.

    Raises OSError.
    """
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return {}
        for _ in range(_MAX_CHUNKS):
            kind, size = _chunk(file)
            if kind == b"LIST" and file.read(4) == b"INFO":
                return _info_texts(file.read(min(size - 4, _MAX_LIST)))
            if not kind:
                break
            file.seek(size + size % 2 - (4 if kind == b"LIST" else 0), 1)
    return {}


def _chunk(file: BinaryIO) -> tuple[bytes, int]:
    head = file.read(8)
    return (head[:4], struct.unpack("<I", head[4:])[0]) if len(head) == 8 else (b"", 0)


def _info_texts(data: bytes) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    position = 0
    while position + 8 <= len(data):
        kind = data[position : position + 4]
        size = int.from_bytes(data[position + 4 : position + 8], "little")
        text = data[position + 8 : position + 8 + size].split(b"\0")[0]
        if kind in _NAMES and text:
            found.setdefault(_NAMES[kind], []).append(text.decode("latin-1"))
        position += 8 + size + size % 2
    return found
