"""Views of songs from YouTube's Data API: known videos in fifties, the others by a search a song.

A search costs one of 100 calls a day, fifty known videos one of 10,000 units; both days end at midnight in
California. Views may be kept for 30 days, says the API's terms of service; then ask again or delete them.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from html import unescape
from typing import Any, ClassVar
from urllib.parse import urlencode

from covergen.errors import BadInput, ConfigError, RejectCode
from covergen.sources.protocol import Found, Record
from covergen.sources.web_source import (
    Answer,
    Parsed,
    RateLimit,
    Refusal,
    Request,
    Wanted,
    no_answer,
    seconds_to_midnight,
    usual_refusal,
)
from covergen.sources.youtube.songs import (
    WATCH,
    Candidate,
    Song,
    choose,
    is_topic,
    read_songs,
    refused,
    songs_of,
    track_record,
    write_songs,
)

KEY = "YOUTUBE_API_KEY"
TERMS = "youtube-terms"
DAY_ZONE = "America/Los_Angeles"
AT_ONCE = 50  # ids in one videos.list
_SNIPPET = "snippet(title,channelTitle,liveBroadcastContent)"
_VIDEO_FIELDS = f"items(id,{_SNIPPET},contentDetails(duration),statistics(viewCount))"
_SEARCH_FIELDS = f"items(id(videoId),{_SNIPPET})"
_ID = re.compile(r"[\w-]{11}", re.ASCII)
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", re.ASCII)
_SPENT = {"quotaexceeded", "dailylimitexceeded", "dailylimitexceededunreg"}
_FAST = {"ratelimitexceeded", "userratelimitexceeded", "servinglimitexceeded"}
_BAD_KEY = "the key in YOUTUBE_API_KEY is no valid one; copy it anew from the console's page of credentials"
_OFF = "switch on 'YouTube Data API v3' for the key's project in the console, and allow the key to call it"
_REMEDIES = {
    "keyinvalid": _BAD_KEY,
    "keyexpired": _BAD_KEY,
    "apikeyinvalid": _BAD_KEY,
    "forbidden": _OFF,
    "accessnotconfigured": _OFF,
    "servicedisabled": _OFF,
    "apikeyserviceblocked": _OFF,
    "iprefererblocked": "the key is bound to other addresses; loosen its restriction in the console",
    "apikeyipaddressblocked": "the key is bound to other addresses; loosen its restriction in the console",
}


class YouTube:
    """Views of wanted songs, with the key that stands in the environment as YOUTUBE_API_KEY.

    `searches` off leaves songs without a known video alone. A project with a larger quota names it.
    """

    name: ClassVar[str] = "youtube"
    turn: ClassVar[int] = 2
    follow_ups: ClassVar[float] = 0.02
    answer_bytes: ClassVar[int] = 50_000
    media_bytes: ClassVar[Mapping[str, int]] = {}
    is_api: ClassVar[bool] = True

    def __init__(
        self,
        base: str = "https://www.googleapis.com/youtube/v3",
        *,
        searches: bool = True,
        daily_videos: int = 10_000,
        daily_searches: int = 100,
    ):
        self.base = base.rstrip("/")
        self.searches = searches
        self.daily = {"videos": daily_videos, "search": daily_searches}
        self.headers()

    def requests(self, wanted: Iterable[Wanted]) -> Iterator[Request]:
        """Yield a request for each fifty known videos, and a search for each other song."""
        known: dict[str, list[Song]] = {}
        for song, video_id in songs_of(wanted):
            if video_id and _ID.fullmatch(video_id):
                known.setdefault(video_id, []).append(song)
            elif self.searches:
                yield self._search(song)
            if len(known) == AT_ONCE:
                yield self._videos(known)
                known = {}
        if known:
            yield self._videos(known)

    def rate_limit(self, request: Request) -> RateLimit:
        """Return the bucket of the method that is called: each has a day's count of its own."""
        return RateLimit(
            f"youtube/{request.kind}", 10, 1.0, daily=self.daily[request.kind], day_zone=DAY_ZONE
        )

    def headers(self) -> dict[str, str]:
        """Return the key as a header: addresses end up in logs. Raises ConfigError where there is none."""
        key = os.environ.get(KEY, "").strip()
        if not key:
            raise ConfigError(
                f"The source youtube needs a key of YouTube's Data API in the environment variable {KEY}; "
                "make one at https://console.cloud.google.com/apis/credentials or leave the source out."
            )
        return {"X-Goog-Api-Key": key, "Accept": "application/json"}

    def refusal(self, request: Request, answer: Answer) -> Refusal | None:
        """Return what the API's own reason means, whatever the status."""
        return youtube_refusal(answer, f"youtube/{request.kind}", DAY_ZONE)

    def parse(self, request: Request, answer: Answer) -> Parsed:
        """Return views of the videos that were asked for, or of a search the request for the best video."""
        items = _items(answer)
        if request.kind == "search":
            return self._choose(read_songs(request.about["songs"])[0], items)
        by_id = {str(item.get("id")): item for item in items}
        pieces = Found()
        for video_id, songs in _known(request).items():
            for song in songs:
                _add(pieces, song, video_id, by_id.get(video_id), answer)
        return Parsed(pieces)

    def _videos(self, known: Mapping[str, list[Song]]) -> Request:
        ids = [video_id for video_id, songs in known.items() for _ in songs]
        about = {
            "songs": write_songs(song for songs in known.values() for song in songs),
            "ids": json.dumps(ids),
        }
        parameters = {
            "part": "snippet,contentDetails,statistics",
            "id": ",".join(known),
            "maxResults": AT_ONCE,
            "fields": _VIDEO_FIELDS,
        }
        return Request(self.name, "videos", f"{self.base}/videos?{urlencode(parameters)}", about)

    def _search(self, song: Song) -> Request:
        parameters = {
            "part": "snippet",
            "type": "video",
            "maxResults": 10,
            "q": song.query,
            "fields": _SEARCH_FIELDS,
        }
        url = f"{self.base}/search?{urlencode(parameters)}"
        return Request(self.name, "search", url, {"songs": write_songs([song])})

    def _choose(self, song: Song, items: list[Mapping[str, Any]]) -> Parsed:
        candidates = _candidates(items)
        try:
            chosen = choose(song, candidates)
        except BadInput as problem:
            return Parsed(Found(rejects=[refused(song, problem)]))
        return Parsed(follow=(self._videos({chosen.video_id: [song]}),))


