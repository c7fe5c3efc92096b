"""What a Pi's firmware says of itself. The mailbox is played; the layout of its messages is the kernel's."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.adapters.firmware import throttled


def answering(bits: int, code: int = 0x80000000) -> Callable[[int, int, bytearray], object]:
    def ask(descriptor: int, request: int, message: bytearray) -> None:
        size, asked, tag, room, _, value, end = struct.unpack("=7I", message)
        assert (request, size, asked, tag, room, value, end) == (0xC0086400, len(message), 0, 0x30046, 4, 0, 0)
        struct.pack_into("=7I", message, 0, size, code, tag, room, 0x80000004, bits, 0)

    return ask


def mailbox(folder: Path) -> Path:
    (folder / "vcio").touch()
    return folder / "vcio"


@pytest.mark.parametrize(
    ("bits", "slow"),
    [(0, False), (0x50000, False), (0x1, False), (0x2, True), (0x50005, True), (0x80008, True)],
)
def test_only_what_holds_the_processor_back_now_counts(tmp_path: Path, bits: int, slow: bool) -> None:
    assert throttled(mailbox(tmp_path), answering(bits)) is slow


def test_what_does_not_answer_is_unknown(tmp_path: Path) -> None:
    def refuses(descriptor: int, request: int, message: bytearray) -> None:
        raise PermissionError("not for you")

    assert throttled(tmp_path / "nothing") is None
    assert throttled(mailbox(tmp_path), refuses) is None
    assert throttled(mailbox(tmp_path), answering(4, code=0x80000001)) is None
    assert throttled(mailbox(tmp_path)) is None, "a file is no mailbox"
