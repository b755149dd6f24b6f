"""What `covergen cover` does: read whose cover it is, listen, paint, write, and say each of them."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, count
from pathlib import Path
from typing import Any, BinaryIO, Final

import typer

from covergen.catalog.genres import genre_note
from covergen.errors import BadInput, ConfigError
from covergen.models import stable_diffusion
from covergen.models.noise_schedulers import check_noise_scheduler
from covergen.serving.album_metadata import Subject, moods_of, subject_of, subjects_in, with_moods
from covergen.serving.domain import FORMATS, CoverOrder, FinishedCover, SongFeatures
from covergen.serving.service import CoverService, prompt_of

Given = Mapping[str, str | None]
NAME: Final = "cover.png"  # of a cover in a folder
_BARRED: Final = str.maketrans(dict.fromkeys('/\\:*?"<>|', "_"))
_LONGEST: Final = 200  # bytes of a name; file systems take 255


def paint(
    music: Path,
    out: Path,
    *,
    given: Given,
    order: Mapping[str, Any],
    models: Mapping[str, Any],
    force: bool = False,
    moods: bool = True,
) -> None:
    """Paint the cover of a song's album, or of each album in a folder. Raises ConfigError.

    `given`: artist, album, genre and year as the options have them, None where they do not tell. An album
    whose songs are of no use does not keep the others from their covers.
    """
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    subjects = _subjects(music, given)
    suffix = ".png" if out.is_dir() else out.suffix
    wanted = []
    for subject in subjects:  # nonsense is refused before anything heavy is loaded
        known = given if len(subjects) > 1 else _completed(subject, given)
        words = CoverOrder(**subject.words(known), **order, format=FORMATS[suffix.lower()])  # type: ignore[arg-type]
        wanted.append((subject, known, words))
    check_noise_scheduler(order["noise_scheduler"])
    own_size = stable_diffusion.size(models["stable_diffusion"], offline=models.get("offline", True))
    service = CoverService(**models)
    service.fetch()
    refused = 0
    for (subject, known, words), place in zip(wanted, _places(out, subjects), strict=True):
        _tell_subject(subject, words, known)
        try:
            covers = _covers(service, subject, words, hears=models["fusion"] is not None, moods=moods)
        except BadInput as refusal:
            if len(subjects) == 1:
                raise ConfigError(refusal.reason) from refusal
            print(refusal.reason, file=sys.stderr)
            refused += 1
            continue
        _write(covers, place, force=force, own_size=own_size)
    if refused:
        raise ConfigError(f"{refused} of {len(subjects)} albums got no cover.")


def _subjects(music: Path, given: Given) -> list[Subject]:
    if not music.is_dir():
        return [subject_of(music)]
    subjects = subjects_in(music)
    if len(subjects) > 1 and (named := given["album"]) is not None:
        titles = ", ".join(subject.album for subject in subjects[:10])
        raise ConfigError(
            f"--album {named}: {music} holds {len(subjects)} albums ({titles}); name the folder of one."
        )
    return subjects


def _completed(subject: Subject, given: Given) -> Given:
    """Return what is given, and what a person at the terminal answers where neither tags nor options tell."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return given
    read = subject.words(given)
    answers = {name: typer.prompt(name.capitalize(), default=read[name]) for name in subject.missing(given)}
    return {**given, **answers}


def _tell_subject(subject: Subject, words: CoverOrder, given: Given) -> None:
    print(f"{words.album} by {words.artist}{f', {words.year}' if words.year else ''}: {words.genre}")
    if words.prompt is None and (note := genre_note(words.genre)):
        print(note)
    guessed = [name for name in subject.missing(given) if name != "genre"]
    if guessed:
        options = " and ".join(f"--{name}" for name in guessed)
        print(f"No tag tells the {' or the '.join(guessed)}: read from the path; {options} can name another.")


def _covers(
    service: CoverService, subject: Subject, words: CoverOrder, *, hears: bool, moods: bool
) -> list[FinishedCover]:
    features, wanted = None, words
    if hears:
        song, features = _listen(service, subject)
        felt = moods_of(song) if moods and words.prompt is None else ()
        if felt:
            wanted = replace(words, prompt=with_moods(prompt_of(replace(words, tags=())), felt))
        print(_song_note(song, subject.songs, features) + (f": {', '.join(felt)}." if felt else "."))
    covers = service.cover(features, wanted)
    print(f'Painted "{covers[0].prompt}"')
    return covers


