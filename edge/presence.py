"""Is something lying on the tray, and where? A comparison with the empty tray, frame by frame. Pure.

    LEARNING --learn_frames--> EMPTY --something new--> MOVING --still for settle_frames--> SETTLED
                                 ^--------gone------------'----------------------------------'

The light is taken off first (edge.lighting). What still differs is one of three things, told apart by the outline
(edge.regions): an item has an edge that the background lacks; one that was learned as background and then taken away
leaves an edge in the background only; light has no sharp edge. Only items count. The others become background once
they have been still for a while, and so does a change of nearly the whole picture.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from edge import regions
from edge.lighting import Map, even_out, log_luma, noise_between, trust
from edge.model import Frame, Phase, Pixels, Signal

_MOVED_SHARE = 0.002  # of the pixels: less is a fly, or noise
_GLOBAL_SHARE = 0.85  # of the pixels: more is no item but the lid, a moved camera, a cloth over it
_BLACK = 0.7  # on the log scale: what is half as bright is as different as black, whose noise must not look like motion
_LARGE_SHARE = 0.1  # of the pixels: from here on it is worth a look whether the former background is back
_ADAPT = 0.03  # per frame: much slower than a hand, faster than dusk
_NOISE_SIGMAS = 6.0
_NOISIEST = 0.05  # more than this is not noise but a picture that changed everywhere
_DARK_LUMA, _DAZZLED_LUMA = 8.0, 250.0  # mean beyond which the camera sees nothing
_NOTHING: Map = np.zeros((0, 0), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be tuned.

    change: the least contrast to the empty tray, as a fraction of its brightness, at which a pixel counts as new; what
        the measured noise demands is the lower limit. Smaller finds glass and film, larger forgives a dirty tray.
    settle_frames: for so many frames an item must look the same.
    min_share: the least share (0..1) of the picture that an item covers. A button cell on 40 x 30 cm is 0.0026.
    learn_frames: so many still frames make a new background.
    doubt_frames: after so many still frames a change that is no item becomes background.
    patience_frames: after so many still frames even an item does (a label stuck to the tray): 5 minutes at 10 a second.
    """

    change: float = 0.06
    settle_frames: int = 3
    min_share: float = 0.002
    learn_frames: int = 4
    doubt_frames: int = 8
    patience_frames: int = 3000


@dataclass(frozen=True, slots=True, eq=False)
class PresenceState:
    """What is remembered from frame to frame: three small maps and four numbers.

    background: log luma of the empty tray, float32 (h, w); (0, 0) before the first frame. reference: how the tray
    differed from it, float32 (h, w), at the first of the last `still` frames, which all look the same. former: the
    background before this one, float32 (h, w) or (0, 0). learned: frames in the background. noise: standard
    deviation of a pixel on the log scale. occupied: whether an item was seen last.
    """

    background: Map
    reference: Map
    former: Map
    learned: int = 0
    still: int = 0
    noise: float = 0.0
    occupied: bool = False


def start(settings: Settings) -> PresenceState:
    """Nothing known yet."""
    del settings  # the state does not depend on them, but a caller need not know that
    return PresenceState(_NOTHING, _NOTHING, _NOTHING)


def step(state: PresenceState, luma: Pixels, settings: Settings) -> tuple[PresenceState, Signal]:
    """One frame, uint8 (h, w), about 160 px wide. When the shape changes the tray is learned anew."""
    if not _DARK_LUMA <= cv2.mean(luma)[0] <= _DAZZLED_LUMA:
        return replace(state, reference=_NOTHING, still=0), Signal(Phase.LEARNING)
    view = log_luma(luma)
    if state.background.shape != view.shape:
        return _learn_anew(state, view, settings), Signal(Phase.LEARNING)
    threshold = max(settings.change, _NOISE_SIGMAS * state.noise)
    change = np.clip(even_out(view, state.background, threshold), -_BLACK, _BLACK) * trust(luma)
    state = _watch(state, change, threshold)
    found = regions.find(change, view, state.background, threshold)
    if state.learned < settings.learn_frames:
        return _learn(state, view, found, settings)
    if found.item_share + found.other_share > _LARGE_SHARE and _shows(view, state.former, threshold, settings):
        back = replace(state, background=state.former, former=state.background, reference=_NOTHING, occupied=False)
        return back, Signal(Phase.EMPTY)
    return _judge(state, view, found, settings)


