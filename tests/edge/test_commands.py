"""What may be asked, and which of it is let through."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from edge import admission
from edge.admission import Guard, Moment, admit, remember
from edge.commands import MAX_BYTES, Answer, Command, FlapRequest, Refusal, Situation, objection, parse, well_named
from edge.model import Phase
from edge.ports import Received

NOW = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
UP_S = 1000.0
COMPARTMENTS = ("landfill", "recycling")


def payload(request_id: str = "a", age_s: float = 0.0, **more: object) -> bytes:
    time = (NOW - timedelta(seconds=age_s)).isoformat()
    return json.dumps({"id": request_id, "time": time, **more}).encode()


def pause(request_id: str = "a", age_s: float = 0.0) -> Received:
    return Received("pause", payload(request_id, age_s))


def moment(after_s: float = 0.0, synced: bool = True) -> Moment:
    return Moment(UP_S + after_s, NOW + timedelta(seconds=after_s), synced)


def refusal(verdict: Command | Answer | None) -> Refusal | None:
    assert isinstance(verdict, Answer)
    assert not verdict.ok
    assert verdict.message
    return verdict.refusal


# What is said


@pytest.mark.parametrize("name", ["pause", "resume", "status"])
def test_a_command_is_an_id_and_a_time(name: str) -> None:
    command = parse(name, payload("from-17:3.a_b"))
    assert isinstance(command, Command)
    assert (command.name, command.request.id, command.request.time) == (name, "from-17:3.a_b", NOW)


def test_seconds_since_1970_are_a_time_too() -> None:
    command = parse("pause", json.dumps({"id": "a", "time": NOW.timestamp()}).encode())
    assert isinstance(command, Command)
    assert command.request.time == NOW


def test_test_flap_names_a_compartment() -> None:
    command = parse("test-flap", payload(compartment="recycling"))
    assert isinstance(command, Command)
    assert isinstance(command.request, FlapRequest)
    assert refusal(parse("test-flap", payload())) is Refusal.INVALID


@pytest.mark.parametrize(
    ("sent", "request_id"),
    [
        (b"", None),
        (b"{", None),
        (b"\xff\xfe", None),
        (b"[" * 1000, None),
        (b"null", None),
        (b'"pause"', None),
        (b"{}", None),
        (payload(""), None),
        (payload("no spaces"), None),
        (payload("a\n"), None),
        (payload("a" * 65), None),
        (payload(more=1), "a"),
        (b'{"id":"a"}', "a"),
        (b'{"id":"a","time":"yesterday"}', "a"),
        (b'{"id":"a","time":"2026-11-24T14:00:00"}', "a"),
        (b'{"id":"a","time":1e999}', "a"),
        (b'{"id":17,"time":"2026-11-24T14:00:00Z"}', None),
    ],
)
def test_what_does_not_fit_is_answered_with_the_id_where_there_is_one(sent: bytes, request_id: str | None) -> None:
    answer = parse("pause", sent)
    assert refusal(answer) is Refusal.INVALID
    assert isinstance(answer, Answer)
    assert answer.id == request_id


def test_nothing_that_was_sent_comes_back_but_the_id() -> None:
    answer = parse("pause", json.dumps({"id": "a", "k" * 300: "hunter2"}).encode())
    assert isinstance(answer, Answer)
    assert "hunter2" not in str(answer)
    assert len(str(answer)) < 500


def test_unknown_and_too_large_ones_are_answered() -> None:
    assert refusal(parse("self-destruct", payload())) is Refusal.UNKNOWN
    assert refusal(parse("pause", b" " * (MAX_BYTES + 1))) is Refusal.TOO_LARGE
    assert refusal(parse("pause", b" " * MAX_BYTES)) is Refusal.INVALID


@pytest.mark.parametrize("name", ["", "Pause", "a/b", "a+", "x" * 33, "pause\n", "päuse"])
def test_a_reply_goes_to_no_strange_topic(name: str) -> None:
    assert well_named(name) == "unknown"


# What may be done now


def asked(situation: Situation, compartment: str = "recycling") -> Answer | None:
    command = parse("test-flap", payload(compartment=compartment))
    assert isinstance(command, Command)
    return objection(command, situation, COMPARTMENTS)


@pytest.mark.parametrize(
    ("idle", "paused", "tray_empty", "may"),
    [
        (True, False, True, True),
        (True, True, True, True),
        (True, True, False, True),
        (True, False, False, False),
        (False, False, True, False),
        (False, True, False, False),
        (False, True, True, False),
    ],
)
def test_a_flap_moves_for_a_test_only_when_no_item_is_on_its_way(
    idle: bool, paused: bool, tray_empty: bool, may: bool
) -> None:
    answer = asked(Situation(idle, paused, Phase.EMPTY if tray_empty else Phase.SETTLED))
    assert (answer is None) is may
    assert may or refusal(answer) is Refusal.BUSY


@pytest.mark.parametrize("paused", [True, False])
def test_no_flap_moves_for_a_test_under_what_may_be_a_hand(paused: bool) -> None:
    answer = asked(Situation(True, paused, Phase.MOVING))
    assert refusal(answer) is Refusal.BUSY
    assert ("take your hand away" in str(answer)) is paused


def test_a_compartment_that_is_not_there_is_named_with_those_that_are() -> None:
    answer = asked(Situation(True, True, Phase.EMPTY), "moon")
    assert refusal(answer) is Refusal.INVALID
    assert "landfill, recycling" in str(answer)


def test_pausing_is_always_possible() -> None:
    command = parse("pause", payload())
    assert isinstance(command, Command)
    assert objection(command, Situation(False, False, Phase.SETTLED), COMPARTMENTS) is None


# At most once, none that is old, not too many


def fresh() -> Guard:
    return admission.begin(0.0)


def test_a_retained_command_is_ignored() -> None:
    guard, verdict = admit(fresh(), Received("pause", payload(), retained=True), moment())
    assert (guard, verdict) == (fresh(), None)


def test_the_same_id_is_answered_as_before_and_not_carried_out_again() -> None:
    guard, verdict = admit(fresh(), pause(), moment())
    assert isinstance(verdict, Command)
    answer = Answer("pause", "a", ok=True)
    guard = remember(guard, answer)
    for after_s in (1.0, 3600.0):  # also when it would be too old by now
        guard, again = admit(guard, pause(), moment(after_s))
        assert again is answer
    _, other = admit(guard, Received("resume", payload()), moment(3601.0))
    assert refusal(other) is Refusal.INVALID, "the payload of one command is not that of another"


@pytest.mark.parametrize("synced", [True, False])
def test_where_the_clock_is_right_an_old_command_is_refused(synced: bool) -> None:
    for age_s in (61.0, 86400.0, -61.0):
        _, verdict = admit(fresh(), pause(age_s=age_s), moment(synced=synced))
        assert isinstance(verdict, Answer) is synced
        assert not synced or refusal(verdict) is Refusal.STALE
    for age_s in (59.0, 0.0, -59.0):
        assert isinstance(admit(fresh(), pause(age_s=age_s), moment(synced=synced))[1], Command)


def test_what_was_sent_before_this_program_began_is_refused() -> None:
    guard = admission.begin(UP_S - 10.0)
    assert refusal(admit(guard, pause(age_s=11.0), moment())[1]) is Refusal.STALE
    assert isinstance(admit(guard, pause(age_s=9.0), moment())[1], Command)


def test_a_flood_gets_one_complaint_and_the_next_command_after_it_is_heard() -> None:
    guard, verdicts = fresh(), list[Command | Answer | None]()
    for number in range(100):
        guard, verdict = admit(guard, pause(f"n{number}"), moment())
        verdicts.append(verdict)
    assert all(isinstance(verdict, Command) for verdict in verdicts[:10])
    assert refusal(verdicts[10]) is Refusal.TOO_MANY
    assert verdicts[11:] == [None] * 89
    guard, verdict = admit(guard, pause("later"), moment(after_s=1.0))
    assert isinstance(verdict, Command)
    assert refusal(admit(guard, pause("too soon"), moment(after_s=1.1))[1]) is Refusal.TOO_MANY


def test_nothing_fresh_is_ever_forgotten() -> None:
    """However fast somebody sends, as long as a command counts as fresh its id is known."""
    guard, carried_out = fresh(), list[str]()
    first = Received("pause", payload("first", age_s=-59.0))  # fresh for 119 s
    for tenth in range(1190):
        for message in (first, pause(f"n{tenth}", age_s=-tenth / 10)):
            guard, verdict = admit(guard, message, moment(tenth / 10))
            if isinstance(verdict, Command):
                carried_out.append(verdict.request.id)
                guard = remember(guard, Answer("pause", verdict.request.id, ok=True))
    assert carried_out.count("first") == 1
    assert len(guard.answers) <= admission.REMEMBERED
