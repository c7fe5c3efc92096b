"""Every error the product raises on purpose. A message says what is wrong and what to check.

SmartBinError                exit code 1
|- ConfigError               2  the TOML file, an environment variable, a path named there
|- HardwareError             3
|  |- CameraError               the camera is missing, hangs or lost its stream
|  |- FlapError                 a pin is taken, a move took too long
|  |  `- ObstacleError           a hand in the chute, an open door
|  `- TriggerError              the light barrier across the tray cannot be read
|- ModelError                4  model.json or the file beside it
|- ImageError                1  a picture that cannot be used
|- OutboxError               1  the disk is full or the database cannot be used
|- SiteError                 1  the kept items cannot be read or written: most often a full disk
|  |- ReviewError               an export that cannot be written, an import that contradicts itself
|  |- SiteConflictError         somebody else has labelled the item meanwhile
|  |- LessonError               what the site has labelled is not enough to be taught, or the model cannot be
|  `- SiteItemMissingError      there is no such item (any more)
|- PublishError              2  the password or certificate file for the broker cannot be used
`- UpdateError               1  a model package that cannot be had, is not to be trusted or does not fit
"""

from __future__ import annotations

from collections.abc import Sequence


class SmartBinError(Exception):
    """Root of the tree; `exit_code` is what a command ends with when the error reaches the user."""

    exit_code = 1


class ConfigError(SmartBinError):
    """Carries every problem found, not only the first."""

    exit_code = 2

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class HardwareError(SmartBinError):
    """Something outside the process that the bin cannot work without."""

    exit_code = 3


class CameraError(HardwareError):
    """The camera is missing, hangs or lost its stream."""


class FlapError(HardwareError):
    """A flap cannot be moved, or did not finish in its time."""


class ObstacleError(FlapError):
    """A hand in the chute or an open door: nothing may move. problem: which, by its name in model.Problem."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"nothing may move: {problem}")
        self.problem = problem


class TriggerError(HardwareError):
    """Whether an item lies on the tray cannot be told now; it may heal."""


class ModelError(SmartBinError):
    """The model's folder is incomplete, damaged, or does not fit what model.json says."""

    exit_code = 4


class ImageError(SmartBinError):
    """A picture that cannot be read or is too large to be read safely."""


class OutboxError(SmartBinError):
    """The outbox cannot be written or read: most often a full disk."""


class SiteError(SmartBinError):
    """The items kept from the tray cannot be read or written: most often a full disk."""


class ReviewError(SiteError):
    """An export cannot be written, or an import is not what it should be. Carries every problem found."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class LessonError(SiteError):
    """The bin cannot be taught: too little is labelled, or the model carries no bank."""


class SiteConflictError(SiteError):
    """The item's label changed since it was looked at. revision: the one that it has now."""

    def __init__(self, item_id: str, revision: int, label: str | None) -> None:
        super().__init__(f"{item_id} was labelled {label or 'nothing'} by somebody else meanwhile: look at it again")
        self.revision = revision
        self.label = label


class SiteItemMissingError(SiteError):
    """No such item: it was removed, or gave way to newer ones."""

    def __init__(self, item_id: str) -> None:
        super().__init__(f"{item_id} is not kept (any more): it was removed, or gave way to newer ones")


class PublishError(SmartBinError):
    """The broker cannot be used as configured."""

    exit_code = 2


class UpdateError(SmartBinError):
    """A model package cannot be fetched, is not to be trusted, or does not fit this bin. The old model goes on."""
