import pytest

from covergen.serving import queue as queue_module
from covergen.serving.queue import Allowance, RequestQueue

FREE = Allowance()


@pytest.fixture
def queue(clock):
    return RequestQueue(waiting=10, clock=clock)


def test_covers_wait_in_the_order_of_their_requests(queue):
    assert queue.admit("a", "label", 2, FREE) is None
    assert queue.admit("b", "shop", 3, FREE) is None
    assert queue.places("a") == {0: 0, 1: 1}
    assert queue.places("b") == {0: 2, 1: 3, 2: 4}
    queue.report("a", "label", "ingress", waiting=[1], painting=[0])
    assert queue.places("b") == {0: 1, 1: 2, 2: 3}
    assert queue.under_way("a")[1] == {0}


def test_a_full_queue_refuses_and_says_when_there_is_room(queue, clock):
    queue.admit("a", "label", 8, FREE)
    for second in (1, 2, 3, 4):  # a cover a second is finished
        clock.now = second
        queue.painted(1.0, 1.0)
    refused = queue.admit("b", "label", 6, FREE)
    assert (refused.code, refused.seconds) == ("overloaded", 4)
    assert queue.admit("c", "label", 2, FREE) is None
    assert b'covergen_refused_total{code="overloaded"} 1.0' in queue.metrics_text()


def test_who_is_refused_later_is_sent_away_for_longer(queue, clock):
    queue.admit("a", "label", 10, FREE)
    for second in (1, 2):  # a cover a second is finished
        clock.now = second
        queue.painted(1.0, 1.0)
    waits = [queue.admit(f"b{k}", "label", 1, FREE).seconds for k in range(136)]
    assert waits == list(range(1, 137))
    clock.now = 60  # those who came again are not counted twice
    assert queue.admit("c", "label", 1, FREE).seconds > 60
    clock.now = 600
    queue.painted(1.0, 1.0)
    queue.painted(1.0, 1.0)
    assert queue.admit("d", "label", 1, FREE).seconds == 1


def test_a_request_larger_than_the_queue_is_taken_when_nobody_waits(queue):
    assert queue.admit("a", "label", 16, FREE) is None


def test_the_queue_can_be_made_shorter(queue):
    queue.admit("a", "label", 2, FREE)
    queue.resize(3)
    assert queue.admit("b", "label", 2, FREE).code == "overloaded"


def test_an_owner_has_a_rate_and_a_number_at_once(queue, clock):
    allowed = Allowance(per_minute=2, at_once=3)
    assert queue.admit("a", "label", 2, allowed) is None
    assert queue.admit("b", "label", 2, allowed).code == "too_many_at_once"
    assert queue.admit("b", "shop", 2, allowed) is None
    queue.tell("a", {"event": "end", "status": "done"})
    clock.now = 20
    assert queue.admit("c", "label", 2, allowed) is None
    refused = queue.admit("d", "label", 1, allowed)
    assert (refused.code, refused.seconds) == ("rate_limited", 40)
    clock.now = 61
    queue.tell("c", {"event": "end", "status": "done"})
    assert queue.admit("d", "label", 1, allowed) is None


def test_a_listener_is_told_what_it_has_not_heard(queue):
    queue.admit("a", "label", 1, FREE)
    queue.tell("a", {"event": "step", "step": 1})
    version, events, _ = queue.news("a", 0)
    assert [event["step"] for event in events] == [1]
    queue.tell("a", {"event": "step", "step": 2})
    queue.tell("a", {"event": "end", "status": "done"})
    assert [event["event"] for event in queue.news("a", version)[1]] == ["step", "end"]
    assert queue.news("unknown", 0) is None


def test_the_end_can_be_heard_for_a_while_and_is_then_forgotten(queue, clock):
    queue.admit("a", "label", 1, FREE)
    queue.tell("a", {"event": "end", "status": "done"})
    clock.now = queue_module.REMEMBERED - 1
    queue.admit("b", "label", 1, FREE)
    assert queue.news("a", 0)[1] == [{"event": "end", "status": "done"}]
    clock.now = queue_module.REMEMBERED + 1
    queue.admit("c", "label", 1, FREE)
    assert queue.news("a", 0) is None


def test_who_carries_a_request_learns_that_it_is_cancelled(queue):
    queue.admit("a", "label", 1, FREE)
    assert not queue.report("a", "label", "ingress", waiting=[0], painting=[])
    queue.cancel("a", "label")
    queue.tell("a", {"event": "step"})
    assert queue.report("a", "label", "ingress", waiting=[0], painting=[])


def test_a_request_that_nobody_carries_is_given_away_to_be_cancelled(queue):
    queue.cancel("a", "label")
    assert queue.orphans("ingress") == [("label", "a")]
    assert queue.report("a", "label", "ingress", waiting=[0], painting=[])


def test_a_request_whose_carrier_fell_silent_is_given_to_another_once(queue, clock):
    queue.admit("a", "label", 1, FREE)
    queue.report("a", "label", "first", waiting=[0], painting=[])
    assert queue.orphans("second") == []
    assert not queue.adopt("a", "label", "second")
    clock.now = queue_module.SILENCE + 1
    assert queue.orphans("second") == [("label", "a")]
    assert queue.orphans("third") == []
    assert not queue.adopt("a", "label", "third")


def test_a_new_board_learns_from_the_reports(clock):
    queue = RequestQueue(clock=clock)
    assert not queue.report("a", "label", "first", waiting=[1], painting=[0])
    assert queue.load() == {"waiting": 1, "painting": 1, "seconds": queue_module.FIRST_GUESS}
    assert not queue.adopt("b", "label", "second")  # its carrier may still report
    clock.now = queue_module.GRACE
    assert queue.adopt("b", "label", "second")
    assert not queue.adopt("a", "label", "second")


def test_what_happens_is_counted(queue, clock):
    queue.admit("a", "label", 2, FREE)
    queue.report("a", "label", "ingress", waiting=[1], painting=[0])
    queue.painted(1.5, 0.9)
    queue.lost()
    queue.listened(0.2)
    assert b"covergen_covers_waiting 1.0" in queue.metrics_text()
    clock.now = 3
    queue.tell("a", {"event": "end", "status": "failed", "code": "silent"})
    told = queue.metrics_text().decode()
    for line in (
        "covergen_covers_total 1.0", "covergen_paint_seconds_sum 1.5", "covergen_retries_total 1.0",
        'covergen_batch_fill_ratio_bucket{le="0.875"} 0.0', 'covergen_requests_total{outcome="failed"} 1.0',
        'covergen_rejected_total{code="silent"} 1.0', "covergen_request_seconds_sum 3.0",
        "covergen_listen_seconds_count 1.0", "covergen_covers_waiting 0.0",
    ):  # fmt: skip
        assert line in told, line
