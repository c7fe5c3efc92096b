"""How much one address may ask for: a bucket of tokens each, which fills with time. Pure."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

MOST_ADDRESSES = 4096  # whoever has more addresses than this is a matter for the firewall


@dataclass(frozen=True, slots=True)
class Rate:
    """burst: tokens of a full bucket. per_s: how fast it fills."""

    burst: float
    per_s: float


class Limiter:
    """Not for several threads."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens left, and when

    def wait_s(self, address: str, now_s: float, tokens: float = 1.0) -> float:
        """Takes the tokens and returns 0, or takes none and returns how long to wait."""
        left = self._left(address, now_s)
        missing = min(tokens, self._rate.burst) - left
        self._buckets[address] = (left if missing > 0 else left - tokens, now_s)
        self._buckets.move_to_end(address)
        if len(self._buckets) > MOST_ADDRESSES:
            self._buckets.popitem(last=False)  # the one that asked longest ago
        return max(0.0, missing / self._rate.per_s)

    def until_s(self, address: str, now_s: float) -> float:
        """How long until there is a token, 0 where there is one; takes none."""
        return max(0.0, (1.0 - self._left(address, now_s)) / self._rate.per_s)

    def _left(self, address: str, now_s: float) -> float:
        left, at_s = self._buckets.get(address, (self._rate.burst, now_s))
        return min(self._rate.burst, left + (now_s - at_s) * self._rate.per_s)
