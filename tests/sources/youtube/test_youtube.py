import json
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from covergen.errors import BadInput, ConfigError, RejectCode
from covergen.sources.web_source import Answer, Wanted, WantedTrack
from covergen.sources.youtube.source import YouTube, seconds_to_midnight, youtube_refusal
from covergen.storage import rows
from covergen.storage.tables import TRACKS

KEY = "AIza-not-a-real-key-0123456789"
NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)  # 04:00 in California


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("YOUTUBE_API_KEY", KEY)


def answer(data, status=200, at=NOON):
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    return Answer("https://www.googleapis.com/youtube/v3/videos?id=x", status, {}, body, at)


def album(*tracks, name="A"):
    return Wanted(f"album-{name}", "New Order", "Substance", tracks=tracks)


def track(number, video_id=None, title="Blue Monday", artist="New Order"):
    return WantedTrack(f"track-{number}", title, artist, ids={"youtube": video_id} if video_id else {})


def video(video_id, views="12345", channel="New Order - Topic", **snippet):
    return {
        "id": video_id,
        "snippet": {"title": "t", "channelTitle": channel, "liveBroadcastContent": "none", **snippet},
        "contentDetails": {"duration": "PT7M29S"},
        "statistics": {} if views is None else {"viewCount": views},
    }


def hit(video_id, title, channel, live="none"):
    snippet = {"title": title, "channelTitle": channel, "liveBroadcastContent": live}
    return {"id": {"kind": "youtube#video", "videoId": video_id}, "snippet": snippet}


def query_of(request):
    return {name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()}


def ids(*numbers):
    return [f"video{number:06}" for number in numbers]


def test_known_videos_are_asked_for_in_fifties_and_others_searched():
    known = [track(n, video_id) for n, video_id in enumerate(ids(*range(101)))]
    requests = list(YouTube().requests([album(*known[:70]), album(*known[70:], track("new"), name="B")]))
    assert [request.kind for request in requests] == ["videos", "videos", "search", "videos"]
    assert [len(query_of(r)["id"].split(",")) for r in requests if r.kind == "videos"] == [50, 50, 1]
    assert query_of(requests[0])["part"] == "snippet,contentDetails,statistics"
    assert query_of(requests[2])["q"] == "New Order Blue Monday"
    assert not any(KEY in str(request) for request in requests)
    assert [r.kind for r in YouTube(searches=False).requests([album(track(1), track(2, ids(2)[0]))])] == [
        "videos"
    ]


def test_one_video_of_two_albums_is_asked_for_once_and_told_to_both():
    same = [album(track(n, "same_video1"), name=str(n)) for n in range(2)]
    (request,) = YouTube().requests(same)
    assert query_of(request)["id"] == "same_video1"
    found = YouTube().parse(request, answer({"items": [video("same_video1")]})).found
    assert [(t["track_id"], t["views"]) for t in found.tracks] == [("track-0", 12345), ("track-1", 12345)]


def test_what_is_no_id_is_searched_for():
    assert [r.kind for r in YouTube().requests([album(track(1, "a,b"))])] == ["search"]


def test_a_search_does_not_say_not_and_or():
    (request,) = YouTube().requests([album(track(1, title="-Hello | Goodbye - Live-", artist="A; B"))])
    assert query_of(request)["q"] == "A Hello Goodbye Live-"


def test_views_land_on_the_wanted_track_with_their_time():
    (request,) = YouTube().requests([album(track(1, ids(1)[0]))])
    found = YouTube().parse(request, answer({"items": [video(ids(1)[0], "9007199254740993")]})).found
    (record,) = found.tracks
    assert rows.from_records(TRACKS, [record]).num_rows == 1
    assert (record["track_id"], record["album_id"]) == ("track-1", "album-A")
    assert (record["views"], record["views_at"]) == (9007199254740993, NOON)
    assert record["external_ids"] == {"youtube": ids(1)[0]}
    assert record["source_url"] == f"https://www.youtube.com/watch?v={ids(1)[0]}"
    assert (record["source"], record["licence"]) == ("youtube", "youtube-terms")
    assert record["duration_ms"] == 449_000
    assert not found.rejects


def test_the_length_of_a_music_video_is_not_the_song_s():
    (request,) = YouTube().requests([album(track(1, ids(1)[0]))])
    found = YouTube().parse(request, answer({"items": [video(ids(1)[0], channel="NewOrderVEVO")]})).found
    assert found.tracks[0]["duration_ms"] is None


