# SPDX-License-Identifier: Apache-2.0
"""waterline.spark in a Spark of two local workers."""

import os
import pathlib
import signal
import sys

import pyarrow as pa
import pytest
from pyspark import cloudpickle
from pyspark.sql import SparkSession

import waterline.spark
from waterline.spark import Extractor, extract

pytestmark = [pytest.mark.engines, pytest.mark.filterwarnings("default")]

LABELS = ["person", "city"]
BUDGET = "96MiB"
TEXTS = [
    "Ada Lovelace lived in London.",
    "Marie Curie moved from Warsaw to Paris.",
    "Nothing.",
    "Zoë Müller flew from Zürich to São Paulo with Paul Smith.",
]


@pytest.fixture(scope="session")
def spark():
    os.environ.update(PYSPARK_PYTHON=sys.executable, SPARK_LOCAL_IP="127.0.0.1")
    session = (
        # Two workers, and three tries of a task: local mode reads them here alone.
        SparkSession.builder.master("local[2, 3]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", "8")
        .config("spark.ui.showConsoleProgress", "false")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("OFF")
    # Workers cannot import this file.
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield session
    session.stop()


@pytest.fixture(scope="module")
def expected(model):
    found = model.inference(TEXTS, LABELS)
    assert sum(map(len, found)) >= 5
    return found


def frame(spark, rows, partitions=4):
    """Rows of TEXTS, over and over."""
    table = [(i, TEXTS[i % len(TEXTS)]) for i in range(rows)]
    return spark.createDataFrame(
        spark.sparkContext.parallelize(table, partitions), "id long, text string"
    )


def check(rows, expected, count):
    """Each row is there once, with the answer that its text has in a process alone."""
    rows = sorted((row.asDict(recursive=True) for row in rows), key=lambda row: row["id"])
    assert [row["id"] for row in rows] == list(range(count))
    for row in rows:
        assert row["text"] == TEXTS[row["id"] % len(TEXTS)]
        assert row["entities"] == expected[row["id"] % len(TEXTS)]
        assert row["error"] is None


def test_workers_answer_as_one_process(spark, expected, monkeypatch, tmp_path):
    log = str(tmp_path)

    class Logging(Extractor):
        """Writes which batches it had, in which process, with which model."""

        def __call__(self, batches):
            for batch in batches:
                (answered,) = super().__call__([batch])
                line = f"{id(self._model())} {len(batch)}\n"
                with open(f"{log}/{os.getpid()}", "a") as file:
                    file.write(line)
                yield answered

    monkeypatch.setattr(waterline.spark, "Extractor", Logging)
    found = extract(frame(spark, 64), LABELS, memory_budget=BUDGET)
    check(found.collect(), expected, 64)
    lines = {}
    for name in os.listdir(log):
        lines[int(name)] = (pathlib.Path(log) / name).read_text().split()
    assert os.getpid() not in lines and 1 <= len(lines) <= 2
    for own in lines.values():
        assert len(set(own[::2])) == 1, "a worker has one model"
    sizes = [int(size) for own in lines.values() for size in own[1::2]]
    assert sum(sizes) == 64 and max(sizes) == 8


def test_a_worker_process_keeps_its_model_between_tasks(spark):
    extractor = Extractor(LABELS, memory_budget=BUDGET)

    def models(batches):
        rows = sum(len(batch) for batch in batches)
        yield pa.record_batch(
            {"pid": [os.getpid()], "model": [id(extractor._model())], "rows": [rows]}
        )

    seen = {}
    for _ in range(2):
        ran = frame(spark, 64, 8).mapInArrow(models, "pid long, model long, rows long").collect()
        assert sum(row.rows for row in ran) == 64
        for row in ran:
            seen.setdefault(row.pid, set()).add(row.model)
    assert all(len(models) == 1 for models in seen.values())


def test_bad_rows(spark, expected):
    # The length depends on the row: a constant text would be printed with the plan of the query.
    rows = frame(spark, 4, 1).selectExpr(
        "id",
        "case id when 1 then cast(X'ff' as string) when 2 then null "
        "when 3 then repeat('word ', cast(2000000 * id as int)) else text end as body",
    )
    found = extract(
        rows,
        LABELS,
        memory_budget="80MiB",
        text_column="body",
        entities_column="found",
        error_column="why",
    )
    rows = found.select("id", "found", "why").orderBy("id").collect()
    assert [row.asDict(True)["found"] for row in rows] == [expected[0], None, None, None]
    assert rows[1].why == "the text is not valid UTF-8 at byte 0 (0xff)"
    assert "needs" in rows[3].why and rows[0].why is None and rows[2].why is None


def test_a_killed_worker_loses_and_doubles_nothing(spark, expected, monkeypatch, tmp_path):
    died = str(tmp_path / "died")

    class Dying(Extractor):
        def __call__(self, batches):
            for answered in super().__call__(batches):
                if 42 in answered["id"].to_pylist() and not os.path.exists(died):
                    pathlib.Path(died).touch()
                    os.kill(os.getpid(), signal.SIGKILL)
                yield answered

    monkeypatch.setattr(waterline.spark, "Extractor", Dying)
    found = extract(frame(spark, 64), LABELS, memory_budget=BUDGET).collect()
    assert os.path.exists(died)
    check(found, expected, 64)


def test_entities_are_columns_of_spark(spark, expected):
    found = extract(frame(spark, 8), LABELS, memory_budget=BUDGET, threshold=0.6)
    names = found.selectExpr("explode(entities) as e").where("e.label = 'person'").select("e.text")
    assert sorted(row.text for row in names.collect()) == sorted(
        entity["text"]
        for own in expected * 2
        for entity in own
        if entity["label"] == "person" and entity["score"] > 0.6
    )


def test_a_reader_that_stops_holds_the_extractor_back(expected):
    """Spark reads a partition's answers one by one, and asks for the next when there is room."""
    read = []

    def batches():
        for i in range(100):
            read.append(i)
            yield pa.record_batch({"text": [TEXTS[0]]})

    answers = Extractor(LABELS, memory_budget=BUDGET)(batches())
    assert read == []
    assert next(answers)["entities"].to_pylist() == [expected[0]]
    assert read == [0]
    next(answers)
    assert read == [0, 1]


def test_what_stops_a_run(spark):
    rows = frame(spark, 4)
    with pytest.raises(KeyError, match='no column "body"'):
        extract(rows, LABELS, memory_budget=BUDGET, text_column="body")
    with pytest.raises(ValueError, match='there is a column "id" already'):
        extract(rows, LABELS, memory_budget=BUDGET, error_column="id")
    with pytest.raises(ValueError, match="1 furlong"):
        extract(rows, LABELS, memory_budget="1 furlong")
    with pytest.raises(Exception, match="/nowhere/model"):
        extract(rows, LABELS, memory_budget=BUDGET, model="/nowhere/model").collect()
    with pytest.raises(Exception, match="the smallest that would do"):
        extract(rows, LABELS, memory_budget="1MiB").collect()
