"""Importing Keras models: they answer as before, the code in them is never run, and what cannot be is said why."""

from __future__ import annotations

import base64
import json
import marshal
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras import layers
from numpy.typing import NDArray

from convert import data, importer, kerasfile, kerasgraph, run
from convert.cli import main
from convert.errors import RecipeError
from convert.split import MAIN, VALIDATION, Item
from edge import manifest
from edge.adapters.litert import LiteRtClassifier

SIDE = 32
LABELS = ("paper", "metal", "plastic")  # not the alphabetical order of the set
Images = NDArray[np.float32]


@pytest.fixture
def images() -> Images:
    """Noise of four colours."""
    random = np.random.default_rng(0)
    return (random.integers(0, 256, (4, SIDE, SIDE, 3)) * random.uniform(0, 1, (4, 1, 1, 3))).astype(np.float32)


def backbone(name: str = "backbone") -> keras.Model:
    """Convolutions whose batch statistics are anything but the default; half of it frozen, as when fine-tuning."""
    image = keras.Input((SIDE, SIDE, 3))
    x = layers.Rescaling(1 / 128, offset=-1)(image)
    for i, width in enumerate((6, 8)):
        x = layers.Conv2D(width, 3, strides=2, use_bias=False, name=f"{name}_conv{i}")(x)
        x = layers.BatchNormalization(name=f"{name}_norm{i}")(x)
        x = layers.DepthwiseConv2D(3, activation="swish", name=f"{name}_depth{i}")(x)
    model = keras.Model(image, x, name=name)
    for i, layer in enumerate(model.layers):
        layer.trainable = i > 4
    return model


def shaken(model: keras.Model) -> keras.Model:
    """Every weight at random, so that none is where it is by default."""
    random = np.random.default_rng(1)

    def some(shape: tuple[int, ...]) -> NDArray[np.float64]:
        # kernels keep the values at the size that they have; anything else, variances too, may be positive
        return (
            random.normal(0, 1.5 / np.sqrt(np.prod(shape[:-1])), shape)
            if shape[1:]
            else random.uniform(0.2, 0.8, shape)
        )

    model.set_weights([some(w.shape) for w in model.get_weights()])
    return model


def seed_project(front: layers.Layer, base: keras.Model | None = None, side: int = SIDE) -> keras.Model:
    """Augmentation, backbone, pooling, Dense 128, dropout, softmax."""
    image = keras.Input((side, side, 3))
    x = layers.GlobalAveragePooling2D()((base or backbone())(front(image), training=False))
    x = layers.Dropout(0.3)(layers.Dense(128, activation="relu")(x))
    return shaken(keras.Model(image, layers.Dense(len(LABELS), activation="softmax")(x)))


def augmenting() -> keras.Model:
    return keras.Sequential([layers.RandomFlip("horizontal"), layers.RandomRotation(0.1)], name="augmentation")


def softmax(logits: Images) -> Images:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def same_answers(path: Path, original: keras.Model, images: Images) -> kerasgraph.Classifier:
    found = kerasgraph.classifier(kerasfile.load(path))
    logits, features = found.model.predict_on_batch(images)
    expected = np.asarray(original(images, training=False))
    assert np.abs(softmax(logits) - expected).max() < 1e-4
    assert np.ptp(expected, axis=0).max() > 1e-3, "the answers differ from image to image, or nothing is shown"
    assert features.shape == (len(images), found.features)
    return found


@pytest.mark.parametrize("ending", ["h5", "keras"])
@pytest.mark.parametrize("front", [augmenting, lambda: layers.Lambda(lambda x: x, name="augment")])
def test_the_seed_projects_kind_of_file(
    ending: str, front: Callable[[], layers.Layer], tmp_path: Path, images: Images
) -> None:
    original = seed_project(front())
    original.save(tmp_path / f"model.{ending}")
    found = same_answers(tmp_path / f"model.{ending}", original, images)
    assert (found.side_px, found.labels, found.features, found.backbone) == (SIDE, 3, 8, "backbone")
    assert len(found.scalers) == 1
    assert found.skipped in ((), ("augment (Lambda)",))


def _sequential() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            augmenting(),
            backbone(),
            layers.GlobalMaxPooling2D(),
            layers.Dense(3),
            layers.Softmax(),
        ]
    )


def _scaled_before_augmentation() -> keras.Model:
    tail = [layers.GlobalMaxPooling2D(), layers.Dense(3, activation="softmax")]
    return keras.Sequential([keras.Input((SIDE, SIDE, 3)), layers.Rescaling(0.5), augmenting(), backbone(), *tail])


