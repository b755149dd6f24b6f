"""What names of folders and files tell of an album: discs, sides of vinyl, years.

Which of it is believed over tags is left to `songs.py`.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from covergen.sources.identity import normalise

_WORDS: Final = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
)  # fmt: skip
_ROMAN: Final = (
    "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii", "xiii", "xiv", "xv", "xvi",
    "xvii", "xviii", "xix", "xx",
)  # fmt: skip
_SIDES: Final = "abcdefghijklmnopqrst"  # of ten records
_LETTERS: Final = frozenset("abcdefgh")  # that are no Roman number where they stand alone for a disc
_DISC: Final = r"(?:cd|dis[ck]|disque|диск)"
_BESIDE: Final = r"(?:lp|side|vinyl|record|tape|cassette|dvd|disco)"
_GAP: Final = r"[ _.#\u2116-]*(?:n[o\u00b0\u00ba][ .]*)?"
_END: Final = r"(?:\s*of\s*\d{1,2})?(?![^\W_])"  # of a number: no letter or digit follows
_NUMBER: Final = rf"{_GAP}(\d{{1,3}}|{'|'.join(_WORDS)}|[ivx]{{1,5}}|[a-h]){_END}"
_DISC_FOLDER: Final = re.compile(rf"[\[(]?\s*{_DISC}{_NUMBER}(.*)", re.IGNORECASE)
# Names of albums too, so that one of them is a disc only beside another.
_DISC_BESIDE: Final = re.compile(rf"[\[(]?\s*{_BESIDE}{_NUMBER.replace('[a-h]', '[a-t]')}(.*)", re.IGNORECASE)
_BONUS_FOLDER: Final = re.compile(rf"[\[(]?\s*bonus[ _.-]*{_DISC}(?![^\W\d_]).*", re.IGNORECASE)
_DISC_LAST: Final = re.compile(
    rf"(.*[^\W_].*?)[\s_.,-]*[\[(]?\s*(?<![^\W_])(?:{_DISC}|{_BESIDE}){_NUMBER}\s*[\])]?", re.IGNORECASE
)
_SIDE_BEHIND: Final = re.compile(rf"\bside{_GAP}([a-t])(?![^\W_])", re.IGNORECASE)
_SUBTITLE: Final = r"(?:(?::|\s+[-\u2013])\s+[^\[(]*[^\[(\s])?"
_DISC_IN_TITLE: Final = re.compile(
    rf"(.*\S)(?:\s*[\[(]\s*{_DISC}{_NUMBER}[^\])]*[\])]"
    rf"|\s*[-\u2013,:]\s*{_DISC}{_NUMBER}{_SUBTITLE}"
    rf"|(?<!\bcompact)(?<!\bmini)\s+{_DISC}{_GAP}(\d{{1,2}}|{'|'.join(_WORDS)}){_END}{_SUBTITLE}"
    r")((?:\s*[\[(][^\])]*[\])])*)\s*",
    re.IGNORECASE,
)
_SIDE: Final = re.compile(r"(aa|[a-t])(?:\s*[-.]?\s*(\d{1,2}))?", re.IGNORECASE)
_SIDE_OF_NAME: Final = re.compile(
    r"(?:([a-t])(\d{1,2})(?:\s*[-._)]\s*|\s+)|(aa|[a-t])(?:\s+-\s+|[.)]\s+))(?=\S)(.+)", re.IGNORECASE
)
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
        self._discs = disc_folders(paths)
        albums: dict[Path, list[Path]] = defaultdict(list)
        for path in paths:
            albums[self._above_discs(path.parent, None)[0]].append(path)
        self.sides = {path: side for files in albums.values() for path, side in side_names(files).items()}

    def album_folder(self, path: Path, root: Path) -> tuple[Path, int | None]:
        """Return the folder of a file's album, which is above those of its discs, and the disc."""
        folder, discs = self._above_discs(path.parent, root)
        if discs and path in self.sides and not _SIDE_BEHIND.search(path.parent.name):
            return folder, disc_of_side(self.sides[path][0], discs[0])
        return folder, disc_of_side(discs[0], discs[-1] if len(discs) > 1 else None) if discs else None

    def _above_discs(self, folder: Path, root: Path | None) -> tuple[Path, list[int]]:
        discs = []
        while folder in self._discs and folder != root:
            discs.append(self._discs[folder])
            folder = folder.parent
        return folder, discs


def disc_of_side(side: int, disc: int | None) -> int:
    """Return the disc that a side of vinyl is told as: each side is one, two of a record."""
    before = 2 * ((disc or 1) - 1)
    return side if side > before else before + side


