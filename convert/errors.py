"""What can go wrong on the workstation. A message says what is wrong and what to check.

edge.errors.SmartBinError
|- RecipeError    2  the recipe, an option, a path or weights named there
`- DataError      1  the pictures: none, one class only, a class with too few, a split that leaks
"""

from __future__ import annotations

from edge.errors import SmartBinError


class RecipeError(SmartBinError):
    """What was asked for cannot be done as written."""

    exit_code = 2


class DataError(SmartBinError):
    """The pictures do not allow what was asked for."""
