"""The bin's side of its web process: starts it, tells it what happens, takes its commands. Never blocks the loop.

The web process has the lowest priority and dies alone: it is started again, and the bin sorts meanwhile.
"""

from __future__ import annotations

import json
import logging
import socket
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from edge.adapters import child_process
from edge.feed import LARGEST, Kind, Packet, pack, unpack
from edge.logs import fields
from edge.model import WHOLE_FRAME, Box, Correction, Decision, Frame, Prediction, Signal, SortEvent
from edge.ports import Received
from edge.preprocess import cut
from edge.snapshot import small_jpeg
from edge.wire import correction_json, event_json

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5
TRAY_PX, ITEM_PX = 480, 240
AGAIN_AFTER_S = (1.0, 60.0)
STEADY_S = 60.0
STOP_WITHIN_S = 3.0  # longer than its viewers get to leave, so that its history is on disk
MOST_WAITING = 200  # packets that must not be lost while it starts: items, answers
MOST_COMMANDS, MOST_AT_ONCE = 8, 8  # of its own, whatever it sends
WATCHED_S = 6.0  # the tray's picture is made so long after somebody looked; a web process that died ends it too
# a picture's memory goes back to the system once it is answered
GIVES_BACK = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "262144", "MALLOC_TRIM_THRESHOLD_": "262144"}
QUALITY = 75

Start = Callable[[int], "subprocess.Popen[bytes]"]


class WebChild:
    """Implements ports.Observer and ports.Inbox. start(descriptor) starts the process with its end of the line."""

    def __init__(self, start: Start, monotonic_s: Callable[[], float]) -> None:
        self._start = start
        self._monotonic_s = monotonic_s
        self._line: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._waiting: deque[bytes] = deque(maxlen=MOST_WAITING)
        self._state = b""
        self._commands: deque[Received] = deque()
        self._watched_until_s = float("-inf")
        self._box = WHOLE_FRAME
        self._looked_s = self._not_before_s = float("-inf")
        self._began_s = 0.0
        self._pause_s = AGAIN_AFTER_S[0]

    def state(self, message: bytes) -> None:
        """The bin's state as JSON."""
        self._tend(self._monotonic_s())  # also while a camera that is away shows no frame
        self._state = message
        self._send(pack(Packet(Kind.STATE, message)))

    def saw(self, frame: Frame, signal: Signal) -> None:
        """See ports.Observer."""
        now_s = self._monotonic_s()
        if now_s - self._looked_s < LOOK_EVERY_S:
            return
        self._looked_s = now_s
        self._tend(now_s)
        if self._line is None:
            return
        while self._waiting and self._send(self._waiting[0]):
            self._waiting.popleft()
        self._send(pack(Packet(Kind.SEEN, _seen(signal))))
        self._listen(now_s)
        if now_s < self._watched_until_s:
            self._send(pack(Packet(Kind.TRAY, data=small_jpeg(frame.rgb, TRAY_PX, QUALITY))))

    def decided(self, frame: Frame, box: Box, votes: Sequence[Prediction], decision: Decision) -> None:
        """See ports.Observer."""
        self._box = box  # for handled()

    def handled(self, event: SortEvent, frame: Frame) -> None:
        """See ports.Observer."""
        picture = small_jpeg(cut(frame.rgb, self._box, 0.1), ITEM_PX, QUALITY)
        self._keep(pack(Packet(Kind.ITEM, event_json(event), picture)))

    def corrected(self, correction: Correction) -> None:
        """What an item really was."""
        self._keep(pack(Packet(Kind.CORRECTION, correction_json(correction))))

    def take(self) -> Received | None:
        """See ports.Inbox."""
        self._listen(self._monotonic_s())
        return self._commands.popleft() if self._commands else None

    def reply(self, name: str, payload: bytes) -> bool:
        """See ports.Inbox."""
        del name  # the payload says it
        self._keep(pack(Packet(Kind.REPLY, payload)))
        return True

    def show(self, jpeg: bytes) -> bool:
        """See ports.Inbox."""
        return self._send(pack(Packet(Kind.TRAY, data=jpeg)))

    def close(self) -> None:
        """End it. Twice is fine."""
        process, self._process = self._process, None
        self._hang_up()
        if process is not None:
            child_process.end(process, STOP_WITHIN_S)

    def _listen(self, now_s: float) -> None:
        for _ in range(MOST_AT_ONCE):
            if len(self._commands) == MOST_COMMANDS or (packet := self._received()) is None:
                return
            if packet.kind is Kind.COMMAND:
                self._commands.append(Received(packet.text.decode(errors="replace"), packet.data))
            elif packet.kind is Kind.LOOK:
                self._watched_until_s = now_s + WATCHED_S

    def _received(self) -> Packet | None:
        if self._line is None:
            return None
        try:
            received = self._line.recv(LARGEST, socket.MSG_DONTWAIT)
            return unpack(received) if received else None
        except (BlockingIOError, InterruptedError, ConnectionError, ValueError):
            return None

    def _keep(self, packet: bytes) -> None:
        if len(packet) > LARGEST:
            log.warning("web %s", fields(not_told=f"{len(packet)} bytes"))
            return  # it never will be; what comes after it must not wait
        if self._waiting or not self._send(packet):
            self._waiting.append(packet)

    def _send(self, packet: bytes) -> bool:
        """False when it cannot be taken now."""
        if self._line is None or len(packet) > LARGEST:
            return False
        try:
            self._line.send(packet, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except OSError:
            return False
        return True

    def _tend(self, now_s: float) -> None:
        """Start it, or start it again some time after it ended."""
        if self._process is not None and (code := self._process.poll()) is not None:
            log.warning("web ended %s", fields(code=code, again_in_s=self._pause_s))
            self._process = None
            self._hang_up()
            steady = now_s - self._began_s > STEADY_S
            self._pause_s = AGAIN_AFTER_S[0] if steady else min(AGAIN_AFTER_S[1], 2 * self._pause_s)
            self._not_before_s = now_s + self._pause_s
        if self._process is None and now_s >= self._not_before_s:
            self._begin(now_s)

    def _begin(self, now_s: float) -> None:
        try:
            self._line, self._process = self._started()
        except OSError as error:
            log.warning("web cannot be started %s", fields(message=error))
            self._not_before_s = now_s + AGAIN_AFTER_S[1]
            return
        self._began_s = now_s
        if self._state:
            self._send(pack(Packet(Kind.STATE, self._state)))

    def _started(self) -> tuple[socket.socket, subprocess.Popen[bytes]]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * LARGEST)
                return ours, self._start(theirs.fileno())
            except OSError:
                ours.close()
                raise

    def _hang_up(self) -> None:
        line, self._line = self._line, None
        self._commands.clear()
        if line is not None:
            with suppress(OSError):
                line.close()


def starter(config: str, environ: Mapping[str, str]) -> Start:
    """Starts `python -m edge.web`. config: the settings as JSON."""

    def start(descriptor: int) -> subprocess.Popen[bytes]:
        own = {**environ, **GIVES_BACK}
        return child_process.start("edge.web", str(descriptor), settings=config, environ=own, pass_fds=[descriptor])

    return start


def _seen(signal: Signal) -> bytes:
    box = signal.box
    lies = None if box is None else [round(value, 3) for value in (box.x, box.y, box.width, box.height)]
    return json.dumps({"phase": signal.phase.value, "box": lies, "change": round(signal.change, 3)}).encode()
