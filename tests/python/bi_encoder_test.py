# SPDX-License-Identifier: Apache-2.0
"""Labels that are encoded once."""

import array

import numpy
import pytest

from waterline.bi_encoder import BiEncoderGLiNER

LABELS = ["person", "city", "date"]
TEXTS = ["Ada Lovelace lived in London.", "Marie Curie moved to Paris in 1891."]


@pytest.fixture(scope="module")
def encoded(bi_encoder):
    return bi_encoder.encode_labels(LABELS)


@pytest.fixture(scope="module")
def expected(bi_encoder):
    found = bi_encoder.inference(TEXTS, LABELS, threshold=0.4)
    assert any(found)
    return found


def test_what_is_encoded(bi_encoder, encoded):
    assert isinstance(bi_encoder, BiEncoderGLiNER)
    assert encoded.labels == LABELS
    assert encoded.shape == (3, bi_encoder.config.hidden_size)
    assert len(encoded) == 3
    values = numpy.asarray(encoded)
    assert values.shape == encoded.shape and values.dtype == numpy.float32
    assert values.tolist() == encoded.tolist() == encoded.values.tolist()
    assert numpy.abs(values).sum() > 0


def test_answers_are_those_of_the_plain_call(bi_encoder, encoded, expected):
    assert bi_encoder.batch_predict_with_embeds(TEXTS, encoded, LABELS, threshold=0.4) == expected
    assert bi_encoder.batch_predict_with_embeds(TEXTS, encoded, threshold=0.4) == expected
    assert bi_encoder.predict_with_embeds(TEXTS[0], encoded, LABELS, threshold=0.4) == expected[0]
    assert bi_encoder.inference(TEXTS, LABELS, threshold=0.4, labels_embeds=encoded) == expected


def test_vectors_are_found_by_label(bi_encoder, encoded):
    some = ["date", "person"]
    assert bi_encoder.batch_predict_with_embeds(
        TEXTS, encoded, some, threshold=0.4
    ) == bi_encoder.inference(TEXTS, some, threshold=0.4)


@pytest.mark.parametrize("form", [numpy.asarray, lambda encoded: encoded.tolist()])
def test_vectors_from_elsewhere(bi_encoder, encoded, expected, form):
    kept = form(encoded)
    assert bi_encoder.batch_predict_with_embeds(TEXTS, kept, LABELS, threshold=0.4) == expected


def test_the_vectors_that_are_given_are_used(bi_encoder, encoded, expected):
    swapped = numpy.asarray(encoded)[[1, 0, 2]]
    assert bi_encoder.batch_predict_with_embeds(TEXTS, swapped, LABELS, threshold=0.4) != expected


def test_a_file(bi_encoder, encoded, expected, tmp_path):
    encoded.save(tmp_path / "labels.safetensors")
    loaded = bi_encoder.load_labels(tmp_path / "labels.safetensors")
    assert loaded.labels == LABELS and loaded.tolist() == encoded.tolist()
    assert bi_encoder.batch_predict_with_embeds(TEXTS, loaded, threshold=0.4) == expected
    with pytest.raises(FileNotFoundError, match="nothing"):
        bi_encoder.load_labels(tmp_path / "nothing")


@pytest.mark.parametrize(
    "values, kind, message",
    [
        (None, None, None),
        ([[1.0]] * 3, ValueError, "width|wide|column"),
        ([[1.0]] * 2, ValueError, "2 vectors for 3 labels"),
        ([[1.0], [1.0], [1.0, 2.0]], ValueError, "different widths"),
        (5, TypeError, "labels_embeddings is of type int"),
    ],
)
def test_vectors_that_cannot_be_used(bi_encoder, values, kind, message):
    if values is None:
        with pytest.raises(TypeError, match="labels for its rows"):
            bi_encoder.batch_predict_with_embeds(TEXTS, array.array("f", [1.0]), None)
        return
    with pytest.raises(kind, match=message):
        bi_encoder.batch_predict_with_embeds(TEXTS, values, LABELS)


def test_no_labels(bi_encoder):
    with pytest.raises(ValueError, match="no labels"):
        bi_encoder.encode_labels([])


def test_other_models_encode_no_labels(model):
    assert not hasattr(model, "encode_labels")
