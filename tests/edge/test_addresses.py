from __future__ import annotations

import pytest

from edge.addresses import without_secrets


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("0", "0"),
        ("/dev/video0", "/dev/video0"),
        ("rtsp://10.0.0.5:554/stream1", "rtsp://10.0.0.5:554/stream1"),
        ("rtsp://me:p@ss:w0rd@10.0.0.5/stream1?pwd=x#y", "rtsp://10.0.0.5/stream1"),
        ("rtsp://me:it's a@10.0.0.5/", "rtsp://10.0.0.5/"),
        ("http://me@[fe80::1]:80/", "http://[fe80::1]:80/"),
        ("rtsp://me:secret@[camera/", "rtsp://[camera/"),
        ("/etc/rtsp:/me:secret@camera does not exist", "/etc/rtsp:/camera does not exist"),
        ("'rtsp://a:b@one/', 'rtsp://c:d@two/'", "'rtsp://one/', 'rtsp://two/'"),
    ],
)
def test_an_address_is_told_without_its_secrets(text: str, told: str) -> None:
    assert without_secrets(text) == told