def test_missing_hidden_live_and_odd_views_are_told():
    wanted = [track(n, video_id, title=f"Song {n}") for n, video_id in enumerate(ids(*range(4)))]
    (request,) = YouTube().requests([album(*wanted)])
    one, two, three = ids(1, 2, 3)
    items = [video(one, None), video(two, liveBroadcastContent="upcoming"), video(three, "1.4M")]
    found = YouTube().parse(request, answer({"items": items})).found
    assert [(r.key, r.problem.code) for r in found.rejects] == [
        ("youtube: New Order: Song 0", RejectCode.NOT_FOUND),
        ("youtube: New Order: Song 1", RejectCode.MISSING_FIELD),
        ("youtube: New Order: Song 2", RejectCode.MISSING_FIELD),
        ("youtube: New Order: Song 3", RejectCode.NEW_LAYOUT),
    ]
    assert ids(0)[0] in found.rejects[0].problem.reason
    assert "hides" in found.rejects[1].problem.reason
    assert [(t["views"], t["views_at"]) for t in found.tracks] == [(None, None)] * 3


def test_an_answer_without_items_means_that_none_is_there():
    (request,) = YouTube().requests([album(track(1, ids(1)[0]))])
    for nothing in ({}, {"items": []}):
        assert YouTube().parse(request, answer(nothing)).found.rejects[0].problem.code is RejectCode.NOT_FOUND
    for unknown in ({"videos": []}, [], {"items": ["x"]}):
        with pytest.raises(BadInput) as refused:
            YouTube().parse(request, answer(unknown))
        assert refused.value.code is RejectCode.NEW_LAYOUT


def test_a_search_is_followed_by_the_video_that_it_chose():
    (request,) = YouTube().requests([album(track(1, title="Rock & Roll"))])
    items = [
        hit("wrong_one_1", "Rock &amp; Roll (Karaoke)", "Sing"),
        hit("right_one_1", "Rock &amp; Roll", "New Order - Topic"),
    ]
    (follow,) = YouTube().parse(request, answer({"items": items})).follow
    assert (follow.kind, query_of(follow)["id"]) == ("videos", "right_one_1")
    found = YouTube().parse(follow, answer({"items": [video("right_one_1", "7")]})).found
    assert (found.tracks[0]["track_id"], found.tracks[0]["views"]) == ("track-1", 7)


def test_one_broken_result_refuses_no_search():
    (request,) = YouTube().requests([album(track(1, title="Rock & Roll"))])
    untitled, good = hit("untitled_01", None, "x"), hit("right_one_1", "Rock &amp; Roll", "New Order - Topic")
    (follow,) = YouTube().parse(request, answer({"items": [None, {"id": {}}, untitled, good]})).follow
    assert "right_one_1" in follow.url
    with pytest.raises(BadInput, match="no result of the search has an id and a title") as refused:
        YouTube().parse(request, answer({"items": [untitled]}))
    assert refused.value.code is RejectCode.NEW_LAYOUT


def test_a_search_that_finds_another_song_is_no_match():
    (request,) = YouTube().requests([album(track(1))])
    parsed = YouTube().parse(request, answer({"items": [hit("x", "Blue Monday (Karaoke)", "Sing King")]}))
    assert not parsed.follow
    (reject,) = parsed.found.rejects
    assert (reject.stage, reject.problem.code) == ("answers", RejectCode.NO_MATCH)
    assert "Karaoke" in reject.problem.reason


def error(reason, status=403, message="No."):
    return answer({"error": {"code": status, "message": message, "errors": [{"reason": reason}]}}, status)


@pytest.mark.parametrize(
    ("response", "code"),
    [
        (error("quotaExceeded"), RejectCode.QUOTA_SPENT),
        (error("dailyLimitExceeded"), RejectCode.QUOTA_SPENT),
        (error("quotaExceeded", 429), RejectCode.QUOTA_SPENT),
        (error("quotaExceeded", 200), RejectCode.QUOTA_SPENT),
        (error("rateLimitExceeded"), RejectCode.RATE_LIMITED),
        (error("keyInvalid", 400), RejectCode.FORBIDDEN),
        (error("forbidden"), RejectCode.FORBIDDEN),
        (error("accessNotConfigured"), RejectCode.FORBIDDEN),
        (error("badRequest", 400), RejectCode.SOURCE_ERROR),
        (error("badRequest", 400, "API key not valid. Please pass a valid API key."), RejectCode.FORBIDDEN),
        (error("backendError", 503), RejectCode.SERVER_FAILED),
        (error("oddity", 200), RejectCode.SOURCE_ERROR),
        (answer(b"<html>", 502), RejectCode.SERVER_FAILED),
        (answer(b"", 403), RejectCode.FORBIDDEN),
    ],
)
def test_the_api_s_reasons_are_told_apart(response, code):
    (request,) = YouTube().requests([album(track(1))])
    refusal = YouTube().refusal(request, response)
    assert refusal.code is code
    assert (refusal.wait is not None) == (code is RejectCode.QUOTA_SPENT)
    if code is RejectCode.QUOTA_SPENT:
        assert refusal.wait == 20 * 3600  # 04:00 to midnight
        assert "youtube/search" in refusal.reason
    assert KEY not in refusal.reason


