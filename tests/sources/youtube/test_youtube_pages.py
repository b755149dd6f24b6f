import json
import pickle

import pytest

from covergen.errors import BadInput, RejectCode
from covergen.sources.youtube.pages import count_views, initial_data, is_consent_page, read_results

CONSENT = """<!DOCTYPE html><html><head><title>Before you continue to YouTube</title></head><body>
<form action="https://consent.youtube.com/save" method="POST"><button>Reject all</button></form></body>"""


def renderer(video_id="dQw4w9WgXcQ", views="1,440,528 views", **fields):
    view_count = {"simpleText": views} if isinstance(views, str) else views
    return {
        "videoId": video_id,
        "title": {"runs": [{"text": "Blue "}, {"text": "Monday", "bold": True}]},
        "ownerText": {"runs": [{"text": "New Order - Topic"}]},
        "lengthText": {"accessibility": {}, "simpleText": "7:29"},
        "viewCountText": view_count,
        "shortViewCountText": {"simpleText": "1.4M views"},
        **fields,
    }


def page(*videos, assignment="var ytInitialData = ", **more):
    shelf = {"shelfRenderer": {"content": {"verticalListRenderer": {"items": list(videos[1:])}}}}
    data = {
        "contents": {"sectionListRenderer": {"contents": [*videos[:1], shelf]}},
        "note": "};</script>",
        **more,
    }
    return (
        "<!DOCTYPE html><html><head><title>blue monday - YouTube</title>"
        "<script>window.a = function(){b.ytInitialData,c.ytInitialData == 1}</script></head><body>"
        f"<script nonce='x'>{assignment}{json.dumps(data)};</script><script>later()</script></body></html>"
    )


def one(views="1,440,528 views", **fields):
    return read_results(page({"videoRenderer": renderer(views=views, **fields)}))[0]


@pytest.mark.parametrize(
    "assignment",
    ["var ytInitialData = ", 'window["ytInitialData"] = ', "window['ytInitialData']=", "ytInitialData="],
)
def test_a_page_is_read_however_it_assigns_its_data(assignment):
    video = read_results(page({"videoRenderer": renderer()}, assignment=assignment))[0]
    assert (video.video_id, video.title, video.channel) == ("dQw4w9WgXcQ", "Blue Monday", "New Order - Topic")
    assert (video.seconds, video.views, video.live, video.problem) == (449, 1_440_528, False, None)


def test_videos_come_in_the_order_of_the_page_each_once_and_without_adverts():
    videos = [{"videoRenderer": renderer(name)} for name in ("first", "second", "third", "first")]
    advert = {"adSlotRenderer": {"content": {"videoRenderer": renderer("advert")}}}
    read = read_results(page(*videos[:2], advert, *videos[2:]))
    assert [video.video_id for video in read] == ["first", "second", "third"]


@pytest.mark.parametrize(
    ("text", "views"),
    [
        ("1,440,528 views", 1_440_528),
        ("1 view", 1),
        ("No views", 0),
        ("954 views", 954),
        ("1234 views", 1234),
        ({"runs": [{"text": "12,345"}, {"text": " views"}]}, 12_345),
    ],
)
def test_views_are_read_where_they_are_exact(text, views):
    assert one(text).views == views


@pytest.mark.parametrize("text", ["1.4M views", "12K views", "2B views"])
def test_rounded_views_are_refused(text):
    video = one(text)
    assert (video.views, video.problem.code) == (None, RejectCode.MISSING_FIELD)
    assert text in video.problem.reason
    assert "rounded" in one({}).problem.reason  # only shortViewCountText is there
    assert one({}, shortViewCountText={"simpleText": "954 views"}).views == 954


@pytest.mark.parametrize(
    "text",
    ["1.440.528 Aufrufe", "1 440 528 vues", "視聴回数 1,440,528 回", "1,44 views", "1,440,528", "views",
     "-1 views", "1,440,528 views today", "Recommended for you", "١٢٣ views"],
)  # fmt: skip
def test_views_of_another_language_or_kind_are_refused_with_their_text(text):
    video = one(text)
    assert (video.views, video.problem.code) == (None, RejectCode.NEW_LAYOUT)
    assert text in video.problem.reason


@pytest.mark.parametrize("text", ["999 watching", "1,071 watching", "1.2K watching now", "12 waiting"])
def test_a_live_video_has_no_views(text):
    video = one(
        {"runs": [{"text": text.split()[0]}, {"text": text[len(text.split()[0]) :]}]}, lengthText=None
    )
    assert (video.live, video.views, video.seconds) == (True, None, None)
    assert "live" in video.problem.reason
    assert one(upcomingEventData={"startTime": "1"}).live


def test_hidden_views_are_told_as_such():
    video = one(None, shortViewCountText=None)
    assert (video.views, video.problem.code) == (None, RejectCode.MISSING_FIELD)


def test_a_consent_page_is_known():
    assert is_consent_page(CONSENT)
    with pytest.raises(BadInput, match="consent") as refused:
        read_results(CONSENT)
    assert refused.value.code is RejectCode.FORBIDDEN
    assert refused.value.retriable
    dialog = page({"videoRenderer": renderer()}) + '<form action="https://consent.youtube.com/save">'
    assert not is_consent_page(dialog)
    assert len(read_results(dialog)) == 1


