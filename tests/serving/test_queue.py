import pytest

from covergen.serving import queue as board_module
from covergen.serving.queue import Allowance, Board

FREE = Allowance()


@pytest.fixture
def board(clock):
    return Board(waiting=10, clock=clock)


def test_covers_wait_in_the_order_of_their_requests(board):
    assert board.admit("a", "label", 2, FREE) is None
    assert board.admit("b", "shop", 3, FREE) is None
    assert board.places("a") == {0: 0, 1: 1}
    assert board.places("b") == {0: 2, 1: 3, 2: 4}
    board.report("a", "label", "ingress", waiting=[1], painting=[0])
    assert board.places("b") == {0: 1, 1: 2, 2: 3}
    assert board.under_way("a")[1] == {0}


def test_a_full_queue_refuses_and_says_when_there_is_room(board, clock):
    board.admit("a", "label", 8, FREE)
    for second in (1, 2, 3, 4):  # a cover a second is finished
        clock.now = second
        board.painted(1.0, 1.0)
    refused = board.admit("b", "label", 6, FREE)
    assert (refused.code, refused.seconds) == ("overloaded", 4)
    assert board.admit("c", "label", 2, FREE) is None
    assert b'covergen_refused_total{code="overloaded"} 1.0' in board.metrics_text()


def test_who_is_refused_later_is_sent_away_for_longer(board, clock):
    board.admit("a", "label", 10, FREE)
    for second in (1, 2):  # a cover a second is finished
        clock.now = second
        board.painted(1.0, 1.0)
    waits = [board.admit(f"b{k}", "label", 1, FREE).seconds for k in range(136)]
    assert waits == list(range(1, 137))
    clock.now = 60  # those who came again are not counted twice
    assert board.admit("c", "label", 1, FREE).seconds > 60
    clock.now = 600
    board.painted(1.0, 1.0)
    board.painted(1.0, 1.0)
    assert board.admit("d", "label", 1, FREE).seconds == 1


def test_a_request_larger_than_the_queue_is_taken_when_nobody_waits(board):
    assert board.admit("a", "label", 16, FREE) is None


def test_the_queue_can_be_made_shorter(board):
    board.admit("a", "label", 2, FREE)
    board.resize(3)
    assert board.admit("b", "label", 2, FREE).code == "overloaded"


def test_an_owner_has_a_rate_and_a_number_at_once(board, clock):
    allowed = Allowance(per_minute=2, at_once=3)
    assert board.admit("a", "label", 2, allowed) is None
    assert board.admit("b", "label", 2, allowed).code == "too_many_at_once"
    assert board.admit("b", "shop", 2, allowed) is None
    board.tell("a", {"event": "end", "status": "done"})
    clock.now = 20
    assert board.admit("c", "label", 2, allowed) is None
    refused = board.admit("d", "label", 1, allowed)
    assert (refused.code, refused.seconds) == ("rate_limited", 40)
    clock.now = 61
    board.tell("c", {"event": "end", "status": "done"})
    assert board.admit("d", "label", 1, allowed) is None


def test_a_listener_is_told_what_it_has_not_heard(board):
    board.admit("a", "label", 1, FREE)
    board.tell("a", {"event": "step", "step": 1})
    version, events, _ = board.news("a", 0)
    assert [event["step"] for event in events] == [1]
    board.tell("a", {"event": "step", "step": 2})
    board.tell("a", {"event": "end", "status": "done"})
    assert [event["event"] for event in board.news("a", version)[1]] == ["step", "end"]
    assert board.news("unknown", 0) is None


def test_the_end_can_be_heard_for_a_while_and_is_then_forgotten(board, clock):
    board.admit("a", "label", 1, FREE)
    board.tell("a", {"event": "end", "status": "done"})
    clock.now = board_module.REMEMBERED - 1
    board.admit("b", "label", 1, FREE)
    assert board.news("a", 0)[1] == [{"event": "end", "status": "done"}]
    clock.now = board_module.REMEMBERED + 1
    board.admit("c", "label", 1, FREE)
    assert board.news("a", 0) is None


def test_who_carries_a_request_learns_that_it_is_cancelled(board):
    board.admit("a", "label", 1, FREE)
    assert not board.report("a", "label", "ingress", waiting=[0], painting=[])
    board.cancel("a", "label")
    board.tell("a", {"event": "step"})
    assert board.report("a", "label", "ingress", waiting=[0], painting=[])


def test_a_request_that_nobody_carries_is_given_away_to_be_cancelled(board):
    board.cancel("a", "label")
    assert board.orphans("ingress") == [("label", "a")]
    assert board.report("a", "label", "ingress", waiting=[0], painting=[])


def test_a_request_whose_carrier_fell_silent_is_given_to_another_once(board, clock):
    board.admit("a", "label", 1, FREE)
    board.report("a", "label", "first", waiting=[0], painting=[])
    assert board.orphans("second") == []
    assert not board.adopt("a", "label", "second")
    clock.now = board_module.SILENCE + 1
    assert board.orphans("second") == [("label", "a")]
    assert board.orphans("third") == []
    assert not board.adopt("a", "label", "third")


def test_a_new_board_learns_from_the_reports(clock):
    board = Board(clock=clock)
    assert not board.report("a", "label", "first", waiting=[1], painting=[0])
    assert board.load() == {"waiting": 1, "painting": 1, "seconds": board_module.FIRST_GUESS}
    assert not board.adopt("b", "label", "second")  # its carrier may still report
    clock.now = board_module.GRACE
    assert board.adopt("b", "label", "second")
    assert not board.adopt("a", "label", "second")


def test_what_happens_is_counted(board, clock):
    board.admit("a", "label", 2, FREE)
    board.report("a", "label", "ingress", waiting=[1], painting=[0])
    board.painted(1.5, 0.9)
    board.lost()
    board.heard(0.2)
    assert b"covergen_covers_waiting 1.0" in board.metrics_text()
    clock.now = 3
    board.tell("a", {"event": "end", "status": "failed", "code": "silent"})
    told = board.metrics_text().decode()
    for line in (
        "covergen_covers_total 1.0", "covergen_paint_seconds_sum 1.5", "covergen_retries_total 1.0",
        'covergen_batch_fill_ratio_bucket{le="0.875"} 0.0', 'covergen_requests_total{outcome="failed"} 1.0',
        'covergen_rejected_total{code="silent"} 1.0', "covergen_request_seconds_sum 3.0",
        "covergen_listen_seconds_count 1.0", "covergen_covers_waiting 0.0",
    ):  # fmt: skip
        assert line in told, line
