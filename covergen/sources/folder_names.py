"""What names of folders and files tell of an album: discs, sides of vinyl, years.

Which of it is believed over tags is left to `songs.py`.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_WORDS: Final = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_ROMAN: Final = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x")
_NUMBER: Final = rf"(\d{{1,3}}|{'|'.join(_WORDS)}|[ivx]{{1,4}}|[a-h])"
_DISC: Final = r"(?:cd|dis[ck]|disque|диск)"
_END: Final = r"(?![^\W_])"  # of a number: no letter or digit follows
_DISC_FOLDER: Final = re.compile(rf"{_DISC}[ _.#-]*{_NUMBER}{_END}.*", re.IGNORECASE)
# Names of albums too, so that one of them is a disc only beside another.
_DISC_BESIDE: Final = re.compile(
    rf"(?:lp|side|vinyl|record|tape|cassette|dvd|disco)[ _.#-]*{_NUMBER}{_END}.*", re.IGNORECASE
)
_DISC_IN_TITLE: Final = re.compile(
    rf"(.*\S)(?:\s*[\[(]\s*{_DISC}[ _.#-]*{_NUMBER}{_END}[^\])]*[\])]"
    rf"|\s*[-\u2013,:]\s*{_DISC}[ _.#-]*{_NUMBER}{_END})\s*",
    re.IGNORECASE,
)
_SIDE: Final = re.compile(r"([A-H])\s*[-.]?\s*(\d{1,2})", re.IGNORECASE)
_SIDE_OF_NAME: Final = re.compile(r"([A-H])(\d{1,2})(?:\s*[-._)]\s*|\s+)(?=\S)(.+)", re.IGNORECASE)
_YEAR: Final = r"((?:19|20)\d\d)(?:[-.](?:0[1-9]|1[0-2])(?:[-.][0-3]\d)?)?"
_YEAR_FIRST: Final = re.compile(rf"(?:[\[(]{_YEAR}[\])]\s*[-\u2013._]?\s*|{_YEAR}\s*[-\u2013._]\s+)(\S.*)")
_YEAR_LAST: Final = re.compile(rf"(.*\S)\s*[\[(]{_YEAR}[\])]")
_MAKE: Final = re.compile(  # what a copy is made of: [FLAC 24-96], (320 kbps), {Vinyl}
    r"\s*[\[({](?:(?:flac|mp3|aac|ogg|opus|m4a|alac|wav|web|cd|vinyl|lp|lossless|hi-?res|kbps|khz|bit|v0|v2"
    r"|vbr|cbr|rip|128|160|192|256|320|(?:16|24|32)(?:bit|[-_/ ](?:44|48|88|96|176|192)(?:[.]\d)?))"
    r"[ _,./-]*)+[\])}]$",
    re.IGNORECASE,
)


class FolderNames:
    """What the names of a folder's files say of discs and of sides of vinyl, each beside the others."""

    def __init__(self, paths: Iterable[Path]):
        paths = list(paths)
        self.sides = side_names(paths)
        self._discs = disc_folders({folder for path in paths for folder in path.parents[:3]})

    def album_folder(self, path: Path, root: Path) -> tuple[Path, int | None]:
        """Return the folder of a file's album, which is above those of its discs, and the disc."""
        folder, discs = path.parent, []
        while folder in self._discs and folder != root:
            discs.append(self._discs[folder])
            folder = folder.parent
        return folder, disc_of_side(discs[0], discs[-1] if len(discs) > 1 else None) if discs else None


def disc_of_side(side: int, disc: int | None) -> int:
    """Return the disc that a side of vinyl is told as: each side is one, two of a record."""
    before = 2 * ((disc or 1) - 1)
    return side if side > before else before + side


def disc_folders(folders: Iterable[Path]) -> dict[Path, int]:
    """Return the disc of each disc folder, such as `CD 2`, `Disc One (Live)`, `Side B`."""
    groups: dict[Path, dict[Path, int]] = defaultdict(dict)
    found: dict[Path, int] = {}
    for folder in set(folders):
        if disc := _disc(_DISC_FOLDER, folder.name):
            found[folder] = disc
        elif disc := _disc(_DISC_BESIDE, folder.name):
            groups[folder.parent][folder] = disc
    for beside in groups.values():
        if len(set(beside.values())) > 1:
            found |= beside
    return found


def disc_in_title(title: str) -> tuple[str, int | None]:
    """Return an album's title without the disc it names, and that disc: "The Wall [Disc 1]"."""
    if found := _DISC_IN_TITLE.fullmatch(title):
        return found[1].rstrip(" -\u2013,:"), _number(found[2] or found[3])
    return title, None


def year_in_name(name: str) -> tuple[str, str | None]:
    """Return an album folder's name without its year and what the copy is made of, and the year.

    "2001 - Discovery", "[2005] Human (FLAC)" and "Home (1997) [320]" name one; "1984" and "2112 Live" do not.
    """
    while (shorter := _MAKE.sub("", name)) != name and shorter:
        name = shorter
    if found := _YEAR_FIRST.fullmatch(name):
        return found[3], found[1] or found[2]
    if found := _YEAR_LAST.fullmatch(name):
        return found[1], found[2]
    return name, None


def side_and_number(text: str) -> tuple[int | None, int | None]:
    """Return (side, number) of a vinyl number such as A1 or B02, sides counted from 1; None of any other."""
    found = _SIDE.fullmatch(text.strip())
    return (_number(found[1]), int(found[2]) or None) if found else (None, None)


def side_names(paths: Iterable[Path]) -> dict[Path, tuple[int, int, str]]:
    """Return (side, number, title) of files named by sides of vinyl: `A1 - Exhale`, `B1 - Ache`.

    Only where a folder's files count from A1 without a doubled number: else A1 may be an artist.
    """
    folders: dict[Path, dict[Path, re.Match[str]]] = defaultdict(dict)
    for path in paths:
        if found := _SIDE_OF_NAME.fullmatch(path.stem):
            folders[path.parent][path] = found
    named: dict[Path, tuple[int, int, str]] = {}
    for files in folders.values():
        places = {path: (_number(found[1]) or 0, int(found[2])) for path, found in files.items()}
        if (1, 1) in places.values() and 1 < len(files) == len(set(places.values())):
            named |= {path: (*places[path], found[3]) for path, found in files.items()}
    return named


def _disc(pattern: re.Pattern[str], name: str) -> int | None:
    found = pattern.fullmatch(name)
    return _number(found[1]) if found else None


def _number(text: str) -> int | None:
    """Return the number that digits, a word, a Roman number or a letter stand for."""
    lower = text.lower()
    if lower.isdecimal():
        return int(lower) or None
    for names in (_WORDS, _ROMAN):
        if lower in names:
            return names.index(lower) + 1
    return "abcdefgh".index(lower) + 1 if lower in set("abcdefgh") else None
