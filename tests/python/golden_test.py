# SPDX-License-Identifier: Apache-2.0
"""The class GLiNER against the package gliner: every case of every checkpoint."""

import pytest

from checkpoints import GOLDEN, cases, checkpoint, load
from waterline import GLiNER

# As tests/engine/golden_test.cc.
SCORE_TOLERANCE = 2e-5
VECTOR_TOLERANCE = 1e-4

CHECKPOINTS = sorted(path.parent.name for path in GOLDEN.glob("models/*/cases.jsonl"))


def run(model, case, **options):
    """(entities, relations or None) of a case."""
    arguments = {
        key: case[key]
        for key in ("flat_ner", "multi_label", "input_spans", "return_class_probs")
        if key in case
    }
    if case.get("return_vectors"):
        arguments.update(return_vectors=True, return_label_vectors=True)
    arguments["threshold"] = case["threshold"]
    arguments.update(options)
    if case["call"] == "inference_with_label_embeddings":
        encoded = model.encode_labels(case["labels"])
        return (
            model.batch_predict_with_embeds(case["texts"], encoded, case["labels"], **arguments),
            None,
        )
    if "relations" in case:
        arguments.update(
            relations=case["relations"],
            relation_threshold=case.get("relation_threshold"),
            adjacency_threshold=case.get("adjacency_threshold"),
        )
        return model.inference(case["texts"], case["labels"], **arguments)
    return model.inference(case["texts"], case["labels"], **arguments), None


def assert_vector(got, expected):
    assert len(got) == len(expected)
    largest = max(1e-3, *(abs(value) for value in expected))
    for a, b in zip(got, expected):
        assert abs(float(a) - b) <= VECTOR_TOLERANCE * largest


def assert_same(found, expected):
    """Dictionaries with the same keys and values, scores and vectors within the tolerance."""
    assert len(found) == len(expected)
    for got, want in zip(found, expected):
        vectors = {key for key in want if key.endswith("vector")}
        assert list(got) == list(want), "keys, in order"
        for key in vectors:
            assert_vector(got[key], want[key])
        for key in want.keys() - vectors - {"score", "class_probs"}:
            assert got[key] == want[key]
            assert type(got[key]) is type(want[key])
        assert got["score"] == pytest.approx(want["score"], abs=SCORE_TOLERANCE)
        assert isinstance(got["score"], float)
        if "class_probs" in want:
            assert list(got["class_probs"]) == list(want["class_probs"])
            assert got["class_probs"] == pytest.approx(want["class_probs"], abs=SCORE_TOLERANCE)


@pytest.mark.filterwarnings("ignore:.*has been truncated:UserWarning")
@pytest.mark.parametrize("name", CHECKPOINTS)
def test_answers_as_the_reference(name):
    model = load(name, truncate=True, reference_alignment=True)
    for case in cases(GOLDEN / "models" / name / "cases.jsonl"):
        if case.get("relations") is not None and "expected_relations" not in case:
            case.pop("relations")
        entities, relations = run(model, case)
        for found, expected in zip(entities, case["expected"], strict=True):
            assert_same(found, expected)
        if "expected_relations" in case:
            for found, expected in zip(relations, case["expected_relations"], strict=True):
                assert_same(found, expected)


def test_default_model_finds_what_the_reference_finds(model):
    expected = cases(GOLDEN.parents[1] / "models" / "waterline-tiny-en" / "expected.jsonl")
    for case in expected:
        found = model.predict_entities(
            case["text"], case["labels"], threshold=case["threshold"], truncate=True
        )
        assert_same(found, case["entities"])
    assert len(expected) == 22


@pytest.mark.parametrize(
    "case",
    [case for case in cases(GOLDEN / "defects.jsonl") if "texts" in case],
    ids=lambda case: f"{case['model']}-{case['what']}".replace(" ", "_"),
)
def test_answers_sanely_where_the_reference_does_not(case):
    if not checkpoint(case["model"]).exists():
        pytest.skip(f"no checkpoint {case['model']}: models that generate labels do not run")
    model = load(case["model"], truncate=True)
    entities, relations = run(model, case)
    for found, expected in zip(entities, case["expected"], strict=True):
        assert_same(found, expected)
    for found, expected in zip(relations or [], case.get("expected_relations", []), strict=True):
        assert_same(found, expected)


def test_default_class_is_gliner(model):
    assert type(model) is GLiNER
