"""A camera that goes away, hangs or goes black: reports it and opens the device again, more and more patiently."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Protocol

from edge.errors import CameraError
from edge.model import Fault, Frame, Problem
from edge.picture_watch import PictureWatch

_REPORT_S = 1.0
_FIRST_DELAY_S, _LONGEST_DELAY_S = 1.0, 30.0
_BLACK_AGAIN_S = 600.0  # a sensor may hang black, but a night is long


class Source(Protocol):
    """One device, which may fail; to be opened again after close()."""

    def open(self) -> None:
        """Take the device, within a few seconds. Raises CameraError."""

    def read(self) -> Frame:
        """The newest frame not yet given. Raises CameraError when none came in time, or none ever will."""

    def close(self) -> None:
        """Give the device back, also when it hangs. Never raises; closing twice is fine."""


class ReopeningCamera:
    """ports.Camera around a Source."""

    def __init__(
        self,
        source: Source,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._source = source
        self._monotonic = monotonic
        self._sleep = sleep
        self._is_open = False
        self._delay_s = _FIRST_DELAY_S
        self._watch = PictureWatch()
        self._black_next_s: float | None = None  # when a black picture is reason to open the device again

    def open(self) -> None:
        """Take the device. Raises CameraError when it is not there."""
        self._source.open()
        self._is_open = True

    def frames(self) -> Iterator[Frame | Fault]:
        """Frames until close(); while there are none, a Fault about once a second."""
        while self._is_open:
            try:
                frame = self._source.read()
            except CameraError as error:
                self._watch = PictureWatch()  # what it showed before says nothing of what comes
                yield from self._reopened(_lost(error))
                continue
            fault = self._watch.trouble(frame, self._monotonic())
            if fault is None:
                self._delay_s, self._black_next_s = _FIRST_DELAY_S, None
                yield frame
            elif fault.problem is Problem.CAMERA_FROZEN or self._black_for_long():
                yield from self._reopened(fault)
            else:
                yield fault  # instead of the frame: nothing is sorted by a picture that shows nothing

    def close(self) -> None:
        """Give the device back."""
        self._is_open = False
        self._source.close()

    def _black_for_long(self) -> bool:
        now_s = self._monotonic()
        if self._black_next_s is None:
            self._black_next_s = now_s + _BLACK_AGAIN_S
        if now_s < self._black_next_s:
            return False
        self._black_next_s = now_s + _BLACK_AGAIN_S
        return True

    def _reopened(self, fault: Fault | None) -> Iterator[Fault]:
        """Faults until the device could be opened. The delay grows until a frame has come, not until it opens."""
        while fault is not None:
            self._source.close()
            for _ in self._pause():
                yield fault
            fault = self._open_again()

    def _open_again(self) -> Fault | None:
        """What is wrong still; None when it is open, or when nobody wants it any more."""
        if not self._is_open:
            return None
        try:
            self._source.open()
        except CameraError as error:
            return _lost(error)
        return None

    def _pause(self) -> Iterator[None]:
        until_s = self._monotonic() + self._delay_s
        self._delay_s = min(2 * self._delay_s, _LONGEST_DELAY_S)
        while self._is_open and self._monotonic() < until_s:
            yield
            self._sleep(min(_REPORT_S, max(0.0, until_s - self._monotonic())))


def _lost(error: CameraError) -> Fault:
    return Fault("camera", str(error), Problem.CAMERA_LOST)
