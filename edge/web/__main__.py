"""Started by `smartbin run` where [web] is enabled: python -m edge.web DESCRIPTOR, the settings in a variable."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

LOWEST = 19  # sorting comes first
SACRIFICED_FIRST = "1000"  # when memory runs out


def main() -> int:
    """The exit code; 2 for what is wrong in the configuration."""
    with suppress(OSError):
        os.nice(LOWEST)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(SACRIFICED_FIRST)
    from edge.web import bin_process  # noqa: PLC0415 - its imports take seconds on a Pi, and sorting comes first

    return bin_process.main(int(sys.argv[1]))


if __name__ == "__main__":
    sys.exit(main())