def test_a_search_without_results_is_no_match():
    empty = {"backgroundPromoRenderer": {"title": {"runs": [{"text": "No results found"}]}}}
    with pytest.raises(BadInput) as refused:
        read_results(page(empty))
    assert refused.value.code is RejectCode.NO_MATCH
    with pytest.raises(BadInput) as refused:
        read_results(page({"continuationItemRenderer": {}}, estimatedResults="0"))
    assert refused.value.code is RejectCode.NO_MATCH


def test_one_untitled_video_refuses_no_page():
    untitled, without_id = renderer("untitled"), renderer()
    del untitled["title"], without_id["videoId"]
    videos = [{"videoRenderer": each} for each in (untitled, without_id, renderer("good"))]
    read = read_results(page(*videos))
    assert [(video.video_id, video.title) for video in read] == [("untitled", ""), ("good", "Blue Monday")]


@pytest.mark.parametrize(
    ("html", "said"),
    [
        (page({"lockupViewModel": {"contentId": "x"}}), "lockupViewModel"),
        (page({"videoRenderer": {"videoId": "x", "headline": {}}}), "'title'"),
        ("<html><title>Sorry...</title></html>", "Sorry..."),
        ("", "without a title"),
        (page({"videoRenderer": renderer()})[:600], "cut off"),
        ("var ytInitialData = {" + '"a":[' * 100_000, "cut off"),
        ("var ytInitialData = {};", "no ytInitialData"),
        ("var ytInitialData = '\\x7b\\x22';", "no ytInitialData"),
    ],
)
def test_an_unknown_page_is_refused_with_what_was_seen(html, said):
    with pytest.raises(BadInput) as refused:
        read_results(html)
    assert refused.value.code is RejectCode.NEW_LAYOUT
    assert said in refused.value.reason


def test_videos_travel_between_processes():
    assert pickle.loads(pickle.dumps(one("1.4M views"))).problem.reason == one("1.4M views").problem.reason


def test_exact_counts_only():
    assert count_views("0 views") == 0
    with pytest.raises(BadInput, match="known here"):
        count_views("")


# Read off the two pages by eye: id, title, channel, length, views.
SHORTS = {
    0: ("3NHftLP8hcg", "LiDiRo reagiert auf Shorts #519 #lidiro #shorts", "LiDiRo Reagiert", 680, 15_260),
    2: ("DB_I99hcTvs", "How Mushrooms Talk to Your Immune System 🧠🦠 #Shorts", "The Dr. Gundry Podcast", 37,
        954),
    3: ("mwp0WSlw7hc", "HAYATAKU Funny Shorts Videos-Hayataku shorts Best Compilation",
        "HAYATAKU はやたく", 1717, 31_083_769),
    13: ("N-EH8sm7x64", 'Horror Short Film "Sweet Molly" | ALTER', "ALTER", 1382, 11_932),
    19: ("8tKsOAVaX1c", "Logic Riddle: Can You Spot the Clock Fail? #maths #quiz #puzzle #shorts #logic"
         " #iqtest #facts #fyp", "Easy-way Maths", 8, 68_451),
}  # fmt: skip
BOARDING = {
    0: ("RCh7ZS-hkZY", "Boarding Spirit of Tasmania in Geelong", "Spirit of Tasmania", 140, 57_863),
    1: ("oAHbLRjF0vo", "The Airplane Boarding Method That's Too Perfect To Use", "CGP Grey", 508, 34_870_972),
    2: ("qhxlZC8BZJ4", "Boarding a Plane Shouldn’t Be This Hard - Key & Peele", "Key & Peele", 234,
        13_255_675),
    4: ("BZyc0EOoYls", "Cathay Pacific Boarding Music ONE HOUR VERSION", "CK Production", 3636, 265_601),
}  # fmt: skip


@pytest.mark.samples
@pytest.mark.parametrize(
    ("name", "expected"), [("results_shortformcontent", SHORTS), ("results_suggestion", BOARDING)]
)
def test_real_pages_are_read_as_a_person_reads_them(samples, name, expected):
    videos = read_results((samples / "samples" / "youtube" / f"{name}.html").read_text())
    assert len(videos) == 20
    facts = {n: (v.video_id, v.title, v.channel, v.seconds, v.views) for n, v in enumerate(videos)}
    assert {n: facts[n] for n in expected} == expected
    live = [v.video_id for v in videos if v.live]
    assert live == (["VjwWKFXMgv8"] if name == "results_shortformcontent" else [])
    assert [v.video_id for v in videos if v.views is None] == live


@pytest.mark.samples
def test_a_real_page_cut_anywhere_is_refused(samples):
    html = (samples / "samples" / "youtube" / "results_suggestion.html").read_text()
    start = html.index("ytInitialData = ")
    for part in (0.1, 0.5, 0.9):
        with pytest.raises(BadInput):
            initial_data(html[: start + int(part * 300_000)])
