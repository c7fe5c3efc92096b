"""A camera that is looked at less often while the processor is too hot: fewer frames, less work, less heat."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from edge.model import Fault, Frame
from edge.ports import Camera

PAUSE_S = 0.4  # after each frame: at 10 a second about a quarter of the work, and an item waits a second longer


class CoolingCamera:
    """ports.Camera around another one. hot: asked after every frame."""

    def __init__(self, camera: Camera, hot: Callable[[], bool], sleep: Callable[[float], None] = time.sleep) -> None:
        self._camera = camera
        self._hot = hot
        self._sleep = sleep

    def open(self) -> None:
        """See ports.Camera."""
        self._camera.open()

    def frames(self) -> Iterator[Frame | Fault]:
        """The frames of the camera, with a pause after each while it is hot."""
        for seen in self._camera.frames():
            yield seen
            if self._hot():
                self._sleep(PAUSE_S)

    def close(self) -> None:
        """See ports.Camera."""
        self._camera.close()