def _items(answer: Answer) -> list[Mapping[str, Any]]:
    data = answer.json()
    items = data.get("items") if isinstance(data, dict) else None
    if isinstance(items, list):
        usable: list[Mapping[str, Any]] = [item for item in items if isinstance(item, dict)]
        if usable or not items:
            return usable
    if data == {}:  # what `fields` leaves of an answer without items
        return []
    seen = ", ".join(sorted(data)[:12]) if isinstance(data, dict) else type(data).__name__
    raise BadInput(RejectCode.NEW_LAYOUT, f"{answer.url} answered without a list of items, but with {seen}")


def _known(request: Request) -> dict[str, list[Song]]:
    known: dict[str, list[Song]] = {}
    for video_id, song in zip(
        json.loads(request.about["ids"]), read_songs(request.about["songs"]), strict=True
    ):
        known.setdefault(video_id, []).append(song)
    return known


def _candidates(items: list[Mapping[str, Any]]) -> list[Candidate]:
    """Return the videos of a search, without those that have no id or title. Raises BadInput if none has."""
    found = [each for each in map(_candidate, items) if each]
    if items and not found:
        seen = ", ".join(sorted(items[0])[:12])
        raise BadInput(RejectCode.NEW_LAYOUT, f"no result of the search has an id and a title, but {seen}")
    return found


def _candidate(item: Mapping[str, Any]) -> Candidate | None:
    snippet, id = item.get("snippet"), item.get("id")
    video_id = id.get("videoId") if isinstance(id, Mapping) else None
    if not isinstance(snippet, Mapping) or not isinstance(video_id, str):
        return None
    title, channel = snippet.get("title"), snippet.get("channelTitle")
    if not isinstance(title, str) or not title:
        return None
    live = snippet.get("liveBroadcastContent", "none") != "none"
    return Candidate(video_id, unescape(title), unescape(channel) if isinstance(channel, str) else "", live)


def _add(pieces: Found, song: Song, video_id: str, item: Mapping[str, Any] | None, answer: Answer) -> None:
    if item is None:
        reason = f"{WATCH}{video_id} is not there: deleted, private, or never was"
        pieces.rejects.append(refused(song, BadInput(RejectCode.NOT_FOUND, reason)))
        return
    record, problem = _read_video(song, video_id, item, answer)
    pieces.tracks.append(record)
    if problem:
        pieces.rejects.append(refused(song, problem))


