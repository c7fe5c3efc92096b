"""A real Prometheus for tests: where its programs are."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

# where setup.sh unpacks it, which installs no service
_UNPACKED = Path(__file__).resolve().parents[1] / "build" / "prometheus" / "usr" / "bin"
_PATH = os.pathsep.join((os.environ.get("PATH", ""), str(_UNPACKED)))
PROMETHEUS = shutil.which("prometheus", path=_PATH)
PROMTOOL = shutil.which("promtool", path=_PATH)
