"""What MusicBrainz tells of groups, releases and recordings. Any field may be missing or null."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from covergen.errors import BadInput, RejectCode
from covergen.sources.enriching import ToldAlbum, ToldSong
from covergen.sources.fields import join_names
from covergen.sources.http.json_fields import objects, part, whole, words
from covergen.sources.identity import normalise
from covergen.sources.matching.editions import title_key
from covergen.sources.matching.matching import Candidate, isrc_key
from covergen.sources.request import Wanted

_PAGES: Final = "https://musicbrainz.org"
_PROPER: Final = {"Soundtrack", "Mixtape/Street"}  # of the secondary types: what is still an album proper
_VIDEO: Final = ("dvd", "blu-ray", "vhs", "video", "laserdisc", "vcd")


def candidate(thing: Mapping[str, Any]) -> Candidate:
    """Return a group or a release of a search as a candidate."""
    group = group_of(thing)
    kind, more = words(group, "primary-type").lower(), group.get("secondary-types")
    if isinstance(more, list):
        kind = next((each.lower() for each in more if isinstance(each, str) and each not in _PROPER), kind)
    return Candidate(
        id=words(thing, "id"),
        artist=credit(thing),
        title=words(thing, "title"),
        year=_date(thing) or None,
        upc=words(thing, "barcode") or None,
        kind=kind or None,
    )


def album(thing: Mapping[str, Any], genres: Iterable[str], cover: str | None) -> ToldAlbum:
    """Return a release, or a group without one, as an album."""
    labels = [words(part(each, "label"), "name") for each in objects(thing, "label-info")]
    group = group_of(thing)
    kind = "release-group" if group is thing else "release"
    return ToldAlbum(
        artist=credit(thing) or credit(group),
        title=words(thing, "title"),
        date=words(group, "first-release-date") or _date(thing) or None,
        genres=tuple(genres),
        label=next(filter(None, labels), None),
        cover=cover,
        url=f"{_PAGES}/{kind}/{words(thing, 'id')}",
    )


def songs(release: Mapping[str, Any]) -> Iterable[ToldSong | BadInput]:
    """Yield the songs of all discs, in order; videos are none."""
    for place, medium in enumerate(objects(release, "media"), start=1):
        if words(medium, "format").lower().startswith(_VIDEO):
            continue
        for track in objects(medium, "tracks"):
            if part(track, "recording").get("video") is not True:
                yield _song(track, release, whole(medium, "position") or place)


def original(wanted: Wanted, group: Mapping[str, Any]) -> str | None:
    """Return the id of a group's release to look up; None where it tells of none.

    One in the wanted spelling goes first, then official ones, then those that are no edition and need no
    words to be told apart, then the earliest; of dates that agree as far as they go, the fuller.
    """

    def rank(release: Mapping[str, Any]) -> tuple[Any, ...]:
        title, date = words(release, "title"), _date(release)
        return (
            normalise(title) != normalise(wanted.title),
            words(release, "status") not in {"Official", ""},
            title_key(title).is_edition or bool(words(release, "disambiguation")),
            date + "-99-99"[len(date) - 4 :] if date else "9999",
            words(release, "id"),
        )

    releases = [each for each in objects(group, "releases") if words(each, "id") and words(each, "title")]
    return words(min(releases, key=rank), "id") if releases else None


def genre_counts(thing: Mapping[str, Any]) -> dict[str, int]:
    """Return genres with the votes for them; those voted down are left out."""
    counts = {words(each, "name"): whole(each, "count") for each in objects(thing, "genres")}
    return {name: count for name, count in counts.items() if name and count}


def group_of(thing: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the group of a release, or the group itself; an empty one where it is not told."""
    return thing if "primary-type" in thing else part(thing, "release-group")


def credit(thing: Mapping[str, Any]) -> str:
    """Return who is credited; several joined by '; ', as elsewhere, whatever joins them on the cover."""
    credits = objects(thing, "artist-credit")
    return join_names(words(each, "name") or words(part(each, "artist"), "name") for each in credits)


def _song(track: Mapping[str, Any], release: Mapping[str, Any], disc: int) -> ToldSong | BadInput:
    recording = part(track, "recording")
    if not (title := words(track, "title") or words(recording, "title")):
        return BadInput(RejectCode.MISSING_FIELD, "the track of MusicBrainz has no title")
    isrcs = recording.get("isrcs")
    told = [isrc_key(each) for each in isrcs if isinstance(each, str)] if isinstance(isrcs, list) else []
    ids = {
        "musicbrainz": words(recording, "id"),
        "musicbrainz_release": words(release, "id"),
        "musicbrainz_release_group": words(group_of(release), "id"),
    }
    return ToldSong(
        title=title,
        artist=credit(track) or credit(recording),
        disc=disc,
        number=whole(track, "position"),
        isrcs=tuple(sorted(filter(None, told))),
        duration_ms=whole(track, "length") or whole(recording, "length"),
        url=f"{_PAGES}/recording/{ids['musicbrainz']}" if ids["musicbrainz"] else None,
        ids={name: id for name, id in ids.items() if id},
    )


def _date(thing: Mapping[str, Any]) -> str:
    return words(thing, "first-release-date") or words(thing, "date")
