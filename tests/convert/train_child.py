"""Run by test_train_killed: `smartbin-convert` with a checkpoint after every step, and sums always in one order."""

from __future__ import annotations

import os
import sys

# Sums that two threads share come out a little different each time. Read once, when TensorFlow starts.
os.environ["TF_NUM_INTRAOP_THREADS"] = "1"

from convert import tune
from convert.cli import main

if __name__ == "__main__":
    tune.CHECKPOINT_EVERY_S = -1.0
    sys.exit(main(sys.argv[1:]))
