"""What schemathesis sends as a picture: real ones, small and of all kinds; what is none comes from it anyway."""

from __future__ import annotations

import io

import schemathesis
from hypothesis import strategies as st
from PIL import Image


def encoded(kind: str, mode: str, size: tuple[int, int]) -> bytes:
    """A picture without anything on it."""
    stream = io.BytesIO()
    Image.new(mode, size).save(stream, kind)
    return stream.getvalue()


sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))
pictures = st.builds(
    encoded, st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF"]), st.sampled_from(["L", "RGB"]), sizes
)
schemathesis.openapi.media_type("image/*", pictures)
schemathesis.openapi.format("binary", pictures)
