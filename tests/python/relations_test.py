# SPDX-License-Identifier: Apache-2.0
"""Models that find relations. What they find is compared in golden_test.py."""

import pytest

from checkpoints import GOLDEN, cases, load
from waterline.relations import RelationGLiNER


@pytest.fixture(scope="module")
def case():
    """A case of which relations are expected."""
    for case in cases(GOLDEN / "models" / "rs_dot" / "cases.jsonl"):
        if any(case["expected_relations"]) and isinstance(case["threshold"], float):
            place = next(i for i, own in enumerate(case["expected_relations"]) if own)
            if isinstance(case["relations"][0], str) and isinstance(case["labels"][0], str):
                return {**case, "text": case["texts"][place], "place": place}
    raise AssertionError("no such case")


def thresholds(case):
    return {
        key: case[key]
        for key in (
            "flat_ner",
            "multi_label",
            "threshold",
            "adjacency_threshold",
            "relation_threshold",
        )
        if key in case
    }


def test_predict_relations(relation_model, case):
    entities, relations = relation_model.predict_relations(
        case["text"], case["labels"], case["relations"], **thresholds(case)
    )
    assert len(entities) == len(case["expected"][case["place"]])
    assert len(relations) == len(case["expected_relations"][case["place"]])
    for relation in relations:
        assert list(relation) == ["head", "tail", "relation", "score"]
        for end in (relation["head"], relation["tail"]):
            assert list(end) == ["start", "end", "text", "type", "entity_idx"]
            entity = entities[end["entity_idx"]]
            assert (end["text"], end["type"]) == (entity["text"], entity["label"])


def test_forms_of_the_answer(relation_model, case):
    settings = thresholds(case)
    both = relation_model.inference(case["texts"], case["labels"], case["relations"], **settings)
    assert isinstance(both, tuple) and len(both) == 2
    entities = relation_model.inference(
        case["texts"], case["labels"], case["relations"], return_relations=False, **settings
    )
    assert entities == both[0]
    streamed = list(
        relation_model.stream(
            case["texts"], case["labels"], relations=case["relations"], **settings
        )
    )
    assert streamed == list(zip(*both))
    settings.pop("relation_threshold", None)
    assert (
        relation_model.predict_entities(case["text"], case["labels"], case["relations"], **settings)
        == entities[case["place"]]
    )


def test_no_relations_and_no_texts(relation_model):
    assert relation_model.inference(["", None], ["person"], ["works for"]) == ([[], []], [[], []])
    entities, relations = relation_model.inference(["Ada works for Paul."], ["person"])
    assert len(entities) == 1 and relations == [[]]
    assert relation_model.inference(["Ada"], [], ["works for"]) == ([[]], [[]])


def test_relations_of_each_text(relation_model, case):
    texts = [case["text"]] * 2
    settings = thresholds(case)
    _, relations = relation_model.inference(
        texts, case["labels"], [case["relations"], []], **settings
    )
    assert relations[0] and not relations[1]
    with pytest.raises(ValueError, match="Per-text relations must have length 2, got 1"):
        relation_model.inference(texts, case["labels"], [case["relations"]])
    with pytest.raises(TypeError, match=r"relations\[0\] is of type int"):
        relation_model.inference(texts, case["labels"], [5])


def test_vectors_of_relations_are_refused(relation_model):
    with pytest.raises(NotImplementedError, match="vectors of relations"):
        relation_model.inference("Ada", ["person"], ["works for"], return_vectors=True)


def test_other_models_have_no_relations(model, relation_model):
    assert isinstance(relation_model, RelationGLiNER)
    assert not hasattr(model, "predict_relations")


def test_evaluate(relation_model):
    data = [
        {
            "tokenized_text": ["Ada", "works", "for", "Paul", "."],
            "ner": [[0, 0, "person"], [3, 3, "person"]],
            "relations": [[0, 1, "works for"]],
        }
    ]
    (text, f1), (relation_text, relation_f1) = relation_model.evaluate(data, threshold=0.9999)
    assert (f1, relation_f1) == (0.0, 0.0)
    assert text == relation_text == "P: 0.00%\tR: 0.00%\tF1: 0.00%\n"
    assert load("rt_none").evaluate(data, threshold=0.01)[0][0].startswith("P: ")
