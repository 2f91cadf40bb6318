# SPDX-License-Identifier: Apache-2.0
"""The calls of the class GLiNER, what they accept and what they refuse."""

import math

import pytest

import waterline
from checkpoints import checkpoint, load
from waterline import GLiNER, errors

TEXT = "Ada Lovelace lived in London."
LABELS = ["person", "city"]
PEOPLE = [
    "Ada Lovelace lived in London.",
    "Marie Curie moved from Warsaw to Paris.",
    "Paul Smith flew to Berlin.",
]


def names(entities):
    return [(entity["text"], entity["label"]) for entity in entities]


@pytest.fixture(scope="module")
def found(model):
    return model.predict_entities(TEXT, LABELS)


def test_dictionaries_of_the_package_gliner(found):
    assert [list(entity) for entity in found] == [["start", "end", "text", "label", "score"]] * 2
    assert names(found) == [("Ada Lovelace", "person"), ("London", "city")]
    assert [type(value) for value in found[0].values()] == [int, int, str, str, float]
    assert TEXT[found[1]["start"] : found[1]["end"]] == "London"


def test_every_name_of_the_call(model, found):
    assert model.inference([TEXT], LABELS) == [found]
    assert model.inference(TEXT, LABELS) == [found]
    assert model.run([TEXT], LABELS) == [found]
    assert model.batch_predict_entities([TEXT], LABELS) == [found]
    assert model.predict_entities(text=TEXT, labels=LABELS, flat_ner=True, threshold=0.5) == found


def test_an_answer_does_not_depend_on_the_batch(model):
    alone = [model.predict_entities(text, LABELS) for text in PEOPLE]
    assert all(alone)
    for batch_size in (1, 2, 8):
        assert model.inference(PEOPLE, LABELS, batch_size=batch_size) == alone
    many = model.inference(PEOPLE * 500, LABELS[:1])
    assert many == model.inference(PEOPLE, LABELS[:1]) * 500


def test_offsets_are_code_points(model):
    text = "🎉🎉 Zoë Müller flew to São Paulo."
    for entity in model.predict_entities(text, LABELS, threshold=0.3):
        assert text[entity["start"] : entity["end"]] == entity["text"]


@pytest.mark.parametrize(
    "labels",
    [
        ("person", "city"),
        iter(LABELS),
        ["person", "city", "person"],
        {"person": None, "city": None}.keys(),
        [LABELS],
        {"person": "person", "city": "city"},
        {"person": {"description": "person"}, "city": {}},
    ],
)
def test_labels_of_every_kind(model, found, labels):
    assert model.predict_entities(TEXT, labels) == found


def test_a_label_alone(model):
    assert names(model.predict_entities(TEXT, "person")) == [("Ada Lovelace", "person")]


def test_the_name_comes_back_and_the_description_is_read(model):
    described = model.predict_entities(TEXT, {"PER": "person", "LOC": "city"})
    assert names(described) == [("Ada Lovelace", "PER"), ("London", "LOC")]
    assert [entity["score"] for entity in described] == [
        entity["score"] for entity in model.predict_entities(TEXT, LABELS)
    ]


def test_a_label_has_a_threshold_of_its_own(model):
    strict = {"person": {"threshold": 0.999}, "city": {"threshold": 0.1}}
    assert names(model.predict_entities(TEXT, strict)) == [("London", "city")]


def test_labels_and_thresholds_of_each_text(model, found):
    answers = model.inference(
        [TEXT, TEXT, TEXT, TEXT],
        [["person"], [], {"TOWN": "city"}, LABELS],
        threshold=[0.5, 0.5, 0.1, 0.999],
    )
    assert [[label for _, label in names(own)] for own in answers] == [
        ["person"],
        [],
        ["TOWN"] * len(answers[2]),
        [],
    ]
    assert ("London", "TOWN") in names(answers[2])


def test_texts_that_are_missing_or_blank(model, found):
    texts = [None, "", " \n\t", math.nan, TEXT]
    assert model.inference(texts, LABELS) == [[], [], [], [], found]
    assert model.inference([], LABELS) == []
    assert model.inference([None], LABELS) == [[]]
    assert model.predict_entities("", LABELS) == []
    assert model.inference(iter([TEXT]), LABELS) == [found]


def test_no_labels_find_nothing(model):
    assert model.inference([TEXT, ""], []) == [[], []]
    assert model.predict_entities(TEXT, {}) == []