def test_a_key_that_is_refused_comes_with_a_remedy():
    assert "YOUTUBE_API_KEY" in youtube_refusal(error("keyInvalid", 400), "b", "UTC").reason
    assert "YouTube Data API v3" in youtube_refusal(error("accessNotConfigured"), "b", "UTC").reason


def test_the_newer_form_of_errors_is_read():
    def newer(reason, limit="", status=429):
        detail = {"@type": "ErrorInfo", "reason": reason, "metadata": {"quota_limit": limit}}
        return answer({"error": {"code": status, "message": "m", "details": [detail]}}, status)

    daily = youtube_refusal(newer("RATE_LIMIT_EXCEEDED", "defaultPerDayPerProject"), "b", "UTC")
    minute = youtube_refusal(newer("RATE_LIMIT_EXCEEDED", "defaultPerMinutePerProject"), "b", "UTC")
    invalid = youtube_refusal(newer("API_KEY_INVALID", status=400), "b", "UTC")
    codes = [refusal.code for refusal in (daily, minute, invalid)]
    assert codes == [RejectCode.QUOTA_SPENT, RejectCode.RATE_LIMITED, RejectCode.FORBIDDEN]


def test_a_good_answer_is_no_refusal():
    (request,) = YouTube().requests([album(track(1))])
    assert YouTube().refusal(request, answer({"items": []})) is None
    assert YouTube().refusal(request, answer({})) is None


@pytest.mark.parametrize("body", [b"<title>Sorry</title>", b"", [], {"items": None}, {"kind": "x"}])
def test_what_is_no_answer_is_asked_for_again(body):
    (request,) = YouTube().requests([album(track(1))])
    refusal = YouTube().refusal(request, answer(body))
    assert (refusal.code, refusal.again) == (RejectCode.SOURCE_ERROR, True)


@pytest.mark.parametrize(
    ("now", "hours"),
    [
        (datetime(2026, 11, 26, 7, 59, tzinfo=UTC), 1 / 60),  # 23:59 in winter
        (datetime(2026, 11, 26, 8, 0, tzinfo=UTC), 24),
        (datetime(2026, 3, 8, 8, 0, tzinfo=UTC), 23),  # the clocks go forward
        (datetime(2026, 11, 1, 7, 0, tzinfo=UTC), 25),  # and back
    ],
)
def test_a_day_ends_at_midnight_in_california(now, hours):
    assert seconds_to_midnight(now, "America/Los_Angeles") == pytest.approx(hours * 3600)


def test_each_method_has_a_bucket_and_a_day_of_its_own():
    search, videos = YouTube(daily_searches=7).requests([album(track(1), track(2, ids(2)[0]))])
    limits = [YouTube(daily_searches=7).rate_limit(request) for request in (search, videos)]
    assert [(m.bucket, m.daily, m.day_zone) for m in limits] == [
        ("youtube/search", 7, "America/Los_Angeles"),
        ("youtube/videos", 10_000, "America/Los_Angeles"),
    ]


def test_the_key_is_a_header_and_its_lack_is_told(monkeypatch):
    assert YouTube().headers()["X-Goog-Api-Key"] == KEY
    assert KEY not in str(vars(YouTube()))
    monkeypatch.delenv("YOUTUBE_API_KEY")
    with pytest.raises(ConfigError, match="YOUTUBE_API_KEY"):
        YouTube()


@pytest.mark.samples
def test_real_answers_are_read(samples):
    folder = samples / "samples" / "youtube"
    pages = [json.loads((folder / f"videos_chart_paged_{n}.json").read_text()) for n in (1, 2)]
    expected = ["hDeuSfo_Ys0", "Ukd8dJNBvOA", "Pdgk3ERKdug", "QmYNmNHrtCQ", "X1jMMFOqxEw", "MKM90u7pf3U",
                "4MK8usgnvfo", "h107pApTY84"]  # fmt: skip
    (request,) = YouTube().requests([album(*(track(n, video_id) for n, video_id in enumerate(expected)))])
    both = {"items": pages[0]["items"] + pages[1]["items"]}
    found = YouTube().parse(request, answer(both)).found
    assert [t["external_ids"]["youtube"] for t in found.tracks] == expected
    assert {r.problem.code for r in found.rejects} <= {
        RejectCode.MISSING_FIELD
    }  # no part=statistics was asked

    (search,) = YouTube().requests(
        [album(track(1, title="Hawaiian Summer Surfing", artist="Ho & Pringle Productions"))]
    )
    hits = json.loads((folder / "search_by_keywords_p2.json").read_text())
    (follow,) = YouTube().parse(search, answer(hits)).follow
    assert query_of(follow)["id"] == "-2IlD-x8wvY"

    response = answer((folder / "error_response.json").read_bytes(), 400)
    assert YouTube().refusal(search, response).code is RejectCode.FORBIDDEN
