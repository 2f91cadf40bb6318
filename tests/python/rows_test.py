# SPDX-License-Identifier: Apache-2.0
"""Rows of Arrow tables with their entities, as the data engines call for them."""

import inspect
import pickle

import pyarrow as pa
import pytest

import waterline
import waterline.ray
import waterline.spark
from waterline.rows import ENTITIES, RowExtraction, Worker

LABELS = ["person", "city"]
TEXT = "Ada Lovelace lived in London."


def strings(values):
    """A column of strings that need not be UTF-8."""
    made = pa.array(values, pa.binary())
    return pa.Array.from_buffers(pa.string(), len(made), made.buffers(), made.null_count)


@pytest.fixture(scope="module")
def small():
    """A model whose budget leaves little for texts."""
    return waterline.GLiNER.from_pretrained(memory_budget="80MiB", threads=1)


@pytest.fixture(scope="module")
def entities(small):
    found = small.predict_entities(TEXT, LABELS)
    assert [entity["label"] for entity in found] == LABELS
    return found


def test_bad_rows_do_not_stop_the_others(small, entities):
    column = strings([TEXT.encode(), b"\xff\xfe", None, b"word " * 3_000_000, TEXT.encode(), b""])
    rows = pa.table({"id": range(6), "text": column})
    made = RowExtraction(LABELS).run(small, rows)
    assert made.schema.names == ["id", "text", "entities", "error"]
    assert made.schema.field("entities").type == ENTITIES
    assert made["id"] == rows["id"] and made["text"].equals(rows["text"])
    assert made["entities"].to_pylist() == [entities, None, None, None, entities, []]
    why = made["error"].to_pylist()
    assert why[1] == "the text is not valid UTF-8 at byte 0 (0xff)"
    assert why[3].startswith("this text of 15000000 bytes needs")
    assert [reason for i, reason in enumerate(why) if i not in (1, 3)] == [None] * 4


def test_a_batch_stays_a_batch(small, entities):
    batch = pa.record_batch({"text": [None, TEXT, TEXT]}).slice(1)
    made = RowExtraction(LABELS, entities_column="found", error_column="why").run(small, batch)
    assert isinstance(made, pa.RecordBatch)
    made.validate(full=True)
    assert made.to_pydict() == {
        "text": [TEXT, TEXT],
        "found": [entities, entities],
        "why": [None, None],
    }


def test_a_table_of_chunks_and_an_empty_one(small, entities):
    column = pa.chunked_array([[TEXT], [None, TEXT], []], type=pa.large_string())
    made = RowExtraction(LABELS).run(small, pa.table({"text": column}))
    assert made["entities"].to_pylist() == [entities, None, entities]
    empty = RowExtraction(LABELS).run(small, pa.table({"text": pa.array([], pa.string())}))
    assert empty.num_rows == 0 and empty.schema == made.schema.set(0, pa.field("text", pa.string()))


def test_options_reach_the_engine(small):
    rows = pa.table({"body": [TEXT]})
    run = RowExtraction(LABELS, text_column="body", threshold=0.9999).run(small, rows)
    assert run["entities"].to_pylist() == [[]]
    with pytest.raises(TypeError, match="tresholds"):
        RowExtraction(LABELS, tresholds=1).run(small, pa.table({"text": [TEXT]}))


class Late:
    """A model that refuses a text for want of time once, and answers it when asked again."""

    def __init__(self, model):
        self.model = model

    def extract_table(self, texts, column, labels, nulls_for_refused=False):
        if nulls_for_refused:
            texts = pa.nulls(1, pa.string()).take([0] * len(texts))
        return self.model.extract_table(texts, column, labels)


def test_a_second_answer_counts(small, entities):
    made = RowExtraction(LABELS).run(Late(small), pa.table({"text": [TEXT, None, TEXT]}))
    assert made["entities"].to_pylist() == [entities, None, entities]
    assert made["error"].to_pylist() == [None] * 3


