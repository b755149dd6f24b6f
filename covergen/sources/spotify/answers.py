"""What each kind of Spotify's answers tells of the albums it was asked about, and what is asked next."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from covergen.errors import BadInput, RejectCode
from covergen.sources.matching.matching import Candidate, best
from covergen.sources.protocol import Found, Record, Rejected
from covergen.sources.request import Answer, Parsed, Request
from covergen.sources.spotify import rows as told
from covergen.sources.spotify.requests import Asking, Subject, subjects_of

STAGE: Final = "answers"


class Reader:
    """Reads answers; `artist_genres`: asks for the genres of an album's artists."""

    def __init__(self, asking: Asking, *, artist_genres: bool = False):
        self._asking = asking
        self._artist_genres = artist_genres

    def read(self, request: Request, answer: Answer) -> Parsed:
        """Return what an answer tells of each album it is about. Raises BadInput where it tells of none."""
        parsers: Mapping[str, Callable[[Request, Answer], Parsed]] = {
            "search_upc": self._searched,
            "search_isrc": self._searched,
            "search_words": self._searched,
            "album": self._albums,
            "albums": self._albums,
            "page": self._page,
            "songs": self._songs,
            "artists": self._artists,
        }
        return parsers[request.kind](request, answer)

    def _searched(self, request: Request, answer: Answer) -> Parsed:
        (subject,) = subjects_of(request)
        candidates = _candidates(request, answer, upc=subject.wanted.upc)
        try:
            chosen = best(subject.wanted, candidates)
        except BadInput as problem:
            if subject.steps:
                return Parsed(follow=(self._asking.search(subject),))
            return Parsed(Found(rejects=[Rejected(STAGE, subject.name, problem)]))
        return Parsed(follow=tuple(self._asking.albums([replace(subject, spotify_id=chosen.id, steps=())])))

    def _albums(self, request: Request, answer: Answer) -> Parsed:
        subjects, body = subjects_of(request), answer.json()
        albums = [body] if request.kind == "album" else _several(body, "albums", len(subjects))
        found, follow, known = Found(), list[Request](), list[Subject]()
        for asked, album in zip(subjects, albums, strict=True):
            try:
                facts = told.facts_of(album)
            except BadInput as problem:
                found.rejects.append(Rejected(STAGE, asked.name, problem))
                continue
            subject = replace(asked, spotify_id=facts["spotify_id"], facts=facts)
            known.append(subject)
            if cover := told.cover_record(subject):
                found.media.append(cover)
            if isinstance(album.get("tracks"), Mapping):
                follow += self._listed(subject, album["tracks"], found)
            else:
                follow.append(self._asking.first_page(subject))
        of_artists = self._asking.artists(known) if self._artist_genres else []
        later = {each.wanted.album_id for part in of_artists for each in subjects_of(part)}
        for subject in known:
            if subject.wanted.album_id not in later:
                self._tell_album(subject, [], found, answer)
        return Parsed(found, (*follow, *of_artists))

    def _page(self, request: Request, answer: Answer) -> Parsed:
        (subject,), found = subjects_of(request), Found()
        follow = self._listed(subject, answer.json(), found)
        return Parsed(found, tuple(follow))

    def _listed(self, subject: Subject, page: Mapping[str, Any], found: Found) -> list[Request]:
        """Add the songs of a page, or return the requests for them in full; with that for the next page.

        A known song is met once: a second one of its title, on this page or a later one, has its own id.
        """
        unmet, again = list(subject.wanted.tracks), list[tuple[str, str]]()
        try:
            for place, song in enumerate(told.items_of(page), (told.count(page.get("offset")) or 0) + 1):
                if known := told.known_as(song, tuple(unmet)):
                    unmet.remove(known)
                record = _track(song, subject, known.track_id if known else None, found, f"song {place}")
                if record is None:
                    continue
                if self._asking.surface.tracks and "spotify" in record["external_ids"]:
                    again.append((record["external_ids"]["spotify"], record["track_id"]))
                else:
                    _add(record, found)
            rest = replace(subject, wanted=replace(subject.wanted, tracks=tuple(unmet)))
            following = self._asking.next_page(rest, page)
        except BadInput as problem:
            found.rejects.append(Rejected(STAGE, subject.name, problem))
            following = None
        asked = self._asking.songs(replace(subject, songs=tuple(again)))
        return [*asked, following] if following else asked

    def _songs(self, request: Request, answer: Answer) -> Parsed:
        (subject,), found = subjects_of(request), Found()
        songs = _several(answer.json(), "tracks", len(subject.songs))
        for (spotify_id, track_id), song in zip(subject.songs, songs, strict=True):
            record = _track(song, subject, track_id, found, f"song {spotify_id}")
            if record is not None:
                _add(record, found)
        return Parsed(found)

    def _artists(self, request: Request, answer: Answer) -> Parsed:
        found, body = Found(), answer.json()
        artists = _several(body, "artists", None)
        genres = {each["id"]: told.words(each.get("genres")) for each in artists if _has_id(each)}
        for subject in subjects_of(request):
            of_all = [genre for id in subject.facts["artist_ids"] for genre in genres.get(id, ())]
            self._tell_album(subject, of_all, found, answer)
        return Parsed(found)

    def _tell_album(self, subject: Subject, genres: list[str], found: Found, answer: Answer) -> None:
        if record := told.album_record(subject, genres, fetched_at=answer.fetched_at):
            found.albums.append(record)


def _candidates(request: Request, answer: Answer, *, upc: str | None) -> list[Candidate]:
    """Return the albums of a search's answer, or those of its songs. Raises BadInput where it is no list."""
    body, kind = answer.json(), "tracks" if request.kind == "search_isrc" else "albums"
    items = told.items_of(body.get(kind) if isinstance(body, Mapping) else None)
    if kind == "tracks":
        items = [item.get("album") if isinstance(item, Mapping) else None for item in items]
    found_by = upc if request.kind == "search_upc" else None
    return [each for each in (told.candidate(item, found_by) for item in items) if each]


def _several(body: Any, name: str, length: int | None) -> list[Any]:
    """Return the list of a batch's answer, with its nulls. Raises BadInput if it is not of that length."""
    several = body.get(name) if isinstance(body, Mapping) else None
    if not isinstance(several, list) or length not in {None, len(several)}:
        raise BadInput(
            RejectCode.NEW_LAYOUT, f"Spotify's answer does not hold the {name} that were asked for"
        )
    return several


def _track(song: Any, subject: Subject, own_id: str | None, found: Found, which: str) -> Record | None:
    try:
        return told.track_record(song, subject, own_id)
    except BadInput as problem:
        found.rejects.append(Rejected(STAGE, f"{subject.name}, {which}", problem))
        return None


def _add(record: Record, found: Found) -> None:
    found.tracks.append(record)
    if preview := told.preview_record(record):
        found.media.append(preview)


def _has_id(thing: Any) -> bool:
    return isinstance(thing, Mapping) and isinstance(thing.get("id"), str)
