"""What the system asks of the program: to stop, or to read its configuration again.

A handler runs in the main thread, between any two steps of what that thread does. So it takes no lock: the thread may
hold that very lock, and then would wait for itself for ever. threading.Event has one; plain variables have none.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable


def stop_asked() -> Callable[[], bool]:
    """SIGTERM and SIGINT ask for a clean stop, and SIGHUP of a terminal that is gone. For the main thread.

    SIGHUP only where nobody else has it: not after reload_asked() of a service, nor under nohup.
    A second SIGINT ends the program the hard way. More are not heard: they would interrupt what closes a flap.
    """
    stop = False

    def ask(number: int, _: object) -> None:
        nonlocal stop
        if stop and number == signal.SIGINT:
            signal.signal(number, signal.SIG_IGN)
            raise KeyboardInterrupt
        stop = True

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, ask)
    return lambda: stop


def end_as_if_interrupted() -> None:
    """The first of SIGTERM, SIGINT and SIGHUP raises KeyboardInterrupt, so that what is open is closed."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

    def end(*_: object) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in numbers:
        signal.signal(number, end)


def reload_asked() -> Callable[[], bool]:
    """Whether SIGHUP came since the last call; not at a terminal. Before stop_asked(), in the main thread."""
    came = seen = 0

    def ask(*_: object) -> None:
        nonlocal came
        came += 1

    def take() -> bool:
        nonlocal seen
        before, seen = seen, came
        return seen != before

    if not sys.stderr.isatty():
        signal.signal(signal.SIGHUP, ask)
    return take
