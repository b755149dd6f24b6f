import json
from dataclasses import replace

import pytest

from covergen.errors import RejectCode
from covergen.sources.spotify.source import refusal_of
from covergen.sources.web_source import Request
from tests.sources.spotify.spotify_answers import answer

LOOKUP = Request("spotify", "album", "https://api.spotify.com/v1/albums/1")
BATCH = Request("spotify", "albums", "https://api.spotify.com/v1/albums?ids=1,2")


def refused(request, status, body, **headers):
    return refusal_of(request, answer(request, body, status, **headers))


def error(status, message, **more):
    return {"error": {"status": status, "message": message, **more}}


def test_an_answer_is_no_refusal():
    assert refused(LOOKUP, 200, {"id": "1", "error": None}) is None
    assert refused(replace(LOOKUP, kind="search_upc"), 200, {"albums": {"items": [None]}}) is None
    assert refused(BATCH, 200, {"albums": [None]}) is None


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("search_upc", {"albums": None}),
        ("search_isrc", {"albums": {"items": []}}),
        ("album", {}),
        ("albums", {"albums": {}}),
        ("page", {"items": 3}),
        ("songs", {}),
        ("artists", {"artists": None}),
    ],
)
def test_another_shape_is_no_answer_and_asked_for_again(kind, body):
    refusal = refused(replace(LOOKUP, kind=kind), 200, body).refusal
    assert (refusal.code, refusal.again) == (RejectCode.SOURCE_ERROR, True)


@pytest.mark.parametrize(
    "body",
    [
        error(429, "API rate limit exceeded", reason="QUOTA_EXCEEDED"),
        {**error(429, "Too many"), "reason": "quota_exceeded"},
    ],
)
def test_a_spent_quota_stops_for_the_day(body):
    refusal = refused(LOOKUP, 429, body, **{"retry-after": "12"}).refusal
    assert (refusal.code, refusal.wait, refusal.again) == (RejectCode.QUOTA_SPENT, 6 * 3600, False)
    assert refusal.problem.retriable


def test_a_rate_limit_waits_as_told_or_for_a_window():
    body = error(429, "API rate limit exceeded")
    refusal = refused(LOOKUP, 429, body, **{"retry-after": "7"}).refusal
    assert (refusal.code, refusal.wait, refusal.again) == (RejectCode.RATE_LIMITED, None, True)
    assert refusal.reason.endswith("answered 429: API rate limit exceeded")
    assert refused(LOOKUP, 429, b"Too many requests").refusal.wait == 30


def test_gated_batches_name_the_remedy_and_are_not_tried_again():
    refusal = refused(BATCH, 403, error(403, "Forbidden")).refusal
    assert (refusal.code, refusal.again, refusal.wait) == (RejectCode.FORBIDDEN, False, None)
    assert refusal.reason.endswith("the app is in development mode: set surface=development")
    message = "Active premium subscription required for the owner of the app."
    refusal = refused(LOOKUP, 403, error(403, message)).refusal
    assert "surface" not in refusal.reason and "premium subscription" in refusal.reason
    assert not refusal.again


def test_an_expired_token_is_worth_another_try():
    result = refused(LOOKUP, 401, error(401, "The access token expired"))
    assert result.unauthorised
    assert (result.refusal.code, result.refusal.again) == (RejectCode.SOURCE_ERROR, True)


@pytest.mark.parametrize(
    ("status", "body", "code", "again"),
    [
        (404, error(404, "Non existing id"), RejectCode.NOT_FOUND, False),
        (400, error(400, "Invalid base62 id"), RejectCode.SOURCE_ERROR, False),
        (502, b"<html>Bad gateway</html>", RejectCode.SERVER_FAILED, True),
        (200, error(503, "Service unavailable"), RejectCode.SERVER_FAILED, True),
        (200, error(429, "API rate limit exceeded"), RejectCode.RATE_LIMITED, True),
        (200, error(401, "The access token expired"), RejectCode.SOURCE_ERROR, True),
        (200, {"error": "no idea"}, RejectCode.SOURCE_ERROR, False),
        (200, error(200, "nothing wrong"), RejectCode.SOURCE_ERROR, False),
        (200, error(True, "odd"), RejectCode.SOURCE_ERROR, False),
        (200, b"<html>Back soon</html>", RejectCode.SOURCE_ERROR, True),
        (200, b"", RejectCode.SOURCE_ERROR, True),
        (200, b"null", RejectCode.SOURCE_ERROR, True),
    ],
)
def test_other_failures_keep_their_own_code(status, body, code, again):
    result = refused(LOOKUP, status, body)
    assert (result.refusal.code, result.refusal.again) == (code, again)
    assert result.unauthorised == ("access token" in json.dumps(str(body)))


def test_what_a_server_says_is_cut_and_cleaned():
    refusal = refused(replace(LOOKUP, kind="search_words"), 400, error(400, "no\n\x00" + "x" * 500)).refusal
    assert len(refusal.reason) < 260 and "\n" not in refusal.reason and "\x00" not in refusal.reason
