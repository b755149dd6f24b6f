"""What each kind of Spotify's answers tells of the albums it was asked about, and what is asked next."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from covergen.errors import BadInput, RejectCode
from covergen.sources.field_parsing import clean_text, join_names, parse_date
from covergen.sources.http.json_fields import objects, part
from covergen.sources.identity import album_id, normalise, track_id
from covergen.sources.matching.matching import Candidate, best, isrc_key, same_song
from covergen.sources.protocol import Found, Record, Rejected
from covergen.sources.spotify.requests import NAME, Asking, Subject, subjects_of
from covergen.sources.web_source import Answer, Parsed, Request, WantedTrack

STAGE: Final = "answers"
LICENCE: Final = "spotify-terms"
_PAGES: Final = "https://open.spotify.com"
_EP: Final = 5  # songs from which a single is an EP; four may be one song and its remixes
_MOST_ARTISTS: Final = 50  # of one album whose genres are asked for


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
        for requested, album in zip(subjects, albums, strict=True):
            try:
                facts = facts_of(album)
            except BadInput as problem:
                found.rejects.append(Rejected(STAGE, requested.name, problem))
                continue
            subject = replace(requested, spotify_id=facts["spotify_id"], facts=facts)
            known.append(subject)
            if cover := cover_record(subject):
                found.media.append(cover)
            if isinstance(album.get("tracks"), Mapping):
                follow += self._listed(subject, album["tracks"], found)
            else:
                follow.append(self._asking.first_page(subject))
        of_artists = self._asking.artists(known) if self._artist_genres else []
        later = {each.wanted.album_id for request in of_artists for each in subjects_of(request)}
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
            for place, song in enumerate(items_of(page), (count(page.get("offset")) or 0) + 1):
                if known := known_as(song, tuple(unmet)):
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
        requests = self._asking.songs(replace(subject, songs=tuple(again)))
        return [*requests, following] if following else requests

    def _songs(self, request: Request, answer: Answer) -> Parsed:
        (subject,), found = subjects_of(request), Found()
        songs = _several(answer.json(), "tracks", len(subject.songs))
        for (spotify_id, own_id), song in zip(subject.songs, songs, strict=True):
            record = _track(song, subject, own_id, found, f"song {spotify_id}")
            if record is not None:
                _add(record, found)
        return Parsed(found)

    def _artists(self, request: Request, answer: Answer) -> Parsed:
        found, body = Found(), answer.json()
        artists = _several(body, "artists", None)
        genres = {each["id"]: words(each.get("genres")) for each in artists if _has_id(each)}
        for subject in subjects_of(request):
            of_all = [genre for id in subject.facts["artist_ids"] for genre in genres.get(id, ())]
            self._tell_album(subject, of_all, found, answer)
        return Parsed(found)

    def _tell_album(self, subject: Subject, genres: list[str], found: Found, answer: Answer) -> None:
        if record := album_record(subject, genres, fetched_at=answer.fetched_at):
            found.albums.append(record)


def _candidates(request: Request, answer: Answer, *, upc: str | None) -> list[Candidate]:
    """Return the albums of a search's answer, or those of its songs. Raises BadInput where it is no list."""
    body, kind = answer.json(), "tracks" if request.kind == "search_isrc" else "albums"
    items = items_of(body.get(kind) if isinstance(body, Mapping) else None)
    if kind == "tracks":
        items = [item.get("album") if isinstance(item, Mapping) else None for item in items]
    found_by = upc if request.kind == "search_upc" else None
    return [each for each in (candidate(item, found_by) for item in items) if each]


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
        return track_record(song, subject, own_id)
    except BadInput as problem:
        found.rejects.append(Rejected(STAGE, f"{subject.name}, {which}", problem))
        return None


def _add(record: Record, found: Found) -> None:
    found.tracks.append(record)
    if preview := preview_record(record):
        found.media.append(preview)


def _has_id(thing: Any) -> bool:
    return isinstance(thing, Mapping) and isinstance(thing.get("id"), str)


# Spotify's albums and songs as records. Any field may be missing, any item of a list null.


def candidate(album: Any, upc: str | None = None) -> Candidate | None:
    """Return an album of a search as a candidate; None for what is none. `upc`: by which it was found."""
    if not isinstance(album, Mapping) or not _text(album, "id") or not _text(album, "name"):
        return None
    kind, songs = _text(album, "album_type"), count(album.get("total_tracks"))
    if kind == "single" and songs is not None and songs >= _EP:
        kind = "ep"
    date, _ = parse_date(_text(album, "release_date"))
    return Candidate(
        id=_text(album, "id"),
        artist=_names(album),
        title=_text(album, "name"),
        year=date and date[:4],
        upc=upc or _external(album, "upc"),
        kind=kind or None,
    )


def facts_of(album: Any) -> dict[str, Any]:
    """Return what later answers need to know of an album. Raises BadInput where it has no name or id."""
    if not isinstance(album, Mapping):
        raise BadInput(RejectCode.NOT_FOUND, "Spotify has no such album, or not for everybody")
    spotify_id, title, artist = _text(album, "id"), _text(album, "name"), _names(album)
    if not spotify_id or not title or not artist:
        lacking = "id" if not spotify_id else "name" if not title else "artist"
        raise BadInput(RejectCode.MISSING_FIELD, f"Spotify's album has no {lacking}")
    date, precision = parse_date(_text(album, "release_date"))
    genres = album.get("genres")
    return {
        "spotify_id": spotify_id,
        "title": title,
        "artist": artist,
        "artist_ids": [id for id in (_text(each, "id") for each in objects(album, "artists")) if id][
            :_MOST_ARTISTS
        ],
        "release_date": date,
        "release_date_precision": precision,
        "genres": words(genres),
        "label": _text(album, "label") or None,
        "cover": _largest(album),
        "upc": _external(album, "upc"),
        "source_url": _page(album, "album"),
    }


