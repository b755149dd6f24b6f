"""Views of songs from YouTube's results pages, where the user has taken it upon themselves to read them.

The addresses are for `browser.Tabs`; what asks for nothing but HTML can fetch them too.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import ClassVar
from urllib.parse import urlencode

from covergen.errors import BadInput, ConfigError, RejectCode
from covergen.sources.protocol import Found
from covergen.sources.web_source import (
    Answer,
    Parsed,
    RateLimit,
    Refusal,
    Request,
    Wanted,
    no_answer,
    usual_refusal,
)
from covergen.sources.youtube.pages import Video, initial_data, is_consent_page, read_results
from covergen.sources.youtube.songs import (
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

LICENCE = "youtube-terms; robots.txt overridden"
OFF = (
    "The source youtube_pages is off: YouTube's robots.txt disallows /results, and its terms forbid "
    "programs to read the site without permission. The source youtube (the Data API) is the way that "
    "YouTube allows. Where you have permission, set override_robots = true for this source: it overrides "
    "robots.txt for youtube_pages alone, and its rows say so in their licence."
)

# In another language views are other words; ucbcb=1 goes past the consent page.
_ENGLISH = {"hl": "en", "gl": "US", "ucbcb": "1"}

_log = logging.getLogger(__name__)


class YouTubePages:
    """Views of songs as the results pages tell them, off until `override_robots` is given.

    Songs whose video is known are searched for as well, and then only that video counts. `tabs` is how many
    pages a worker's Chromium loads at once; 0 asks without a browser, as the first HTML holds all of it.
    """

    name: ClassVar[str] = "youtube_pages"
    turn: ClassVar[int] = 2
    follow_ups: ClassVar[float] = 0
    answer_bytes: ClassVar[int] = 1_000_000
    media_bytes: ClassVar[Mapping[str, int]] = {}
    is_api: ClassVar[bool] = False

    def __init__(
        self, base: str = "https://www.youtube.com", *, override_robots: bool = False, tabs: int = 4
    ):
        if not override_robots:
            raise ConfigError(OFF)
        _log.warning("youtube_pages overrides the robots.txt of %s, as configured", base)
        self.base, self.tabs = base.rstrip("/"), tabs

    def requests(self, wanted: Iterable[Wanted]) -> Iterator[Request]:
        """Yield one results page a song, in English as the United States see it."""
        for song, video_id in songs_of(wanted):
            about = {"songs": write_songs([song]), **({"id": video_id} if video_id else {})}
            yield Request(self.name, "results", self._address(song), about)

    def rate_limit(self, request: Request) -> RateLimit:  # noqa: ARG002  # one bucket for all
        """Return a page a second over the whole cluster."""
        return RateLimit(self.name, 1, 1.0)

    def headers(self) -> dict[str, str]:
        """Return the cookie that has refused all others, and English."""
        return {"Cookie": "SOCS=CAI", "Accept-Language": "en-US,en;q=0.9"}

    def refusal(self, request: Request, answer: Answer) -> Refusal | None:  # noqa: ARG002
        """Return what a status means; pages that ask for consent, or hold no results, are no answers."""
        if answer.status != 200:
            return usual_refusal(answer)
        html = answer.body.decode("utf-8", "replace")
        if is_consent_page(html):
            return Refusal(RejectCode.FORBIDDEN, f"{answer.url} is a consent page, no results", again=True)
        try:
            initial_data(html)
        except BadInput as problem:
            return replace(no_answer(answer, "results"), reason=f"{answer.url}: {problem.reason}")
        return None

    def parse(self, request: Request, answer: Answer) -> Parsed:
        """Return the song's row: of its known video, else of the best one; its page is the row's address."""
        song = read_songs(request.about["songs"])[0]
        videos = {video.video_id: video for video in read_results(answer.body.decode("utf-8", "replace"))}
        found = Found()
        try:
            video = _video_of(song, request.about.get("id"), videos)
        except BadInput as problem:
            found.rejects.append(refused(song, problem))
            return Parsed(found)
        found.tracks.append(self._record(song, video, request, answer))
        if video.problem:
            found.rejects.append(refused(song, video.problem))
        return Parsed(found)

    def _address(self, song: Song) -> str:
        return f"{self.base}/results?{urlencode({'search_query': song.query, **_ENGLISH})}"

    def _record(self, song: Song, video: Video, request: Request, answer: Answer) -> dict[str, object]:
        topic = video.seconds if is_topic(video.channel) else None  # a music video is longer than its song
        record = track_record(
            song,
            video.video_id,
            views=video.views,
            at=answer.fetched_at,
            licence=LICENCE,
            duration_ms=topic and topic * 1000,
        )
        return {**record, "source": self.name, "source_url": request.url}


def _video_of(song: Song, known: str | None, videos: dict[str, Video]) -> Video:
    if known is None:
        offered = [Candidate(v.video_id, v.title, v.channel, v.live) for v in videos.values() if v.title]
        return videos[choose(song, offered).video_id]
    if known in videos:
        return videos[known]
    reason = f"its video {known} is not among the {len(videos)} that the page lists"
    raise BadInput(RejectCode.NOT_FOUND, reason)
