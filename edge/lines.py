"""Verdicts and events as one line for people."""

from __future__ import annotations

from edge.model import SortEvent
from edge.verdict import Verdict


def printable(text: str) -> str:
    """The text without what would steer a terminal, or turn the order of its letters round."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def verdict_line(verdict: Verdict) -> str:
    """What is on a picture, how sure that is, and where it goes."""
    if verdict.label is None:
        reason = (verdict.reason or "").removeprefix(f"{verdict.file}: ")
        return f"{verdict.file}: rejected: {reason}"
    why = f"  ({verdict.reason})" if verdict.reason else ""
    return (
        f"{verdict.file}: {verdict.label} {verdict.confidence:.0%}"
        f" -> {verdict.compartment} {verdict.compartment_confidence:.0%}{why}"
    )


def event_line(event: SortEvent) -> str:
    """One handled item."""
    notes = "  ".join(filter(None, [event.image, event.reason]))
    return (
        f"{event.seq:4d}  {event.outcome.value:<11} {event.label:<11} {event.confidence:4.0%}"
        f" -> {event.compartment:<10} {event.compartment_confidence:4.0%}  {notes}"
    ).rstrip()
