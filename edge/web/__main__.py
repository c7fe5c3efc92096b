"""Started by `smartbin run` where [web] is enabled: python -m edge.web DESCRIPTOR, the settings in a variable."""

from __future__ import annotations

import sys

from edge.adapters.child_process import give_way


def main() -> int:
    """The exit code; 2 for what is wrong in the configuration."""
    give_way()
    from edge.web import bin_process  # noqa: PLC0415 - its imports take seconds on a Pi, and sorting comes first

    return bin_process.main(int(sys.argv[1]))


if __name__ == "__main__":
    sys.exit(main())
