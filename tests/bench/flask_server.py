"""The usual way, to compare with: Flask, and `predict` of a Keras EfficientNetV2S, one picture a request."""

from __future__ import annotations

import io
import sys
from typing import Any

import keras
import numpy as np
from flask import Flask, request

SIDE_PX = 224
LABELS = ["battery", "biological", "cardboard", "clothes", "glass", "metal", "paper", "plastic", "shoes", "trash"]

app = Flask(__name__)
# the weights do not change how long it takes
network = keras.applications.EfficientNetV2S(weights=None, classes=len(LABELS), input_shape=(SIDE_PX, SIDE_PX, 3))


def predict() -> dict[str, Any]:
    """The label with the highest probability."""
    picture = keras.utils.load_img(io.BytesIO(request.files["file"].read()), target_size=(SIDE_PX, SIDE_PX))
    answers = network.predict(np.expand_dims(keras.utils.img_to_array(picture), 0), verbose=0)[0]
    best = int(np.argmax(answers))
    return {"label": LABELS[best], "confidence": float(answers[best])}


app.add_url_rule("/predict", view_func=predict, methods=["POST"])


if __name__ == "__main__":
    app.run("127.0.0.1", int(sys.argv[1]), threaded=True)