def _flat_with_batchnorm_head() -> keras.Model:
    base = backbone()
    x = layers.BatchNormalization()(layers.Flatten()(base.output))
    return keras.Model(base.input, layers.Activation("softmax")(layers.Dense(3)(layers.Dense(5)(x))))


def _convolutional_head() -> keras.Model:
    base = backbone()
    x = layers.GlobalAveragePooling2D(keepdims=True)(base.output)
    return keras.Model(base.input, layers.Softmax()(layers.Reshape((3,))(layers.Conv2D(3, 1)(x))))


def _twins() -> keras.Model:
    """Two models within one whose layers are named alike."""
    first = keras.Sequential([keras.Input((SIDE, SIDE, 3)), layers.Conv2D(3, 3, name="conv")], name="first")
    second = keras.Sequential([keras.Input((30, 30, 3)), layers.Conv2D(4, 3, name="conv")], name="second")
    tail = [layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax")]
    return keras.Sequential([keras.Input((SIDE, SIDE, 3)), layers.Rescaling(1 / 255), first, second, *tail])


@pytest.mark.parametrize("ending", ["h5", "keras"])
@pytest.mark.parametrize(
    ("make", "features"),
    [
        (_sequential, 8),
        (_scaled_before_augmentation, 8),
        (_flat_with_batchnorm_head, 5),
        (_convolutional_head, 8),
        (_twins, 4),
    ],
)
def test_other_classifiers(
    make: Callable[[], keras.Model], features: int, ending: str, tmp_path: Path, images: Images
) -> None:
    original = shaken(make())
    original.save(tmp_path / f"model.{ending}")
    assert same_answers(tmp_path / f"model.{ending}", original, images).features == features


def test_logits_stay_logits(tmp_path: Path, images: Images) -> None:
    base = backbone()
    original = shaken(keras.Model(base.input, layers.Dense(3)(layers.GlobalAveragePooling2D()(base.output))))
    original.save(tmp_path / "model.keras")
    found = kerasgraph.classifier(kerasfile.load(tmp_path / "model.keras"))
    logits, _ = found.model.predict_on_batch(images)
    assert np.abs(logits - original.predict_on_batch(images)).max() < 1e-4


def keras2_layer(kind: str, name: str, source: tuple[str, int], **config: Any) -> dict[str, Any]:
    """A layer as Keras 2 describes it."""
    node = [[[*source, 0, {}]]] if source[0] else []
    config = {"name": name, "trainable": True, "dtype": "float32", **config}
    return {"class_name": kind, "config": config, "name": name, "inbound_nodes": node}


def keras2_graph(name: str, parts: list[dict[str, Any]]) -> dict[str, Any]:
    shape = [None, SIDE, SIDE, 3]
    entry = keras2_layer("InputLayer", f"{name}_in", ("", 0), batch_input_shape=shape, sparse=False, ragged=False)
    config = {
        "name": name,
        "layers": [entry, *parts],
        "input_layers": [[f"{name}_in", 0, 0]],
        "output_layers": [[parts[-1]["name"], 0, 0]],
    }
    return {"class_name": "Functional", "config": config, "name": name}


def bytecode(code: str) -> dict[str, Any]:
    """What Keras 2 stores of a Lambda."""
    text = base64.b64encode(marshal.dumps(compile(code, "<lambda>", "eval"))).decode()
    return {"function": [text, None, None], "function_type": "lambda", "module": "__main__", "output_shape": None}


def operation(name: str, source: str, number: float) -> dict[str, Any]:
    """x / 127.5 and the like in a functional model of Keras 2."""
    node = [[source, 0, 0, {"y": number, "name": None}]]
    return {**keras2_layer("TFOpLambda", f"tf.{name}", ("", 0), function=name), "inbound_nodes": node}


def keras2_file(path: Path, evil: Path, lambda_at_the_end: bool = False) -> keras.Model:
    """Lambda, x / 127.5 - 1, a model within, pooling, softmax, in the .h5 of Keras 2; the same as a Keras 3 model."""
    norm = {"axis": [3], "epsilon": 1e-3}
    inner = keras2_graph(
        "base",
        [
            keras2_layer("Conv2D", "conv", ("base_in", 0), filters=4, kernel_size=[3, 3], use_bias=False, groups=1),
            keras2_layer("BatchNormalization", "norm", ("conv", 0), **norm),
            keras2_layer("DepthwiseConv2D", "depth", ("norm", 0), kernel_size=[3, 3], groups=1),
        ],
    )
    code = bytecode(f"open({str(evil)!r}, 'w')")
    first = [
        keras2_layer("Lambda", "augment", ("outer_in", 0), **code),
        operation("math.truediv", "augment", 127.5),
        operation("math.subtract", "tf.math.truediv", 1.0),
        {**inner, "inbound_nodes": [[["tf.math.subtract", 0, 0, {"training": False}]]]},
        keras2_layer("GlobalAveragePooling2D", "pool", ("base", 1)),
    ]
    dense = {"units": 3, "activation": "softmax"}
    if lambda_at_the_end:
        last = [
            keras2_layer("Lambda", "late", ("pool", 0), **code),
            keras2_layer("Dense", "head", ("late", 0), **dense),
        ]
    else:
        last = [keras2_layer("Dense", "head", ("pool", 0), **dense)]
    random = np.random.default_rng(2)

    def weights(*shapes: tuple[int, ...]) -> list[NDArray[np.float64]]:
        return [random.uniform(0.2, 0.8, shape) for shape in shapes]

    conv, norm_weights = weights((3, 3, 3, 4)), weights((4,), (4,), (4,), (4,))
    depth, head = weights((3, 3, 4, 1), (4,)), weights((4, 3), (3,))
    # What is trainable comes first, as Keras 2 wrote it: the order of the layers alone would mix these up.
    inside = {
        "depth/depthwise_kernel:0": depth[0],
        "depth/bias:0": depth[1],
        "conv/kernel:0": conv[0],
        **{
            f"norm/{name}:0": value
            for name, value in zip(("gamma", "beta", "moving_mean", "moving_variance"), norm_weights, strict=True)
        },
    }
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = "2.9.0", "tensorflow"
        file.attrs["model_config"] = json.dumps(keras2_graph("outer", [*first, *last]))
        groups = file.create_group("model_weights")
        stored = {"augment": {}, "base": inside, "head": {"head/kernel:0": head[0], "head/bias:0": head[1]}}
        for layer, values in stored.items():
            group = groups.create_group(layer)
            group.attrs["weight_names"] = [name.encode() for name in values]
            for name, value in values.items():
                group[name] = value
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            layers.Rescaling(1 / 127.5, offset=-1),
            layers.Conv2D(4, 3, use_bias=False),
            layers.BatchNormalization(),
            layers.DepthwiseConv2D(3),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.set_weights([*conv, *norm_weights, *depth, *head])
    return model


def test_an_h5_of_keras_2_and_its_bytecode_is_not_run(tmp_path: Path, images: Images) -> None:
    expected = keras2_file(tmp_path / "model.h5", tmp_path / "was-run")
    found = same_answers(tmp_path / "model.h5", expected, images)
    assert found.skipped == ("augment (Lambda)",)
    assert found.scalers == ("tf.math.truediv", "tf.math.subtract")
    assert not (tmp_path / "was-run").exists()


def test_a_lambda_that_matters_is_refused_and_not_run(tmp_path: Path) -> None:
    keras2_file(tmp_path / "model.h5", tmp_path / "was-run", lambda_at_the_end=True)
    with pytest.raises(RecipeError, match=r"layer 'late' \(Lambda\) is code in the middle"):
        kerasgraph.classifier(kerasfile.load(tmp_path / "model.h5"))
    assert not (tmp_path / "was-run").exists()


def test_weights_of_another_shape(tmp_path: Path) -> None:
    keras2_file(tmp_path / "model.h5", tmp_path / "was-run")
    with h5py.File(tmp_path / "model.h5", "r+") as file:
        group = file["model_weights/head"]
        del group["head/kernel:0"]
        group["head/kernel:0"] = np.zeros((5, 3))
    with pytest.raises(
        RecipeError, match=r"layer 'head': the graph takes \[\(4, 3\), \(3,\)\], the file has \[\(5, 3\)"
    ):
        kerasfile.load(tmp_path / "model.h5")


@pytest.mark.slow
def test_efficientnetv2s_with_its_weights_by_name(tmp_path: Path) -> None:
    base = keras.applications.EfficientNetV2S(include_top=False, weights=None, input_shape=(64, 64, 3))
    original = seed_project(layers.Lambda(lambda x: x, name="augment"), base, side=64)
    original.save(tmp_path / "model.h5")
    found = kerasgraph.classifier(kerasfile.load(tmp_path / "model.h5"))
    assert (found.backbone, found.side_px, found.features) == ("efficientnetv2s", 64, 1280)
    fresh = {w.path: w for w in found.model.weights}
    for layer in original.layers + base.layers:
        if layer.weights and not isinstance(layer, keras.Model):
            for weight in layer.weights:
                assert np.array_equal(fresh[weight.path], weight), weight.path


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """A file of the seed project's kind, of three labels."""
    seed_project(augmenting()).save(tmp_path / "model.keras")
    return tmp_path / "model.keras"


def test_the_run_goes_through_quantize_and_package(
    finished: Path, small_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, tflite, model = tmp_path / "run", tmp_path / "model.tflite", tmp_path / "bin"
    (tmp_path / "labels.txt").write_text("\n".join(LABELS) + "\n")
    words = ["import", str(finished), "--labels", str(tmp_path / "labels.txt"), "--set", str(small_set)]
    assert main([*words, "--out", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "backbone, 32 x 32, 3 labels, 8 features" in said
    assert "takes 0..255: the graph scales them itself" in said
    assert "labels right on validation pictures" in said
    assert main([*words, "--out", str(folder)]) == 0, "the same again replaces it"
    assert main(["quantize", str(folder), "--out", str(tflite), "--format", "float32"]) == 0
    assert main(["package", str(folder), str(tflite), "--name", "imported", "--out", str(model)]) == 0
    made = manifest.load(model)
    assert made.labels == LABELS
    assert made.backbone == "backbone"
    assert set(made.provenance.recipe) == {"model"}, "nothing is said of a training that nobody here knows"
    held = data.load(small_set)
    answer = LiteRtClassifier(model).classify(held.pictures[0])
    assert answer.embedding is not None
    assert answer.embedding.shape == (8,)


def test_labels_are_spelled_as_those_of_a_set(tmp_path: Path) -> None:
    """Windows' editor marks a file as UTF-8 at its beginning, and a Mac spells an accent as a letter of its own."""
    path = tmp_path / "labels.txt"
    path.write_bytes(b"\xef\xbb\xbfbattery\r\npapier-ma\xcc\x82che\xcc\x81\r\n")
    assert importer.read_labels(str(path)) == ("battery", "papier-m\u00e2ch\u00e9")
    with pytest.raises(RecipeError, match="named twice"):
        importer.read_labels("papier-m\u00e2ch\u00e9,papier-ma\u0302che\u0301")


def test_there_may_be_more_labels_than_fit_into_a_name() -> None:
    labels = tuple(f"class-{number}" for number in range(60))
    assert importer.read_labels(",".join(labels)) == labels


def test_the_truth_follows_the_order_of_the_labels(finished: Path, small_set: Path, tmp_path: Path) -> None:
    words = ["import", str(finished), "--labels", ",".join(LABELS), "--set", str(small_set)]
    assert main([*words, "--out", str(tmp_path / "run")]) == 0
    dataset, plain = run.load(tmp_path / "run").pictures(), data.load(small_set)
    assert dataset.labels == LABELS
    assert [LABELS[i] for i in dataset.truth] == [plain.labels[i] for i in plain.truth]


def test_an_input_range_is_put_into_the_graph(finished: Path, images: Images) -> None:
    plain, told = (kerasgraph.classifier(kerasfile.load(finished), input_range=r).model for r in ("0..255", "-1..1"))
    expected = plain.predict_on_batch(images / 127.5 - 1)
    assert np.abs(told.predict_on_batch(images)[0] - expected[0]).max() < 1e-4


def test_a_range_that_fits_better_is_pointed_out(tmp_path: Path) -> None:
    """Trained on pictures divided by 255: light is what is above 0.4. Of raw bytes everything is light."""
    image = keras.Input((SIDE, SIDE, 3))
    model = keras.Model(image, layers.Dense(2)(layers.GlobalAveragePooling2D()(image)))
    model.set_weights([np.array([[0, 1 / 3]] * 3), np.array([0.4, 0])])
    truth = np.array([0, 1] * 4)
    pictures: Any = [np.full((9, 9, 3), (40, 150)[i], np.uint8) for i in truth]
    items = tuple(Item(f"{i}.png", ("dark", "light")[i], MAIN, "", n, VALIDATION) for n, i in enumerate(truth))
    dataset = data.Dataset(items, ("dark", "light"), truth, pictures)
    found = kerasgraph.classifier(model)
    assert found.scalers == ()
    scores = importer.accuracy_by_range(found, dataset, None)
    assert scores == {"0..255": 0.5, "0..1": 1.0, "-1..1": 0.5}
    assert "warning: 0..1 fits clearly better" in importer.judged(scores, "0..255", tmp_path)[-1]
    told = kerasgraph.classifier(model, input_range="0..1")
    assert importer.accuracy_by_range(told, dataset, "0..1") == {"0..1": 1.0}


def _detector() -> keras.Model:
    image = keras.Input((SIDE, SIDE, 3))
    return keras.Model(image, layers.Conv2D(3, 3)(image))


def _of_text() -> keras.Model:
    return keras.Sequential([keras.Input((20,)), layers.Dense(3)])


def _sigmoid() -> keras.Model:
    base = backbone()
    return keras.Model(base.input, layers.Dense(3, activation="sigmoid")(layers.GlobalAveragePooling2D()(base.output)))


def _single() -> keras.Model:
    base = backbone()
    return keras.Model(base.input, layers.Dense(1)(layers.GlobalAveragePooling2D()(base.output)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_detector, "it answers (30, 30, 3), not one number for each label"),
        (_of_text, "it takes (20), not one RGB image"),
        (_sigmoid, "ends in sigmoid; the bin needs one answer among the labels"),
        (_single, "the model answers 1 numbers, but 3 labels"),
    ],
)
def test_a_model_that_is_no_classifier_says_so(
    make: Callable[[], keras.Model], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make().save(tmp_path / "model.keras")
    words = ["import", str(tmp_path / "model.keras"), "--labels", "a,b,c", "--out", str(tmp_path / "run")]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert message in said
    assert "model.keras" in said
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--labels a,b", "the model answers 3 numbers, but 2 labels are given (a, b)"),
        ("--labels a,b,b", "b is named twice"),
        ("", "--labels: name them"),
        ("--labels a,b,c --size 3", "--size: between 32 and 1024"),
        ("--labels a,b,c --set nowhere", "nowhere"),
    ],
)
def test_options_that_do_not_fit(
    words: str, message: str, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", str(finished), *words.split(), "--out", str(tmp_path / "run")]) in (1, 2)
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_set_of_other_labels(
    finished: Path, small_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["import", str(finished), "--labels", "glass,metal,paper", "--set", str(small_set)]
    assert main([*words, "--out", str(tmp_path / "run")]) == 1
    assert "the set has metal, paper, plastic" in capsys.readouterr().err


def _cut(path: Path, keep: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])


@pytest.mark.parametrize("keep", [0.0, 0.01, 0.5, 0.95])
@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_a_cut_file(ending: str, keep: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / f"model.{ending}"
    if ending == "h5":
        keras2_file(path, tmp_path / "was-run")
    else:
        _sigmoid().save(path)
    _cut(path, keep)
    assert main(["import", str(path), "--labels", "a,b,c", "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert str(path) in said
    assert "cut off" in said.lower() or "empty" in said


def test_what_is_no_keras_file(tmp_path: Path) -> None:
    (tmp_path / "page.h5").write_text("<html>404</html>")
    with zipfile.ZipFile(tmp_path / "some.keras", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        file["dense/kernel"] = np.zeros(3)
    for name, message in {
        "page.h5": "not a Keras model",
        "some.keras": "no config.json and no model.weights.h5 in it",
        "weights.h5": "it has weights but no graph",
        "gone.h5": "No such file",
    }.items():
        with pytest.raises(RecipeError, match=message):
            kerasfile.load(tmp_path / name)


def test_without_a_set_quantize_says_what_is_missing(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "run")
    assert main(["import", str(finished), "--labels", ",".join(LABELS), "--out", out]) == 0
    assert main(["quantize", out, "--format", "float32", "--out", str(tmp_path / "model.tflite")]) == 0
    assert main(["quantize", out, "--out", str(tmp_path / "model.tflite")]) == 2
    assert "--images" in capsys.readouterr().err


def test_a_training_run_is_not_overwritten(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    note = {"dataset": "set", "labels": LABELS, "recipe": {"model": {"backbone": "none"}}, "command": ""}
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text(json.dumps(note))
    words = ["import", str(finished), "--labels", "a,b,c", "--out", str(tmp_path / "run")]
    assert main(words) == 2
    assert "holds another run" in capsys.readouterr().err
