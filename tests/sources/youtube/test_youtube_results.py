import json
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from covergen.errors import ConfigError, RejectCode
from covergen.sources.web_source import Answer, Wanted, WantedTrack
from covergen.sources.youtube.results import LICENCE, YouTubePages
from covergen.storage import rows
from covergen.storage.tables import TRACKS
from tests.sources.youtube.test_youtube_pages import CONSENT, page, renderer

KEY = "AIza-not-a-real-key-0123456789"
NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)  # 04:00 in California


def answer(data, status=200, at=NOON):
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    return Answer("https://www.googleapis.com/youtube/v3/videos?id=x", status, {}, body, at)


def album(*tracks, name="A"):
    return Wanted(f"album-{name}", "New Order", "Substance", tracks=tracks)


def track(number, video_id=None, title="Blue Monday", artist="New Order"):
    return WantedTrack(f"track-{number}", title, artist, ids={"youtube": video_id} if video_id else {})


def test_the_page_route_is_off_and_says_why():
    with pytest.raises(ConfigError) as refused:
        YouTubePages()
    for word in ("robots.txt", "terms", "override_robots", "youtube_pages alone"):
        assert word in str(refused.value)


def query_of(request):
    return {name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()}


def results(*videos, status=200):
    html = page(*({"videoRenderer": each} for each in videos))
    return Answer("https://www.youtube.com/results", status, {}, html.encode(), NOON)


def test_a_results_page_gives_a_row_that_says_what_was_overridden():
    source = YouTubePages(override_robots=True)
    (request,) = source.requests([album(track(1))])
    query = {"search_query": "New Order Blue Monday", "hl": "en", "gl": "US", "ucbcb": "1"}
    assert query_of(request) == query
    found = source.parse(request, results(renderer())).found
    (record,) = found.tracks
    assert rows.from_records(TRACKS, [record]).num_rows == 1
    assert (record["track_id"], record["views"], record["views_at"]) == ("track-1", 1_440_528, NOON)
    assert (record["source"], record["licence"]) == ("youtube_pages", LICENCE)
    assert "robots.txt overridden" in record["licence"]
    assert (record["source_url"], record["duration_ms"]) == (request.url, 449_000)


def test_of_a_known_video_only_its_own_views_count():
    source = YouTubePages(override_robots=True)
    (request,) = source.requests([album(track(1, "known_vid_1"))])
    found = source.parse(request, results(renderer(), renderer("known_vid_1", "5 views"))).found
    assert found.tracks[0]["views"] == 5
    missing = source.parse(request, results(renderer())).found
    assert [r.problem.code for r in missing.rejects] == [RejectCode.NOT_FOUND]


def test_an_untitled_video_is_never_chosen_and_counts_where_it_is_known():
    source, untitled = YouTubePages(override_robots=True), {**renderer("known_vid_1", "5 views"), "title": {}}
    searched, known = (next(source.requests([album(track(1, each))])) for each in (None, "known_vid_1"))
    page = results(untitled, renderer())
    assert source.parse(searched, page).found.tracks[0]["views"] == 1_440_528
    assert source.parse(known, page).found.tracks[0]["views"] == 5


def test_a_page_that_cannot_be_used_is_told():
    source = YouTubePages(override_robots=True)
    (request,) = source.requests([album(track(1))])
    rounded = source.parse(request, results(renderer(views="1.4M views"))).found
    assert (rounded.tracks[0]["views"], rounded.tracks[0]["external_ids"]) == (
        None,
        {"youtube": "dQw4w9WgXcQ"},
    )
    assert "1.4M views" in rounded.rejects[0].problem.reason
    other = source.parse(request, results(renderer(title={"simpleText": "Blue Monday (Karaoke)"}))).found
    assert (other.tracks, other.rejects[0].problem.code) == ([], RejectCode.NO_MATCH)
    assert source.refusal(request, results(renderer())) is None
    assert source.refusal(request, results(status=429)).code is RejectCode.RATE_LIMITED
    for page_of_another in (b"<title>Sorry</title>", b"", b"<script>var ytInitialData = {"):
        refusal = source.refusal(request, Answer("https://local", 200, {}, page_of_another, NOON))
        assert (refusal.code, refusal.again) == (RejectCode.SOURCE_ERROR, True)
    asking = Answer("https://consent.youtube.com/m", 200, {}, CONSENT.encode(), NOON)
    refusal = source.refusal(request, asking)
    assert (refusal.code, refusal.again) == (RejectCode.FORBIDDEN, True)