def _shows(view: Map, background: Map, threshold: float, settings: Settings) -> bool:
    """Whether the view is an empty tray that was known before: uncovered again, or the lamp is off again."""
    if view.shape != background.shape:
        return False
    change = np.abs(even_out(view, background, threshold))
    return int(np.count_nonzero(change > threshold)) < settings.min_share * view.size


def _watch(state: PresenceState, change: Map, threshold: float) -> PresenceState:
    """Count for how long the picture has stayed the same, and measure the noise meanwhile."""
    if state.reference.shape != change.shape:
        return replace(state, reference=change, still=1)
    moved = np.count_nonzero(np.abs(change - state.reference) > threshold * 2**0.5)
    noise = state.noise + (min(noise_between(change, state.reference), _NOISIEST) - state.noise) / 8
    if moved > _MOVED_SHARE * change.size:
        return replace(state, reference=change, still=1, noise=noise)
    return replace(state, still=state.still + 1, noise=noise)


def _learn(state: PresenceState, view: Map, found: regions.Regions, settings: Settings) -> tuple[PresenceState, Signal]:
    """A frame while there is no background yet: the mean of frames that look alike becomes one."""
    share = found.item_share + found.other_share
    if share > settings.min_share:
        return _learn_anew(state, view, settings), Signal(Phase.LEARNING, change=share)
    learned = state.learned + 1
    background = state.background + (view - state.background) / np.float32(learned)
    return replace(state, background=background, learned=learned), Signal(Phase.LEARNING)


def _learn_anew(state: PresenceState, view: Map, settings: Settings) -> PresenceState:
    former = state.background if state.learned >= settings.learn_frames else state.former
    # The view does not differ from itself: the next one is measured against that, or the noise would stay unknown.
    return PresenceState(view, np.zeros_like(view), former, learned=1, still=1, noise=state.noise)


def _judge(state: PresenceState, view: Map, found: regions.Regions, settings: Settings) -> tuple[PresenceState, Signal]:
    """A frame while the empty tray is known."""
    share = found.item_share + found.other_share
    if share > _GLOBAL_SHARE:
        known = _learn_anew(state, view, settings) if state.still >= settings.doubt_frames else state
        return known, Signal(Phase.LEARNING, change=share)
    # Half is enough for what was seen before: an item at the limit must not come and go.
    if found.item_share > settings.min_share * (0.5 if state.occupied else 1.0):
        return _occupied(state, view, found, settings)
    if found.other_share > settings.min_share:
        return _doubtful(state, view, found, settings)
    return _empty(state, view), Signal(Phase.EMPTY, change=share)


def _occupied(
    state: PresenceState, view: Map, found: regions.Regions, settings: Settings
) -> tuple[PresenceState, Signal]:
    if state.still >= settings.patience_frames:
        return _learn_anew(state, view, settings), Signal(Phase.LEARNING, change=found.item_share)
    state = replace(state, occupied=True)
    if state.still < settings.settle_frames:
        return state, Signal(Phase.MOVING, change=found.item_share)
    return state, Signal(Phase.SETTLED, found.box, found.item_share, found.apart)


def _doubtful(
    state: PresenceState, view: Map, found: regions.Regions, settings: Settings
) -> tuple[PresenceState, Signal]:
    """Something changed that is no item: once it has lasted, the tray is learned anew."""
    signal = Signal(Phase.LEARNING, change=found.other_share)
    if state.still < settings.doubt_frames:
        return replace(state, occupied=False), signal
    return _learn_anew(state, view, settings), signal


def _empty(state: PresenceState, view: Map) -> PresenceState:
    return replace(state, background=state.background + _ADAPT * (view - state.background), occupied=False)


class VisionTrigger:
    """ports.Trigger: the camera watches the tray by itself."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._state = start(settings)

    def observe(self, frame: Frame) -> Signal:
        """One step with the frame's luma."""
        self._state, signal = step(self._state, frame.luma, self._settings)
        return signal

    def close(self) -> None:
        """Nothing to give back."""
