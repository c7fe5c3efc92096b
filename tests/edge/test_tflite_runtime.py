"""The second runtime itself, where LiteRT is missing: the shipped model answers as it does in LiteRT.

tflite-runtime has wheels for Python 3.11 and older, and only beside a numpy of before 2, so it is installed into a
folder of its own and asked in a process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = ("tflite-runtime==2.14.0", "numpy==1.26.4")
ASK = """
import json, sys
from pathlib import Path
from edge.adapters import litert
from edge.images import read_image

litert._RUNTIMES = (sys.argv[1],)
classifier = litert.LiteRtClassifier(Path(sys.argv[2]))
pictures = sorted(Path("edge/samples").glob("*.jpg"))
print(json.dumps([[float(logit) for logit in classifier.classify(read_image(path)).logits] for path in pictures]))
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.version_info >= (3, 12), reason="tflite-runtime has no wheel for this Python"),
]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tflite")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"]
    done = subprocess.run([*command, "--target", folder, *PACKAGES], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"tflite-runtime cannot be had here: {done.stderr.strip().splitlines()[-1]}")
    return folder


def logits(runtime: str, model: Path, *first: Path) -> list[list[float]]:
    """Of every sample picture. first: folders whose packages come before the usual ones."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [*first, REPOSITORY]))}
    command = [sys.executable, "-c", ASK, runtime, str(model)]
    done = subprocess.run(command, cwd=REPOSITORY, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout.splitlines()[-1]))


def test_the_shipped_model_answers_as_in_litert(installed: Path, model_dir: Path) -> None:
    second = logits("tflite_runtime.interpreter", model_dir, installed)
    first = logits("ai_edge_litert.interpreter", model_dir)
    assert len(first) == len(second) > 40
    same = sum(a.index(max(a)) == b.index(max(b)) for a, b in zip(first, second, strict=True))
    assert same >= 0.95 * len(first), "they round differently, which turns a toss-up now and then"
    assert max(abs(p - q) for a, b in zip(first, second, strict=True) for p, q in zip(a, b, strict=True)) < 1.0
