"""From the camera to the decision: [camera], [trigger], [model], [policy]."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from edge.settings.section import ExistingPath, Pin, Section, Share


class CameraSettings(Section):
    """[camera]: where the pictures come from.

    source: "picamera2": a camera at the Pi's ribbon; "opencv": USB, network or a video file; "replay": files, to try.
    device: which one: a number, and with "opencv" also "/dev/video0", "rtsp://..." or the name of a video file.
    path: of a replay: a folder of pictures or a video.
    pace: of a replay: "real" as a camera would, "fast" as fast as the bin can.
    size: width and height in pixels.
    fps: frames a second.
    roi: the tray within the picture, as fractions [x, y, width, height].
    loop: of a replay: begin again after the last picture.
    """

    source: Literal["picamera2", "opencv", "replay"]
    device: int | str = 0
    path: ExistingPath | None = None
    pace: Literal["real", "fast"] = "real"
    size: tuple[Annotated[int, Field(ge=64, le=8192)], Annotated[int, Field(ge=64, le=8192)]] = (640, 480)
    fps: Annotated[float, Field(ge=0.2, le=120)] = 10.0  # a stop, and the watchdog, wait for a frame
    roi: tuple[Share, Share, Share, Share] = (0.0, 0.0, 1.0, 1.0)
    loop: bool = False

    @model_validator(mode="after")
    def _roi_has_a_size(self) -> Self:
        x, y, width, height = self.roi
        if width <= 0 or height <= 0 or x + width > 1 or y + height > 1:
            raise ValueError("roi must lie within 0..1 and have a size; write [x, y, width, height] as fractions")
        return self


class ModelSettings(Section):
    """[model]: what says what is on the tray.

    path: a model folder, with model.json and model.tflite.
    threads: of the processor; 0 takes all cores.
    """

    path: ExistingPath
    threads: Annotated[int, Field(ge=0, le=64)] = 0


class TriggerSettings(Section):
    """[trigger]: when an item counts as there.

    kind: "vision": the picture differs from the empty tray; "beam": a light barrier across the tray tells.
    change: least contrast to the empty tray that counts.
    settle_frames: for so many frames an item must lie still.
    margin: how much around the item's box the model sees, as a share of its longer side. Without it, the model's own.
    clear_s: how long an item may take to fall.
    pin: of the beam's receiver.
    broken_is_low: of a beam, whether its receiver is low while something breaks it.
    """

    kind: Literal["vision", "beam"] = "vision"
    change: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.06
    settle_frames: Annotated[int, Field(ge=1, le=100)] = 3
    margin: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    clear_s: Annotated[float, Field(gt=0.0, le=60.0)] = 2.0
    pin: Pin | None = None
    broken_is_low: bool = True


class PolicySettings(Section):
    """[policy]: what the model's answer means.

    votes: pictures looked at for each item: as it lies, mirrored, turned half round, mirrored upside down, and again.
    abstain_below: less sure than this of a compartment: the default compartment.
    costs: for each true compartment, what it costs to put its item into another (1 where not given):
    hazard = { recycling = 20 } makes 20 times as sure before a battery may go to recycling.
    unknown: whether things like nothing the model was trained on go to the default compartment, where the model can
    tell.
    unknown_above: how strange that is; 1 is the model's own limit, more lets stranger things be sorted.
    """

    votes: Annotated[int, Field(ge=1, le=50)] = 3
    abstain_below: Share = 0.60
    costs: dict[str, dict[str, Annotated[float, Field(ge=0.0)]]] = Field(default={})
    unknown: bool = True
    unknown_above: Annotated[float, Field(gt=0.0, le=10.0)] = 1.0