@pytest.mark.parametrize(
    "arguments, kind, message",
    [
        (dict(texts=b"Ada"), TypeError, "texts is of type bytes"),
        (dict(texts=5), TypeError, "texts is of type int"),
        (dict(texts={"a": "b"}), TypeError, "texts is of type dict"),
        (dict(texts=None), TypeError, "texts is of type NoneType"),
        (dict(texts=["Ada", b"Ada"]), TypeError, r"texts\[1\] is of type bytes"),
        (dict(texts=["Ada", 5]), TypeError, r"texts\[1\] is of type int"),
        (dict(texts=["Ada", "A\udc80a"]), ValueError, r"texts\[1\] has a lone surrogate, U\+DC80"),
        (dict(labels=None), TypeError, "labels is None"),
        (dict(labels=b"person"), TypeError, "labels is of type bytes"),
        (dict(labels=3), TypeError, "labels is of type int"),
        (dict(labels=["person", 5]), TypeError, r"labels\[1\] is of type int"),
        (dict(labels=["person", None]), TypeError, r"labels\[1\] is None"),
        (dict(labels=["a\ud800"]), ValueError, r"labels\[0\] has a lone surrogate"),
        (dict(labels=[["person"], ["city"]]), ValueError, "must have length 1, got 2"),
        (dict(labels=[["person"], "city"], texts=["a", "b"]), TypeError, "must contain only lists"),
        (dict(labels=(["person"],)), TypeError, r"labels\[0\] is of type list"),
        (dict(labels={"a": "x", "b": "x"}), ValueError, "descriptions must be unique"),
        (dict(labels={"a": 5}), TypeError, "only string keys and values"),
        (dict(labels={"a": {"score": 1}}), ValueError, "has \\['score'\\]"),
        (dict(labels=["a <<ENT>> b"]), ValueError, "<<ENT>>"),
        (dict(threshold="0.5"), TypeError, "threshold is of type str"),
        (dict(threshold=None), TypeError, "threshold is None"),
        (dict(threshold=math.nan), ValueError, "threshold"),
        (dict(threshold=[0.5, 0.5]), ValueError, "threshold must have length 1, got 2"),
        (dict(flat_ner=[True]), TypeError, "flat_ner is of type list"),
        (dict(multi_label="no"), TypeError, "multi_label is of type str"),
        (dict(batch_size=0), ValueError, "batch_size is 0"),
        (dict(batch_size="8"), TypeError, "batch_size is of type str"),
        (dict(input_spans=[]), ValueError, "input_spans must have length 1, got 0"),
        (dict(input_spans=[[(0, 3)]]), TypeError, "input_spans\\[0\\] holds"),
        (dict(treshold=0.3), TypeError, "treshold"),
        (dict(timeout="1"), TypeError, "timeout is of type str"),
        (dict(timeout=-1), ValueError, "timeout is -1"),
        (dict(labels_embeds=object()), NotImplementedError, "bi-encoder"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else "",
)
def test_what_cannot_be_used(model, arguments, kind, message):
    with pytest.raises(kind, match=message):
        model.inference(**{"texts": TEXT, "labels": LABELS, **arguments})


def test_input_spans(model):
    spans = [{"start": 0, "end": 12}, {"start": 0, "end": 99}, {"start": -5, "end": 3}]
    answers = model.inference([TEXT, TEXT], LABELS, input_spans=[spans, []])
    assert [names(own) for own in answers] == [[("Ada Lovelace", "person")], []]


def test_class_probabilities(model):
    (person, _) = model.predict_entities(TEXT, LABELS, return_class_probs=True)
    assert list(person) == ["start", "end", "text", "label", "score", "class_probs"]
    assert list(person["class_probs"]) == ["person", "city"]
    assert person["class_probs"]["person"] == person["score"]


def test_vectors_are_arrays(model):
    (person, _) = model.predict_entities(
        TEXT, LABELS, return_vectors=True, return_label_vectors=True
    )
    assert person["vector"].dtype == "float32"
    assert person["vector"].shape == person["label_vector"].shape
    only = model.predict_entities(TEXT, LABELS, return_label_vectors=True)
    assert "vector" not in only[0] and "label_vector" in only[0]


def test_long_texts_are_read_in_windows_or_cut_with_a_warning(model):
    words = model.config.max_len
    text = "nothing " * words + TEXT
    assert names(model.predict_entities(text, LABELS))[-1] == ("London", "city")
    with pytest.warns(UserWarning, match=f"truncated to {words}"):
        assert ("London", "city") not in names(model.predict_entities(text, LABELS, truncate=True))
    cutting = GLiNER.from_pretrained(memory_budget="256MiB", truncate=True)
    with pytest.warns(UserWarning, match="truncated"):
        cutting.predict_entities(text, LABELS)


def test_a_text_that_is_refused():
    model = load("us_markerV0", memory_budget="4MiB")
    long = "word " * 400_000
    with pytest.raises(MemoryError, match=r"texts\[1\]") as raised:
        model.inference([TEXT, long], LABELS)
    assert isinstance(raised.value, errors.OverBudget)
    assert raised.value.text == 1
    answers = model.inference([TEXT, long], LABELS, return_exceptions=True)
    assert isinstance(answers[0], list)
    assert isinstance(answers[1], errors.OverBudget)


def test_the_model_that_ships(model):
    assert model.directory == waterline.GLiNER.from_pretrained("waterline-tiny-en").directory
    assert model.config.span_mode == "markerV0"
    assert model.device == "cpu"
    assert model.eval() is model.to("cpu") is model.cpu() is model


def test_names_of_types_and_devices():
    class Torch:  # As a torch.dtype, and a torch.device, look.
        def __init__(self, name):
            self.name = name

        def __str__(self):
            return self.name

    for dtype in ("bf16", "bfloat16", "BFloat16", Torch("torch.bfloat16")):
        assert load("us_markerV0", dtype=dtype).stats()["dtype"] == "bf16"
    model = load("us_markerV0", map_location=Torch("cpu"))
    assert model.device == "cpu" and model.stats()["dtype"] == "f32"
    assert model.to(Torch("torch.bfloat16")) is model
    assert model.stats()["dtype"] == "bf16"
    assert load("us_markerV0", quantize="int8").stats()["dtype"] == "int8"


@pytest.mark.parametrize(
    "options, kind, message",
    [
        (dict(dtype="float8"), ValueError, "dtype is 'float8'"),
        (dict(quantize="int4"), ValueError, "quantize is 'int4'"),
        (dict(quantize="int8", dtype="bf16"), ValueError, "contradict"),
        (dict(memory_budget="many"), ValueError, "'many' is not a size"),
        (dict(memory_budget=-1), ValueError, "memory_budget is -1"),
        (dict(memory_budget=1.5), TypeError, "memory_budget is of type float"),
        (dict(memory_budget="1MiB"), MemoryError, "budget"),
        (dict(threads="2"), TypeError, "threads is of type str, expected int"),
        (dict(threads=-1), ValueError, "threads"),
        (dict(shared_budget=5), TypeError, "expected MemoryBudget"),
        (dict(idle_trim=-1), ValueError, "idle_trim is -1"),
        (dict(idle_trim="soon"), TypeError, "idle_trim is of type str"),
        (dict(device="mps"), ValueError, "mps"),
        (dict(splitter="spacy"), ValueError, "splitter is"),
        (dict(isa="mmx"), ValueError, "mmx"),
        (dict(max_width=5), NotImplementedError, "max_width is 6"),
        (dict(max_length=5), NotImplementedError, "max_len is"),
        (dict(memory_buget=5), TypeError, "memory_buget"),
    ],
    ids=str,
)
def test_options_that_cannot_be_used(options, kind, message):
    with pytest.raises(kind, match=message):
        load("us_markerV0", **options)


def test_overrides_that_change_nothing():
    config = load("us_markerV0").config
    load("us_markerV0", max_width=config.max_width, max_length=config.max_len)


def test_arguments_without_effect_are_told():
    with pytest.warns(UserWarning, match="load_onnx_model=True has no effect"):
        load("us_markerV0", load_onnx_model=True)


def test_models_that_are_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="no directory /nowhere"):
        GLiNER.from_pretrained("/nowhere")
    with pytest.raises(FileNotFoundError, match="gliner_config.json"):
        GLiNER.from_pretrained(tmp_path)
    (tmp_path / "gliner_config.json").write_text("{")
    with pytest.raises(ValueError, match="is not JSON"):
        GLiNER.from_pretrained(tmp_path)
    with pytest.raises(TypeError, match="PathLike"):
        GLiNER.from_pretrained(5)


def test_a_path_object(found):
    model = GLiNER.from_pretrained(checkpoint("us_markerV0"), memory_budget="64MiB")
    assert repr(model) == f"<GLiNER {checkpoint('us_markerV0')} on cpu>"


def test_evaluate_counts_as_the_package_gliner(model):
    data = [
        {
            "tokenized_text": ["Ada", "Lovelace", "lived", "in", "London", "."],
            "ner": [[0, 1, "person"], [4, 4, "city"]],
        },
        {"tokenized_text": ["Nothing", "here", "."], "ner": [], "ner_labels": ["person"]},
        {
            "tokenized_text": ["Paul", "Smith", "flew", "to", "Berlin", "."],
            "ner": [[0, 0, "person"]],
        },
    ]
    found = model.inference(
        [" ".join(item["tokenized_text"]) for item in data],
        [["person", "city"], ["person"], ["person"]],
        flat_ner=False,
    )
    assert [names(own) for own in found] == [
        [("Ada Lovelace", "person"), ("London", "city")],
        [],
        [("Paul Smith", "person")],
    ]
    # Of three found, two are right; of three in the data, two are found.
    text, f1 = model.evaluate(data)
    assert text == "P: 66.67%\tR: 66.67%\tF1: 66.67%\n"
    assert f1 == pytest.approx(2 / 3)
    assert model.evaluate([])[1] == 0.0
