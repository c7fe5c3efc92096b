"""`smartbin watch`: bins on a broker, in a terminal, or one line an item for pipes."""

from __future__ import annotations

import logging
from collections.abc import Callable

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from edge import fleet
from edge.adapters.broker_settings import BrokerSettings
from edge.adapters.subscriber import Subscriber
from edge.fleet import Fleet, SeenBin
from edge.lines import event_line, printable

log = logging.getLogger(__name__)

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
        log.info("connected to the broker %s:%d; each item will be a line", settings.host, settings.port)
        while not should_stop():
            for topic, payload in subscriber.messages(LOOK_EVERY_S):
                seen, event = fleet.take(seen, topic, payload)
                if event is not None:
                    say(printable(f"{event.bin_id:<16} {event_line(event)}"))
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
    return Group(Text(line, style="" if connected else "red"), table, Text(printable(f"{totals}{strange}{nothing}")))


def _row(seen: SeenBin) -> tuple[Text, ...]:
    state = seen.state
    last, told = seen.last, state.last
    item = f"{told.label} -> {told.compartment} ({told.outcome})" if told else "-"
    if last is not None:
        item = f"{last.label} -> {last.compartment} ({last.outcome.value})"
    full = ", ".join(f"{name} {level:.0%}" for name, level in state.fill.items() if level is not None)
    gap = f"{seen.missing} events missing" if seen.missing else ""
    problems = ", ".join(filter(None, (*seen.problems, gap)))
    items, queued = ("-" if number is None else str(number) for number in (state.items, state.queued))
    cells = (seen.bin_id, seen.word, items, item, full or "-", queued, problems)
    styles = ("", _STYLES.get(seen.word, ""), "", "", "", "", "red")
    # no markup and no escape: anybody who may publish chooses these words
    return tuple(Text(printable(cell), style) for cell, style in zip(cells, styles, strict=True))
