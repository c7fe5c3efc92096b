"""fuzzing.py's targets, but with inputs that atheris finds by what they reach in the code:    pip install atheris

    python tests/security/guided.py configuration -max_total_time=60      (what follows is libFuzzer's)

TARGET is commands, configuration, model.json or images. Ends with the input and its traceback when something crashes.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path

import atheris

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tests"), str(REPOSITORY / "tests" / "security")]

with atheris.instrument_imports(include=["edge", "tomllib", "json", "PIL"]):
    import fuzzing

    from edge.errors import SmartBinError

SEEDS = {
    "commands": [f"{name}\n".encode() + fuzzing.COMMAND_BYTES for name in ("pause", "test-flap")],
    "configuration": [fuzzing.CONFIG],
    "model.json": [fuzzing.MODEL_BYTES],
    "images": fuzzing.pictures(),
}


def main() -> None:
    """Ends the program."""
    if len(sys.argv) < 2 or sys.argv[1] not in SEEDS:
        sys.exit(__doc__)
    name = sys.argv.pop(1)
    warnings.simplefilter("ignore")  # Pillow warns of much in broken files
    folder = Path(tempfile.mkdtemp(prefix=f"smartbin-fuzz-{name}-"))
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(SEEDS[name]):
        (corpus / f"seed-{number}").write_bytes(seed)
    take = fuzzing.targets(folder)[name].take

    def one(data: bytes) -> None:
        with suppress(SmartBinError):  # an answer as good as any
            take(data)

    print(f"inputs are kept in {folder}", file=sys.stderr)
    atheris.Setup([*sys.argv, f"-artifact_prefix={folder}/", str(corpus)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