def _listen(service: CoverService, subject: Subject) -> tuple[Path, SongFeatures]:
    """Return the first song that can be used, and what is heard in it. Raises BadInput where none can."""
    refusals = []
    for song in subject.songs:
        try:
            features = service.listen(song)
        except BadInput as refusal:
            reason = f"{song} cannot be used ({refusal.code}): {refusal.reason}."
            refusals.append(BadInput(refusal.code, reason))
            continue
        for earlier in refusals:
            print(f"{earlier.reason} The next song is heard.", file=sys.stderr)
        return song, features
    first = refusals[0]
    if len(refusals) == 1:
        raise first
    raise BadInput(
        first.code, f"None of {len(refusals)} songs of {subject.album} can be used. {first.reason}"
    )


def _song_note(song: Path, songs: Sequence[Path], features: SongFeatures) -> str:
    """Return which song was heard and why this one: files tell no popularity."""
    which = ""
    if len(songs) > 1:
        order = "first" if song == songs[0] else "first usable one"
        which = f", the {order} of {len(songs)} songs (files do not tell which is the most popular)"
    return f"Heard {features.seconds:.0f} s of {song.name}{which}, at {features.loudness:.0f} dB"


def _places(out: Path, subjects: Sequence[Subject]) -> list[Path]:
    """Return where the covers go: of several albums, each bears its artist's and its title's name."""
    folder, suffix = (out, ".png") if out.is_dir() else (out.parent, out.suffix)
    if len(subjects) == 1:
        return [out / NAME if out.is_dir() else out]
    prefix = "" if out.is_dir() or out.name == NAME else f"{out.stem} - "
    places: dict[str, Path] = {}
    for subject in subjects:
        name = safe_name(f"{subject.artist} - {subject.album}")
        years = [f"{name} ({subject.year})"] if subject.year else []
        names = chain([name, *years], (f"{name} ({number})" for number in count(2)))
        own = next(each for each in names if each.casefold() not in places)
        places[own.casefold()] = folder / f"{prefix}{own}{suffix}"
    return list(places.values())


def _write(covers: Sequence[FinishedCover], out: Path, *, force: bool, own_size: int) -> None:
    places = write_all([cover.image for cover in covers], out, force=force)
    first = next(candidates(out, several=len(covers) > 1))
    if places[0] != first:
        print(f"{first} is there and stays (--force writes over it).")
    for path, painted in zip(places, covers, strict=True):
        facts = f"{painted.width} x {painted.height}, seed {painted.seed}, {painted.order.steps} steps"
        if painted.variation_seed is not None:
            facts += f", variation seed {painted.variation_seed}"
        print(f"  {path}  ({facts}, {painted.seconds:.1f} s)")
    if (size := covers[0].width) != own_size:
        changed = (
            f"enlarged to {size} px by Lanczos: not sharper" if size > own_size else f"reduced to {size} px"
        )
        print(f"Painted at {own_size} px, {changed}.")


# Writing what a command made: beside files that are there, never over them unless that is asked for.


def candidates(out: Path, *, several: bool = False) -> Iterator[Path]:
    """Yield the names a file may have: `out`, then with a number; of several files each has a number."""
    if not several:
        yield out
    for number in count(0 if several else 1):
        yield out.with_stem(f"{out.stem}-{number}")


def free(out: Path, *, force: bool = False) -> Path:
    """Return `out`, or where that is there and may not be replaced, the first numbered name that is free."""
    return out if force else next(path for path in candidates(out) if not path.exists())


def write_all(contents: Sequence[bytes], out: Path, *, force: bool = False) -> list[Path]:
    """Write each content to the next of its `candidates` that is free (with `force`: to the next).

    Raises ConfigError where that cannot be done; half a file is not left behind.
    """
    names = candidates(out, several=len(contents) > 1)
    return [_write_next(names, content, force=force) for content in contents]


def safe_name(text: str) -> str:
    """Return text as the name of a file on any system."""
    kept = "".join(c if c.isprintable() else " " for c in text.translate(_BARRED))
    cut = " ".join(kept.split()).encode()[:_LONGEST].decode(errors="ignore")
    return cut.strip(" .") or "cover"


def _write_next(names: Iterator[Path], content: bytes, *, force: bool) -> Path:
    for path in names:
        try:
            with path.open("wb" if force else "xb") as file:
                _fill(file, content, path)
            return path
        except FileExistsError:
            continue
        except OSError as error:
            raise ConfigError(f"{path} cannot be written: {error.strerror}; choose another --out.") from error
    raise AssertionError("numbers do not end")


def _fill(file: BinaryIO, content: bytes, path: Path) -> None:
    try:
        file.write(content)
        file.flush()
    except OSError:
        path.unlink(missing_ok=True)
        raise
