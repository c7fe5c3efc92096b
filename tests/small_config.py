"""The least that a configuration must say; more may follow it."""

from __future__ import annotations

SMALL = """
[bin]
id = "lobby"
[camera]
source = "opencv"
[model]
path = "."
[flaps]
driver = "mock"
[compartments.all]
labels = ["x"]
default = true
pin = 12
"""
