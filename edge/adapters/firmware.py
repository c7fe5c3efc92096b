"""A Pi's firmware, asked over its mailbox: what `vcgencmd get_throttled` says, without a process."""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Callable
from pathlib import Path

from edge.adapters.pi_health import FREQUENCY_CAPPED, SOFT_LIMIT, THROTTLED

DEVICE = Path("/dev/vcio")
_PROPERTY = 0xC0086400  # _IOWR(100, 0, char *) of a 64-bit kernel
_GET_THROTTLED = 0x00030046
_ANSWERED = 0x80000000
_MESSAGE = struct.Struct("=7I")  # size, code, tag, room for its value, length of its value, value, end

Ask = Callable[[int, int, bytearray], object]


def throttled(device: Path = DEVICE, ask: Ask = fcntl.ioctl) -> bool | None:
    """Whether the processor is slowed down now. None where there is no such firmware, or it may not be asked."""
    # a value of 0: it forgets nothing of what has happened since boot, which doctor asks for
    message = bytearray(_MESSAGE.pack(_MESSAGE.size, 0, _GET_THROTTLED, 4, 0, 0, 0))
    try:
        descriptor = os.open(device, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        ask(descriptor, _PROPERTY, message)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    _, code, _, _, _, bits, _ = _MESSAGE.unpack(message)
    return bool(bits & (FREQUENCY_CAPPED | THROTTLED | SOFT_LIMIT)) if code == _ANSWERED else None
