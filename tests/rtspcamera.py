"""A network camera that speaks RTSP: JPEG pictures in RTP (RFC 2435) over the control connection itself."""

from __future__ import annotations

import struct
import threading
import time
from contextlib import suppress
from socket import SHUT_RDWR, socket
from socketserver import StreamRequestHandler, ThreadingTCPServer

import cv2
import numpy as np

from edge.model import Pixels

PERIOD_S = 0.02
PACKET_BYTES = 1400
SDP = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=tray\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\na=control:track\r\n"
ANSWERS = {
    "DESCRIBE": ("Content-Type: application/sdp\r\n", SDP),
    "SETUP": ("Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n", ""),
}


class RtspCamera:
    """Shows `bgr`, a red stripe at the left of grey. `on` is its plug."""

    def __init__(self) -> None:
        self.on = threading.Event()
        self.bgr: Pixels = np.full((120, 160, 3), 128, np.uint8)
        self.bgr[:, :48] = (0, 0, 255)
        self._lines: list[socket] = []
        camera = self

        class Handler(StreamRequestHandler):
            def handle(self) -> None:
                if camera.on.is_set():
                    camera._lines.append(self.connection)
                    with suppress(OSError):
                        camera.talk(self)

        class Server(ThreadingTCPServer):
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"rtsp://user:secret@127.0.0.1:{self._server.server_address[1]}/tray"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def unplug(self) -> None:
        """Every connection ends, and no new one is answered."""
        self.on.clear()
        while self._lines:
            with suppress(OSError):
                self._lines.pop().shutdown(SHUT_RDWR)

    def close(self) -> None:
        self.unplug()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def talk(self, handler: StreamRequestHandler) -> None:
        """Answer requests until PLAY, then send pictures until the line ends."""
        while line := handler.rfile.readline().decode():
            method, number = line.split()[0], "0"
            while header := handler.rfile.readline().decode().strip():
                if header.lower().startswith("cseq:"):
                    number = header.partition(":")[2].strip()
            more, body = ANSWERS.get(method, ("Session: 1\r\nPublic: DESCRIBE, SETUP, PLAY, TEARDOWN\r\n", ""))
            head = f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\n{more}Content-Length: {len(body)}\r\n\r\n"
            handler.wfile.write((head + body).encode())
            if method == "PLAY":
                self._play(handler)
                break

    def _play(self, handler: StreamRequestHandler) -> None:
        sequence, began_s = 0, time.monotonic()
        while self.on.is_set():
            at = int((time.monotonic() - began_s) * 90_000)
            packets = jpeg_packets(cv2.imencode(".jpg", self.bgr)[1].tobytes())
            for number, payload in enumerate(packets):
                last = number == len(packets) - 1
                head = struct.pack(">BBHII", 0x80, 26 | (last << 7), sequence & 0xFFFF, at & 0xFFFFFFFF, 1)
                handler.wfile.write(struct.pack(">cBH", b"$", 0, len(head + payload)) + head + payload)
                sequence += 1
            time.sleep(PERIOD_S)  # the camera's frame rate, not a wait for anything


def jpeg_packets(jpeg: bytes) -> list[bytes]:
    """RTP payloads of a baseline JPEG with the usual Huffman tables, 4:2:0."""
    tables, height, width, scan = b"", 0, 0, b""
    at = 2
    while not scan:
        marker, length = struct.unpack(">HH", jpeg[at : at + 4])
        body = jpeg[at + 4 : at + 2 + length]
        if marker == 0xFFDB:
            tables += b"".join(body[start + 1 : start + 65] for start in range(0, len(body), 65))
        elif marker == 0xFFC0:
            height, width = struct.unpack(">HH", body[1:5])
            assert body[7] == 0x22, "4:2:0"
        elif marker == 0xFFDA:
            scan = jpeg[at + 2 + length : -2]
        at += 2 + length
    packets = []
    for offset in range(0, len(scan), PACKET_BYTES):
        head = struct.pack(">IBBBB", offset, 1, 255, width // 8, height // 8)
        first = struct.pack(">BBH", 0, 0, len(tables)) + tables if offset == 0 else b""
        packets.append(head + first + scan[offset : offset + PACKET_BYTES])
    return packets
