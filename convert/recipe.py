"""One TOML file says how a model is made; it goes into model.json as it was."""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from convert.augment import Augment
from convert.errors import RecipeError

FOLDER = Path(__file__).parent / "recipes"


SEEDS = 2**32  # NumPy, Keras and scikit-learn take no other
_Side = Annotated[int, Field(ge=32, le=1024)]  # of a picture, in pixels


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Model(_Part):
    """What is trained. weights: "imagenet", "none" or a file."""

    backbone: str
    weights: str = "imagenet"
    size: _Side = 224  # the input of the finished model, in pixels
    dropout: float = Field(default=0.2, ge=0, lt=1)


class Head(_Part):
    """Stage 1: a linear head on features that stay as they are."""

    size: _Side = 160
    views: int = Field(default=1, ge=1)  # 1: the plain picture; each further one is augmented
    steps: int = Field(default=1500, ge=0)  # 0: no such stage; the head of a whole model in `weights` stays as it is
    rate: float = Field(default=2e-3, gt=0)


class Tune(_Part):
    """Stage 2: gentle fine-tuning. sizes: the side in pixels for each epoch; empty leaves the stage out."""

    sizes: tuple[_Side, ...] = ()
    batch: int = Field(default=32, ge=1)
    rate: float = Field(default=2e-4, gt=0)
    warmup_steps: int = Field(default=100, ge=0)
    decay: float = Field(default=1.0, gt=0, le=1)  # the share of all steps, at the end, in which the rate falls
    weight_decay: float = Field(default=0.02, ge=0)
    frozen_blocks: int = Field(default=8, ge=0)
    frozen_statistics: bool = True  # of the batch normalisation; a network that starts from nothing needs its own
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    balance: float = Field(default=0.5, ge=0, le=1)  # 0: every picture counts the same; 1: every class does
    empty: float = Field(default=0.0, ge=0, lt=1)  # share of empty trays, which shall look like no label
    mixup: float = Field(default=0.0, ge=0)  # 0: off; else both parameters of the beta distribution
    ema: float = Field(default=0.998, ge=0, lt=1)  # decay of the running mean of the weights
    patience: int = Field(default=0, ge=0)  # epochs without a better validation score before it stops; 0: never
    # shares of the fine-tuned weights to try against the linear head's
    blend: tuple[float, ...] = Field(default=(1.0,), min_length=1)


class Teaching(_Part):
    """How much the pupil listens to `train --teacher`. A recipe without this part trains on the labels alone."""

    share: float = Field(default=0.7, ge=0, le=1)  # of the teacher's answers in the loss; the rest are the labels
    temperature: float = Field(default=2.0, gt=0)  # above 1 the teacher's doubts count too (Hinton et al. 2015)
    features: float = Field(default=1.0, ge=0)  # weight of the angle to the teacher's 1280 features
    grid: float = Field(default=0.0, ge=0)  # the same of those of every place on the picture
    size: int = Field(default=0, ge=0, le=1024)  # what the teacher is shown, in pixels; 0: what the pupil is shown


class Inherit(Tune):
    """Before stage 1: a V2S takes over the later stages of the teacher, a Lite2, and its early ones learn to feed them.

    As in stage 2, but nothing of it is frozen, and no labels are needed. Empty sizes leave it out.
    """


class Quantize(_Part):
    """How the float model becomes a TFLite file."""

    samples: int = Field(default=400, ge=1)


class Recipe(_Part):
    """Everything that a training run depends on, besides the pictures."""

    seed: int = Field(default=0, ge=0, lt=SEEDS)
    model: Model
    inherit: Inherit = Inherit()
    head: Head = Head()
    tune: Tune = Tune()
    teaching: Teaching = Teaching()
    augment: Augment = Augment()
    quantize: Quantize = Quantize()


def read_seed(text: str) -> int:
    """Of a command line. Raises ArgumentTypeError."""
    if not text.isdecimal() or int(text) >= SEEDS:
        raise argparse.ArgumentTypeError(f"a whole number from 0 to {SEEDS - 1}, not {text!r}")
    return int(text)


def load(name: str) -> Recipe:
    """The recipe in a file, or one of those that come with the program by its name. Raises RecipeError."""
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    try:
        return Recipe.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        known = ", ".join(sorted(p.stem for p in FOLDER.glob("*.toml")))
        raise RecipeError(f"{path}: {error.strerror}. Recipes that come with the program: {known}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: not TOML ({error}).") from error
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_url=False))
        raise RecipeError("\n".join(f"{path}: {problem}" for problem in problems)) from error