def test_what_cannot_be_used(small):
    rows = pa.table({"text": [TEXT], "error": [1]})
    with pytest.raises(KeyError, match='no column "body"'):
        RowExtraction(LABELS, text_column="body").run(small, rows)
    with pytest.raises(ValueError, match='there is a column "error" already'):
        RowExtraction(LABELS).run(small, rows)
    with pytest.raises(ValueError, match="different names"):
        RowExtraction(LABELS, entities_column="text")
    with pytest.raises(TypeError, match="lease cannot be given"):
        RowExtraction(LABELS, lease=None)
    with pytest.raises(TypeError, match="Arrow type"):
        RowExtraction(LABELS, text_column="error", error_column="why").run(small, rows)
    with pytest.raises(ValueError, match="no labels"):
        RowExtraction([]).run(small, pa.table({"text": [TEXT]}))


def test_it_goes_to_other_processes_without_a_model(small, entities):
    sent = pickle.dumps(RowExtraction(LABELS, threshold=0.5))
    assert len(sent) < 1000
    made = pickle.loads(sent).run(small, pa.table({"text": [TEXT]}))
    assert made["entities"].to_pylist() == [entities]


def test_a_worker_goes_to_other_processes_without_a_model(entities):
    worker = Worker(LABELS, memory_budget="96MiB", load_options={"dtype": "f32"}, threshold=0.5)
    sent = pickle.loads(pickle.dumps(worker))
    assert sent.memory_budget == 96 << 20
    model = sent.load()
    assert model.stats()["memory_budget"] == 96 << 20
    rows = sent.rows.run(model, pa.table({"text": [TEXT]}))
    assert rows["entities"].to_pylist() == [entities]


def test_a_worker_that_cannot_be_is_refused_before_it_is_sent():
    with pytest.raises(ValueError, match="furlong"):
        Worker(LABELS, memory_budget="1 furlong")
    with pytest.raises(ValueError, match="different names"):
        Worker(LABELS, memory_budget="96MiB", error_column="text")
    with pytest.raises(TypeError, match="lease cannot be given"):
        Worker(LABELS, memory_budget="96MiB", lease=None)
    with pytest.raises(TypeError, match="memory_budget"):
        Worker(LABELS)


@pytest.mark.parametrize("engine", [waterline.ray, waterline.spark])
def test_data_engines_take_the_parameters_of_a_worker(engine):
    worker = inspect.signature(Worker).parameters
    assert inspect.signature(engine.Extractor).parameters == worker
    extract = inspect.signature(engine.extract).parameters
    assert {name: extract.get(name) for name in worker} == dict(worker)
    for name in worker:
        assert name in engine.extract.__doc__ and name in Worker.__init__.__doc__
    # In the same order, with those of the engine between.
    assert [name for name in extract if name in worker] == list(worker)


@pytest.mark.parametrize("engine", [waterline.ray, waterline.spark])
def test_a_process_needs_more_than_its_budget(engine):
    assert engine.memory_of("1GiB") == (1 << 30) + engine.PROCESS_MEMORY


def test_an_actor_of_ray_loads_its_model_at_once(entities):
    actor = waterline.ray.Extractor(LABELS, memory_budget="96MiB")
    assert actor(pa.table({"text": [TEXT]}))["entities"].to_pylist() == [entities]
    with pytest.raises(waterline.errors.OverBudget):
        waterline.ray.Extractor(LABELS, memory_budget="1MiB")


def test_a_worker_of_spark_loads_its_model_once(entities):
    extractor = waterline.spark.Extractor(LABELS, memory_budget="1MiB")  # Loads nothing.
    with pytest.raises(waterline.errors.OverBudget):
        list(extractor([]))
    batches = [pa.record_batch({"text": [TEXT]})] * 2
    sent = pickle.dumps(waterline.spark.Extractor(LABELS, memory_budget="96MiB"))
    extractor = pickle.loads(sent)
    for made in extractor(batches):
        assert made.column("entities").to_pylist() == [entities]
    same = waterline.spark.Extractor(["river"], memory_budget=96 << 20)
    assert same._model() is extractor._model()
    waterline.spark._loaded.clear()