def disc_folders(paths: Iterable[Path]) -> dict[Path, int]:
    """Return the disc of each disc folder above files, such as `CD 2`, `Disc One (Live)`, `Side B`."""
    with_songs = {path.parent for path in paths}
    groups: dict[Path, set[Path]] = defaultdict(set)
    for place in with_songs:
        for folder in (place, *place.parents[:2]):
            groups[folder.parent].add(folder)
    found: dict[Path, int] = {}
    for parent, folders in groups.items():
        found |= _discs_within(parent, sorted(folders), parent in with_songs)
    return found


def _discs_within(parent: Path, folders: list[Path], has_songs: bool) -> dict[Path, int]:
    """Return the discs among the folders of one folder, which may have songs beside them."""
    found = _discs_named(_DISC_FOLDER, folders)
    beside = _discs_named(_DISC_BESIDE, folders)
    is_counted = 1 in beside.values() or all(_SIDE_BEHIND.search(folder.name) for folder in beside)
    if len(set(beside.values())) > 1 and is_counted:  # "Disco 2" and "Disco 3" are albums
        found = beside | found
    bonus = [folder for folder in folders if _BONUS_FOLDER.fullmatch(folder.name)]
    own = {
        folder: number
        for folder in folders
        if folder not in {*found, *bonus} and (number := _disc_of_own_name(folder.name, parent.name))
    }
    if len({*own.values(), *found.values()}) > 1 and len(own) + len(found) + len(bonus) == len(folders):
        found |= own
    if found or has_songs:
        last = max(found.values(), default=1)
        found |= {folder: last + after for after, folder in enumerate(bonus, start=1)}
    return found


def _discs_named(pattern: re.Pattern[str], folders: Iterable[Path]) -> dict[Path, int]:
    matches = {folder: match for folder in folders if (match := pattern.fullmatch(folder.name))}
    is_lettered = any(match[1].lower() in _LETTERS for match in matches.values())
    discs: dict[Path, int] = {}
    for folder, match in matches.items():
        if number := _side(match[1]) if is_lettered and match[1].isalpha() else _number(match[1]):
            side = _SIDE_BEHIND.search(match[2])
            discs[folder] = disc_of_side(_side(side[1]) or 1, number) if side else number
    return discs


def _disc_of_own_name(name: str, album: str) -> int | None:
    """Return the disc of `Both CD1` in `2001 - Both`: it repeats the name of its album's folder."""
    found = _DISC_LAST.fullmatch(name)
    if not found:
        return None
    names = [normalise(year_in_name(text)[0]) for text in (found[1], album)]
    shorter, longer = sorted(names, key=len)
    return _number(found[2]) if shorter and f" {longer} ".endswith(f" {shorter} ") else None


def disc_in_title(title: str) -> tuple[str, int | None]:
    """Return an album's title without the disc it names, and that disc: "The Wall [Disc 1]"."""
    if found := _DISC_IN_TITLE.fullmatch(title):
        number = _number(found[2] or found[3] or found[4])
        return found[1].rstrip(" -\u2013,:") + found[5], number
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
    """Return (side, number) of a vinyl number such as A1 or B02, sides counted from 1; None of any other.

    A side alone holds one song: A and B (or AA) of a single.
    """
    found = _SIDE.fullmatch(text.strip())
    return (_side(found[1]), int(found[2] or 1) or None) if found else (None, None)


def side_names(files: Sequence[Path]) -> dict[Path, tuple[int, int, str]]:
    """Return (side, number, title) of an album's files named by sides of vinyl: `A1 - Exhale`, `B - Ache`.

    Only where they count from A1 without a doubled number, and those of a letter alone only where all files
    are named so and no letter is left out: else A1 may be an artist.
    """
    found = {path: match for path in files if (match := _SIDE_OF_NAME.fullmatch(path.stem))}
    sides = {_side(match[1] or match[3]) for match in found.values()}
    if len(found) < len(files) or sides != set(range(1, len(sides) + 1)):
        found = {path: match for path, match in found.items() if match[1]}
    named = {
        path: (_side(match[1] or match[3]) or 0, int(match[2] or 1), match[4])
        for path, match in found.items()
    }
    places = {(path.parent, *side[:2]) for path, side in named.items()}
    is_counted = any(side[:2] == (1, 1) for side in named.values())
    return named if is_counted and 1 < len(named) == len(places) else {}


def _side(letter: str) -> int | None:
    """Return the number of a side; AA is the second of a single with two A sides."""
    return 2 if letter.lower() == "aa" else _SIDES.find(letter.lower()) + 1 or None


def _number(text: str) -> int | None:
    """Return the number that digits, a word, a Roman number or a letter stand for."""
    lower = text.lower()
    if lower.isdecimal():
        return int(lower) or None
    for names in (_WORDS, _ROMAN):
        if lower in names:
            return names.index(lower) + 1
    return _side(lower) if lower in set(_SIDES) else None