def album_record(subject: Subject, genres: list[str], *, fetched_at: datetime) -> Record | None:
    """Return an album as Spotify tells it; None where its id is the wanted one's and no genre is told."""
    facts = subject.facts
    date = facts["release_date"]
    own = album_id(facts["artist"], facts["title"], date and date[:4])
    genres = list(dict.fromkeys([*facts["genres"], *genres]))
    if own == subject.wanted.album_id and not genres:
        return None
    fields = {
        name: facts[name] for name in ("artist", "title", "release_date", "release_date_precision", "label")
    }
    return {
        "album_id": own,
        **fields,
        "genres": genres,
        **_source(facts["source_url"]),
        "source_revision": None,
        "fetched_at": fetched_at,
    }


def cover_record(subject: Subject) -> Record | None:
    """Return the wanted album's cover as a candidate for `media`; None where there is none."""
    if not (cover := subject.facts["cover"]):
        return None
    source = _source(subject.facts["source_url"])
    return {"owner_id": subject.wanted.album_id, "kind": "cover", "uri": cover, **source}


def track_record(song: Any, subject: Subject, own_id: str | None = None) -> Record:
    """Return a song of the wanted album, under `own_id` if that is settled. Raises BadInput if untitled."""
    if not isinstance(song, Mapping) or not (title := _text(song, "name")):
        what = "is null" if not isinstance(song, Mapping) else "has no title"
        raise BadInput(RejectCode.MISSING_FIELD, f"Spotify's song {what}")
    album, facts = subject.wanted.album_id, subject.facts
    disc, number = count(song.get("disc_number")) or None, count(song.get("track_number")) or None
    ids = {"spotify": _text(song, "id"), "spotify_album": facts["spotify_id"], "upc": facts["upc"]}
    return {
        "track_id": own_id or track_id(album, disc, number, title),
        "album_id": album,
        "title": title,
        "artist": _names(song) or facts["artist"],
        "disc": disc,
        "number": number,
        "isrc": isrc_key(_external(song, "isrc")),
        "duration_ms": count(song.get("duration_ms")),
        "popularity": count(song.get("popularity")),
        "views": None,
        "preview_url": _address(song.get("preview_url")),
        "cover_url": facts["cover"],
        "external_ids": {name: id for name, id in ids.items() if id},
        **_source(_page(song, "track") or facts["source_url"]),
    }


def preview_record(track: Record) -> Record | None:
    """Return a song's preview as a candidate for `media`; None where there is none."""
    if not (address := track["preview_url"]):
        return None
    source = {name: track[name] for name in ("source", "source_url", "licence")}
    return {"owner_id": track["track_id"], "kind": "audio", "uri": address, **source}


def known_as(song: Any, known: tuple[WantedTrack, ...]) -> WantedTrack | None:
    """Return which of the known songs one is: by its ISRC or id, else by its title."""
    if not isinstance(song, Mapping) or not (title := _text(song, "name")):
        return None
    isrc, spotify_id = isrc_key(_external(song, "isrc")), _text(song, "id")
    for is_it in (
        lambda track: isrc is not None and isrc == isrc_key(track.isrc),
        lambda track: bool(spotify_id) and spotify_id == track.ids.get("spotify"),
        lambda track: normalise(title) == normalise(track.title),
        lambda track: same_song(title, track.title),
    ):
        if found := next(filter(is_it, known), None):
            return found
    return None


def words(values: Any) -> list[str]:
    """Return the texts of a list, each once; nothing for what is none."""
    texts = [clean_text(each) for each in values if isinstance(each, str)] if isinstance(values, list) else []
    return list(dict.fromkeys(filter(None, texts)))


def items_of(page: Any) -> list[Any]:
    """Return the items of a page, nulls among them. Raises BadInput where it is no page."""
    if not isinstance(page, Mapping) or not isinstance(page.get("items"), list):
        raise BadInput(RejectCode.NEW_LAYOUT, "Spotify's answer has no list of items")
    return list(page["items"])


def count(value: Any) -> int | None:
    """Return a whole number that is not negative; None for anything else."""
    is_count = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
    return int(value) if is_count and value < 2**53 else None  # false for NaN and infinity


def _source(url: str | None) -> dict[str, str | None]:
    return {"source": NAME, "source_url": url, "licence": LICENCE}


def _page(thing: Mapping[str, Any], kind: str) -> str | None:
    """Return the page that a person can open."""
    url = _address(part(thing, "external_urls").get("spotify"))
    return url or (f"{_PAGES}/{kind}/{id}" if (id := _text(thing, "id")) else None)


def _names(thing: Mapping[str, Any]) -> str:
    return join_names(_text(each, "name") for each in objects(thing, "artists"))


def _largest(album: Mapping[str, Any]) -> str | None:
    """Return the address of the largest picture; sizes may be null."""
    pictures = [each for each in objects(album, "images") if _address(each.get("url"))]
    largest = max(pictures, key=lambda each: count(each.get("width")) or 0, default=None)
    return _address(largest["url"]) if largest else None


def _external(thing: Mapping[str, Any], name: str) -> str | None:
    return _text(part(thing, "external_ids"), name) or None


def _text(thing: Mapping[str, Any], name: str) -> str:
    value = thing.get(name)
    return clean_text(value) if isinstance(value, str) else ""


def _address(value: Any) -> str | None:
    return value if isinstance(value, str) and value.startswith(("https://", "http://")) else None
