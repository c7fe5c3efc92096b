"""`smartbin watch`: bins on a broker, in a terminal, or one line an item for pipes."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from edge import fleet
from edge.adapters.broker_settings import BrokerSettings
from edge.adapters.subscriber import Subscriber
from edge.fleet import Fleet, SeenBin
from edge.lines import event_line

LOOK_EVERY_S = 0.25
_STYLES = {"ready": "green", "offline": "red", "fault": "bold red", "paused": "yellow"}


def show(settings: BrokerSettings, console: Console, should_stop: Callable[[], bool]) -> None:
    """A table that is kept up to date. Raises PublishError."""
    seen = Fleet()
    with (
        Subscriber(settings) as subscriber,
        Live(console=console, auto_refresh=False, screen=console.is_terminal) as live,
    ):
        while not should_stop():
            for topic, payload in subscriber.messages(LOOK_EVERY_S):
                seen, _ = fleet.take(seen, topic, payload)
                if should_stop():
                    break
            live.update(view(seen, settings, connected=subscriber.connected), refresh=True)


def follow(settings: BrokerSettings, say: Callable[[str], None], should_stop: Callable[[], bool]) -> None:
    """One line an item, with its bin. Raises PublishError."""
    seen = Fleet()
    with Subscriber(settings) as subscriber:
        while not should_stop():
            for topic, payload in subscriber.messages(LOOK_EVERY_S):
                seen, event = fleet.take(seen, topic, payload)
                if event is not None:
                    say(f"{event.bin_id:<16} {event_line(event)}")
                if should_stop():
                    break


def view(seen: Fleet, settings: BrokerSettings, *, connected: bool) -> Group:
    """The table of all bins, with totals."""
    table = Table(expand=True)
    for heading in ("bin", "state", "items", "last item", "fill", "waiting", "look at"):
        table.add_column(heading, justify="right" if heading in ("items", "waiting") else "left")
    for name in sorted(seen.bins):
        table.add_row(*_row(seen.bins[name]))
    where = f"{settings.host}:{settings.port}"
    line = where if connected else f"{where} does not answer; trying again"
    totals = ", ".join(f"{name} {count}" for name, count in sorted(seen.by_compartment.items()))
    strange = f"   {seen.strange} messages that could not be read" if seen.strange else ""
    nothing = "" if seen.bins else f"   no bin has said anything below {settings.prefix}/ yet"
    return Group(Text(line, style="" if connected else "red"), table, Text(f"{totals}{strange}{nothing}"))


def _row(seen: SeenBin) -> tuple[str | Text, ...]:
    state = seen.state
    last = seen.last
    told = state.get("last")
    item = f"{told['label']} -> {told['compartment']} ({told['outcome']})" if told else "-"
    if last is not None:
        item = f"{last.label} -> {last.compartment} ({last.outcome.value})"
    full = ", ".join(f"{name} {level:.0%}" for name, level in state.get("fill", {}).items() if level is not None)
    gap = f"{seen.missing} events missing" if seen.missing else ""
    problems = ", ".join(filter(None, (*seen.problems, gap)))
    return (
        seen.bin_id,
        Text(seen.word, _STYLES.get(seen.word, "")),
        str(state.get("items", "-")),
        item,
        full or "-",
        str(state.get("queued", "-")),
        Text(problems, "red"),
    )