def _read_video(
    song: Song, video_id: str, item: Mapping[str, Any], answer: Answer
) -> tuple[Record, BadInput | None]:
    """Return the song's row, and where it has no views why."""
    snippet, view_count = item.get("snippet") or {}, (item.get("statistics") or {}).get("viewCount")
    problem, views = None, None
    if snippet.get("liveBroadcastContent", "none") != "none":
        problem = BadInput(RejectCode.MISSING_FIELD, f"{WATCH}{video_id} is live or still to come")
    elif view_count is None:
        problem = BadInput(RejectCode.MISSING_FIELD, f"{WATCH}{video_id} hides its views")
    elif str(view_count).isascii() and str(view_count).isdigit():
        views = int(view_count)
    else:
        problem = BadInput(RejectCode.NEW_LAYOUT, f"{WATCH}{video_id} has {view_count!r} views")
    # A music video is longer than its song: only YouTube's own uploads have the song's length.
    topic = is_topic(str(snippet.get("channelTitle", "")))
    length = _duration_ms((item.get("contentDetails") or {}).get("duration")) if topic else None
    at = answer.fetched_at
    return track_record(song, video_id, views=views, at=at, licence=TERMS, duration_ms=length), problem


def _duration_ms(text: str | None) -> int | None:
    found = _DURATION.fullmatch(text or "")
    if not found:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000 or None


# What the errors of Google's APIs mean: a spent day, too many at once, a key that will not do.


def youtube_refusal(answer: Answer, bucket: str, day_zone: str) -> Refusal | None:
    """Return what an error of the API means, by its reasons first and by its status where it gives none.

    A spent day rests the bucket until the next midnight of `day_zone`, counted from the answer's time.
    """
    error = _error(answer)
    if error is None:
        return usual_refusal(answer) or _shapeless(answer)
    reasons = list(_reasons(error))
    message = f"{answer.url.partition('?')[0]} answered {answer.status}: {_message(error)}"
    if _SPENT & set(reasons) or _is_daily(error):
        wait = seconds_to_midnight(answer.fetched_at, day_zone)
        reason = f"{message} ({bucket} is spent until midnight in {day_zone})"
        return Refusal(RejectCode.QUOTA_SPENT, reason, wait=wait)
    if _FAST & set(reasons):
        return Refusal(RejectCode.RATE_LIMITED, message, again=True)
    remedies = [_REMEDIES[reason] for reason in reasons if reason in _REMEDIES]
    if "api key not valid" in message.lower():  # under the reason "badRequest"
        remedies.append(_BAD_KEY)
    if remedies:
        return Refusal(RejectCode.FORBIDDEN, f"{message}; {remedies[0]}")
    usual = usual_refusal(answer) or Refusal(RejectCode.SOURCE_ERROR, message)
    return replace(usual, reason=message)


def _error(answer: Answer) -> Mapping[str, Any] | None:
    try:
        data = answer.json()
    except BadInput:
        return None
    error = data.get("error") if isinstance(data, dict) else None
    return error if isinstance(error, dict) else None


def _shapeless(answer: Answer) -> Refusal | None:
    """Return why an answer without an error is none; `fields` leaves {} of one that lists nothing."""
    try:
        data = answer.json()
    except BadInput:
        return no_answer(answer, "a JSON object")
    is_list = isinstance(data, dict) and isinstance(data.get("items"), list)
    return None if is_list or data == {} else no_answer(answer, "a JSON object with a list of items")


def _reasons(error: Mapping[str, Any]) -> Iterator[str]:
    """Yield the reasons in lower case without underscores: "keyInvalid" of old, "API_KEY_INVALID" of late."""
    for place in ("errors", "details"):
        for each in error.get(place) or ():
            if isinstance(each, dict) and each.get("reason"):
                yield str(each["reason"]).replace("_", "").lower()


def _is_daily(error: Mapping[str, Any]) -> bool:
    """Tell whether the limit that was met is one of the day: the newer errors name it."""
    return any(
        "perday" in str((each.get("metadata") or {}).get("quota_limit", "")).lower()
        for each in error.get("details") or ()
        if isinstance(each, dict)
    )


def _message(error: Mapping[str, Any]) -> str:
    return " ".join(str(error.get("message") or "an error").split())[:200]
