"""Commands at a running bin of fakes: what they do, when they do it, what is answered."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from fakebin import ITEM, Bin

from edge.inboxes import Inboxes
from edge.model import Correction, Fault, Outcome, Phase, Problem
from edge.ports import Received
from edge.state import summary
from edge.testing import FakeClock, FakeFlap, FakeInbox, FakeKeeper, blank_frame

LANDFILL = {"compartment": "landfill"}


def command(name: str, request_id: str | None = None, **more: object) -> Received:
    payload = {"id": request_id or name, "time": "2026-01-01T00:00:00Z", **more}
    return Received(name, json.dumps(payload).encode())


def replies(inbox: FakeInbox) -> list[dict[str, Any]]:
    said = [(name, json.loads(payload)) for name, payload in inbox.replies]
    assert all(name == reply["command"] for name, reply in said)
    return [reply for _, reply in said]


@pytest.mark.parametrize("go_on", [command("resume"), command("pause", "resume", paused=False)])
def test_a_paused_bin_takes_no_item_and_goes_on_with_the_one_that_lies_there(go_on: Received) -> None:
    inbox = FakeInbox([command("pause"), *[None] * 7, go_on])
    bin_ = Bin([*ITEM, *ITEM[:5], *[Phase.SETTLED] * 3, Phase.EMPTY], inbox=inbox)
    assert [event.outcome for event in bin_.run()] == [Outcome.SORTED]
    assert len(bin_.flap.moves) == 1, "the item of the pause was taken away, the other one was sorted after it"
    assert [(reply["id"], reply["ok"]) for reply in replies(inbox)] == [("pause", True), ("resume", True)]
    assert not bin_.reporter.state.paused


def test_a_pause_lets_the_item_fall_that_is_on_its_way() -> None:
    inbox = FakeInbox([*[None] * 4, command("pause")])
    bin_ = Bin([*ITEM, *ITEM], inbox=inbox)
    assert [event.outcome for event in bin_.run()] == [Outcome.SORTED]
    assert bin_.reporter.state.paused
    assert summary(bin_.reporter.state).startswith("paused: 1 items")


def test_an_emptied_compartment_is_counted_from_nothing() -> None:
    wanted = [command("emptied", "1", compartment="landfill"), command("emptied", "2", compartment="recycling")]
    inbox = FakeInbox([*[None] * 6, *wanted, command("emptied", "3")])
    bin_ = Bin([*ITEM, *[Phase.EMPTY] * 3], inbox=inbox)
    bin_.run()
    assert [dict(state.since_emptied) for state in bin_.states][-3:] == [{"recycling": 1}, {}, {}]
    assert [reply["ok"] for reply in replies(inbox)] == [True] * 3


def test_only_a_compartment_that_is_there_can_be_emptied_and_a_full_disk_is_told() -> None:
    inbox = FakeInbox([command("emptied", "1", compartment="cellar"), command("emptied", "2")])
    bin_ = Bin([Phase.EMPTY] * 3, inbox=inbox)
    bin_.outbox.full = True
    bin_.run()
    assert [reply["refusal"] for reply in replies(inbox)] == ["invalid", "failed"]


GLASS_IT_WAS = {"event_id": "id-0", "label": "glass"}


def test_what_an_item_was_is_noted_on_the_disk_told_to_all_and_published() -> None:
    bin_ = Bin([*ITEM, *[Phase.EMPTY] * 2], inbox=FakeInbox([*[None] * 6, command("correct", **GLASS_IT_WAS)]))
    bin_.run()
    said = Correction("id-0", "b", "2026-01-01T00:00:00.000Z", False, "glass")
    assert bin_.corrected == list(bin_.outbox.corrections.values()) == [said]
    assert bin_.reporter.state.corrections == 1
    assert [topic for _, topic, _, _ in bin_.publisher.sent if topic != "state"] == ["event", "correction"]


@pytest.mark.parametrize("wrong", [{"label": "a/b"}, {"label": ""}, {"event_id": "../id"}, {"event_id": ""}])
def test_a_correction_that_cannot_be_is_refused(wrong: dict[str, str]) -> None:
    inbox = FakeInbox([command("correct", **{**GLASS_IT_WAS, **wrong})])
    bin_ = Bin([Phase.EMPTY], inbox=inbox)
    bin_.run()
    assert (replies(inbox)[0]["refusal"], bin_.corrected) == ("invalid", [])


def test_a_correction_that_the_disk_does_not_take_is_refused() -> None:
    inbox = FakeInbox([command("correct", **GLASS_IT_WAS)])
    bin_ = Bin([Phase.EMPTY], inbox=inbox)
    bin_.outbox.full = True
    bin_.run()
    assert (replies(inbox)[0]["refusal"], bin_.corrected) == ("failed", [])
    assert bin_.reporter.state.corrections == 0


def test_a_reload_is_asked_for_between_items() -> None:
    inbox = FakeInbox([command("reload")])
    bin_ = Bin([Phase.EMPTY] * 2, inbox=inbox)
    bin_.run()
    assert bin_.reloads == 1
    assert replies(inbox)[0]["ok"]


def test_the_answer_to_a_reload_says_what_is_wrong_with_the_file() -> None:
    inbox = FakeInbox([command("reload")])
    Bin([Phase.EMPTY] * 2, inbox=inbox, reload_trouble="bin.id: missing; add it").run()
    (reply,) = replies(inbox)
    assert (reply["ok"], reply["refusal"], reply["message"]) == (False, "failed", "bin.id: missing; add it")


def test_a_snapshot_shows_the_tray_as_it_is_now() -> None:
    inbox = FakeInbox([command("snapshot")])
    bin_ = Bin([Phase.EMPTY] * 2, inbox=inbox, pictures=True)
    bin_.run()
    (picture,) = inbox.pictures
    shown = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    assert shown.shape == blank_frame(0.0).rgb.shape
    (reply,) = replies(inbox)
    assert (reply["ok"], reply["message"]) == (True, f"{len(picture)} bytes of JPEG on picture")


def test_no_picture_leaves_the_bin_unless_the_configuration_allows_it() -> None:
    inbox = FakeInbox([command("snapshot")])
    Bin([Phase.EMPTY] * 2, inbox=inbox).run()
    assert (inbox.pictures, replies(inbox)[0]["refusal"]) == ([], "switched_off")


def test_an_old_picture_is_not_shown_for_the_present_tray() -> None:
    lost = Fault("camera", "gone", Problem.CAMERA_LOST)
    inbox = FakeInbox([None, command("snapshot")])
    Bin([Phase.EMPTY], seen=[blank_frame(0.0), lost, lost], inbox=inbox, pictures=True).run()
    assert (inbox.pictures, replies(inbox)[0]["refusal"]) == ([], "failed")


def test_a_flap_is_tested_on_an_empty_tray_and_no_event_tells_of_it() -> None:
    inbox = FakeInbox([None, command("test-flap", **LANDFILL)])
    bin_ = Bin([Phase.EMPTY] * 4, inbox=inbox)
    assert bin_.run() == []
    assert bin_.flap.moves == ["landfill"]
    assert replies(inbox)[0]["ok"]


@pytest.mark.parametrize("frame", [1, 2, 3, 4], ids=["something came", "first vote", "second vote", "falling"])
def test_no_flap_is_tested_while_an_item_is_on_its_way(frame: int) -> None:
    inbox = FakeInbox([*[None] * frame, command("test-flap", **LANDFILL)])
    bin_ = Bin(ITEM, inbox=inbox)
    assert len(bin_.run()) == 1
    assert bin_.flap.moves == ["recycling"]
    assert replies(inbox)[0]["refusal"] == "busy"


def test_no_flap_is_tested_while_an_item_is_stuck() -> None:
    inbox = FakeInbox([command("pause"), None, command("resume"), *[None] * 30, command("test-flap", **LANDFILL)])
    bin_ = Bin([Phase.EMPTY, *[Phase.SETTLED] * 40], inbox=inbox)
    bin_.run()
    assert bin_.flap.moves == ["recycling"] * 2
    assert replies(inbox)[-1]["refusal"] == "busy"


def test_the_same_command_again_moves_nothing_and_gets_the_same_answer() -> None:
    inbox = FakeInbox([command("test-flap", "one", **LANDFILL)] * 3)
    bin_ = Bin([Phase.EMPTY] * 5, inbox=inbox)
    bin_.run()
    assert bin_.flap.moves == ["landfill"]
    assert replies(inbox) == [replies(inbox)[0]] * 3


def test_a_flap_that_does_not_move_is_said_and_shown() -> None:
    inbox = FakeInbox([command("test-flap", **LANDFILL)])
    bin_ = Bin([Phase.EMPTY] * 3, inbox=inbox, flap=FakeFlap(fails=[1]))
    bin_.run()
    assert replies(inbox)[0]["refusal"] == "failed"
    assert [fault.problem for fault in bin_.reporter.state.faults] == [Problem.FLAP_FAILED]


def test_status_answers_with_the_state() -> None:
    inbox = FakeInbox([*[None] * 5, command("status")])
    bin_ = Bin([*ITEM, Phase.EMPTY], inbox=inbox)
    bin_.run()
    state = replies(inbox)[0]["state"]
    assert (state["bin_id"], state["items"], state["paused"]) == ("b", 1, False)


def test_an_answer_waits_for_the_line_and_the_next_command_for_the_answer() -> None:
    """As long after a command that took its time."""
    inbox, clock = FakeInbox([command("test-flap", **LANDFILL), command("status")]), FakeClock(step_s=0.001)
    inbox.away = True
    bin_ = Bin([Phase.EMPTY] * 6, inbox=inbox, clock=clock, flap=FakeFlap(before_move=lambda: clock.sleep(6.0)))
    looks = iter(range(100))

    def back_after_three() -> bool:
        inbox.away = next(looks) < 3
        return False

    bin_.run(back_after_three)
    assert [reply["command"] for reply in replies(inbox)] == ["test-flap", "status"]


def test_a_sender_that_cannot_be_answered_does_not_keep_others_waiting_for_ever() -> None:
    broker, page = FakeInbox([command("pause")]), FakeInbox([None, command("status")])
    broker.away = True
    Bin([Phase.EMPTY] * 9, inbox=Inboxes([broker, page]), clock=FakeClock(step_s=1.0)).run()
    assert [reply["command"] for reply in replies(page)] == ["status"]
    assert not broker.replies


@pytest.mark.parametrize(
    "message",
    [Received("pause", b"{"), Received("no/such", b""), Received("pause", b"x" * 5000), Received("pause", b"", True)],
)
def test_nonsense_neither_stops_nor_pauses_the_bin(message: Received) -> None:
    inbox = FakeInbox([message])
    bin_ = Bin(ITEM, inbox=inbox)
    assert len(bin_.run()) == 1
    assert all(not reply["ok"] for reply in replies(inbox))


def test_the_log_tells_of_every_command_but_not_what_was_in_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        Bin([Phase.EMPTY] * 4, inbox=FakeInbox([command("pause"), Received("x", b"hunter2")])).run()
    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith("command ")]
    assert lines == ["command name=pause id=pause ok=True", "command name=x ok=False refusal=unknown_command"]
    assert "hunter2" not in caplog.text


TAUGHT = {"label": "coffee cup"}


def test_what_lies_on_the_tray_of_a_paused_bin_is_kept_and_nothing_moves() -> None:
    inbox = FakeInbox([command("pause"), *[None] * 2, command("teach-item", **TAUGHT)])
    keeper = FakeKeeper()
    bin_ = Bin([*ITEM[:5], Phase.EMPTY], inbox=inbox, keeper=keeper)
    assert bin_.run() == []
    assert bin_.flap.moves == []
    assert [label for _, _, label in keeper.kept] == ["coffee cup"]
    answer = replies(inbox)[1]
    assert (answer["ok"], answer["item_id"]) == (True, "kept-1")


@pytest.mark.parametrize(
    ("paused", "phase", "words"),
    [
        (False, Phase.EMPTY, "pause first"),
        (True, Phase.EMPTY, "nothing lies"),
        (True, Phase.MOVING, "take your hand away"),  # all of the picture would be kept, however it is to be blurred
        (True, Phase.LEARNING, "the light"),
        (True, Phase.SETTLED, "full disk"),
    ],
)
def test_why_an_item_is_not_kept_is_said(paused: bool, phase: Phase, words: str) -> None:
    inbox = FakeInbox([command("pause" if paused else "resume"), command("teach-item", **TAUGHT)])
    Bin([Phase.EMPTY, *[phase] * 2, Phase.EMPTY], inbox=inbox, keeper=FakeKeeper(broken="full disk")).run()
    answer = replies(inbox)[1]
    assert answer["ok"] is False
    assert words in answer["message"]


def test_a_flap_is_tested_once_nothing_moves_on_the_tray_any_more() -> None:
    asked = [command("test-flap", id=f"{number}", compartment="hazard") for number in range(2)]
    inbox = FakeInbox([command("pause"), None, asked[0], None, asked[1]])
    bin_ = Bin([Phase.EMPTY, *[Phase.MOVING] * 2, *[Phase.SETTLED] * 3], inbox=inbox)
    assert bin_.run() == []
    assert [answer["ok"] for answer in replies(inbox)] == [True, False, True]
    assert bin_.flap.moves == ["hazard"]


def test_a_label_that_can_be_none_is_not_kept() -> None:
    inbox = FakeInbox([command("pause"), command("teach-item", label="a/b")])
    keeper = FakeKeeper()
    Bin([Phase.SETTLED] * 3, inbox=inbox, keeper=keeper).run()
    assert replies(inbox)[1]["refusal"] == "invalid"
    assert keeper.kept == []


@pytest.mark.parametrize(
    ("ask", "refusal", "message"),
    [
        (None, "switched_off", 'update.mode is "off"'),
        (lambda: "a look is on its way already", "failed", "on its way"),
        (lambda: None, None, "what comes of it is in `state`"),
    ],
)
def test_newer_models_are_looked_for_by_command(
    ask: Callable[[], str | None] | None, refusal: str | None, message: str
) -> None:
    inbox = FakeInbox([command("update-models")])
    Bin([Phase.EMPTY] * 2, inbox=inbox, ask_update=ask).run()
    (reply,) = replies(inbox)
    assert (reply["ok"], reply["refusal"]) == (refusal is None, refusal)
    assert message in reply["message"]


def test_a_lesson_is_begun_and_another_model_used() -> None:
    inbox = FakeInbox([command("teach"), command("use-model", model="0003")])
    bin_ = Bin([Phase.EMPTY] * 3, inbox=inbox)
    bin_.run()
    assert bin_.models == ["teach", "0003"]
    assert [reply["ok"] for reply in replies(inbox)] == [True, True]


def test_why_a_model_is_not_used_is_said() -> None:
    inbox = FakeInbox(
        [command("teach"), command("use-model", "2", model="nonsense"), command("use-model", model="../x")]
    )
    bin_ = Bin([Phase.EMPTY] * 4, inbox=inbox, model_trouble="there is no such model")
    bin_.run()
    assert [reply["refusal"] for reply in replies(inbox)] == ["failed", "failed", "invalid"]
    assert replies(inbox)[1]["message"] == "there is no such model"
