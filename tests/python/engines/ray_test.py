# SPDX-License-Identifier: Apache-2.0
"""waterline.ray in a Ray of two worker processes."""

import os
import pathlib
import signal
import sys
import time

import pyarrow as pa
import pytest
import ray
import ray.data

import waterline.ray
from waterline.ray import Extractor, extract, memory_of

pytestmark = [pytest.mark.engines, pytest.mark.filterwarnings("default")]

LABELS = ["person", "city"]
BUDGET = "96MiB"
TEXTS = [
    "Ada Lovelace lived in London.",
    "Marie Curie moved from Warsaw to Paris.",
    "Nothing.",
    "Zoë Müller flew from Zürich to São Paulo with Paul Smith.",
]
# The machine may be busy with other work: seconds in which anything must have happened.
LONG = 300


@pytest.fixture(scope="session")
def cluster():
    os.environ["RAY_AUTH_MODE"] = "disabled"  # Which would write a token to the home directory.
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=200 << 20,
        log_to_driver=False,
        _memory=2 << 30,
    )
    ray.data.DataContext.get_current().enable_progress_bars = False
    # Workers cannot import this file.
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def expected(model):
    found = model.inference(TEXTS, LABELS)
    assert sum(map(len, found)) >= 5
    return found


def dataset(rows, blocks):
    """Rows of TEXTS, over and over, in blocks of equal size."""
    table = pa.table({"id": range(rows), "text": [TEXTS[i % len(TEXTS)] for i in range(rows)]})
    size = rows // blocks
    return ray.data.from_arrow([table.slice(i * size, size) for i in range(blocks)])


def check(rows, expected, count):
    """Each row is there once, with the answer that its text has in a process alone."""
    rows = sorted(rows, key=lambda row: row["id"])
    assert [row["id"] for row in rows] == list(range(count))
    for row in rows:
        assert row["text"] == TEXTS[row["id"] % len(TEXTS)]
        assert row["entities"] == expected[row["id"] % len(TEXTS)]
        assert row["error"] is None


def wait_for(ready):
    end = time.monotonic() + LONG
    while not ready():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.05)


def use(monkeypatch, make_extractor):
    """Lets extract() use another class, which is sent to the workers by value."""
    monkeypatch.setattr(waterline.ray, "Extractor", make_extractor)


def test_two_actors_answer_as_one_process(cluster, expected, monkeypatch, tmp_path):
    seen = str(tmp_path)

    class Meeting(Extractor):
        """Answers once both actors are there, so that one cannot do all."""

        def __call__(self, rows):
            (pathlib.Path(seen) / str(os.getpid())).touch()
            wait_for(lambda: len(os.listdir(seen)) == 2)
            assigned = ray.get_runtime_context().get_assigned_resources()
            answered = super().__call__(rows)
            return answered.append_column(
                "memory", pa.array([int(assigned["memory"])] * len(answered))
            ).append_column("pid", pa.array([os.getpid()] * len(answered)))

    use(monkeypatch, Meeting)
    found = extract(
        dataset(64, 8), LABELS, memory_budget=BUDGET, actors=2, batch_size=8
    ).take_all()
    check(found, expected, 64)
    assert os.getpid() not in {row["pid"] for row in found}
    assert {row["memory"] for row in found} == {memory_of(BUDGET)}
    assert len(os.listdir(seen)) == 2


def test_bad_rows(cluster, expected):
    texts = pa.array([TEXTS[0].encode(), b"\xff", None, b"word " * 6_000_000, TEXTS[1].encode()])
    texts = pa.Array.from_buffers(pa.string(), 5, texts.buffers(), texts.null_count)
    table = pa.table({"id": range(5), "body": texts})
    found = extract(
        ray.data.from_arrow(table),
        LABELS,
        memory_budget="80MiB",
        text_column="body",
        entities_column="found",
        error_column="why",
    )
    # The text that is not UTF-8 cannot be made a str.
    rows = sorted(found.select_columns(["id", "found", "why"]).take_all(), key=lambda r: r["id"])
    assert [row["found"] for row in rows] == [expected[0], None, None, None, expected[1]]
    why = [row["why"] for row in rows]
    assert why[1] == "the text is not valid UTF-8 at byte 0 (0xff)"
    assert "needs" in why[3] and why[0] is why[2] is why[4] is None


def test_a_killed_worker_loses_and_doubles_nothing(cluster, expected, monkeypatch, tmp_path):
    died = str(tmp_path / "died")

    class Dying(Extractor):
        def __call__(self, rows):
            if 42 in rows["id"].to_pylist() and not os.path.exists(died):
                pathlib.Path(died).touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return super().__call__(rows)

    use(monkeypatch, Dying)
    found = extract(
        dataset(64, 8), LABELS, memory_budget=BUDGET, actors=2, batch_size=8
    ).take_all()
    assert os.path.exists(died)
    check(found, expected, 64)


def test_a_slow_reader_holds_the_actors_back(cluster, expected, monkeypatch, tmp_path):
    count, log = 100, str(tmp_path / "log")

    class Logging(Extractor):
        def __call__(self, rows):
            answered = super().__call__(rows)
            with open(log, "a") as file:
                file.write(f"{len(rows)}\n")
            return answered

    def answered():
        return os.path.getsize(log) // 2

    def with_payload(rows):
        texts = [TEXTS[i % len(TEXTS)] for i in rows["id"].to_pylist()]
        return rows.append_column("text", pa.array(texts)).append_column(
            "payload", pa.array([os.urandom(4 << 20)] * len(rows))
        )

    use(monkeypatch, Logging)
    rows = ray.data.range(count, override_num_blocks=count).map_batches(
        with_payload, batch_format="pyarrow", num_cpus=0.5
    )
    answers = extract(rows, LABELS, memory_budget=BUDGET, batch_size=1)
    batches = iter(
        answers.iter_batches(batch_size=1, batch_format="pyarrow", prefetch_batches=1)
    )
    found = next(batches).drop(["payload"]).to_pylist()
    # Until nothing has been answered for some seconds: what Ray Data holds ahead of its reader is
    # bounded by its object store, which has room for half of the rows.
    before = -1
    while answered() != before:
        before = answered()
        time.sleep(5)
    assert 1 <= before < count // 2
    for batch in batches:  # Copied: a batch that is kept keeps its part of the store.
        found += batch.drop(["payload"]).to_pylist()
    check(found, expected, count)
    assert answered() == count


@pytest.mark.parametrize(
    "options, message",
    [
        ({"text_column": "body"}, 'no column "body"'),
        ({"model": "/nowhere/model"}, "/nowhere/model"),
        ({"memory_budget": "1MiB"}, "the smallest that would do"),
    ],
)
def test_what_stops_a_run(cluster, options, message):
    found = extract(dataset(4, 1), LABELS, **{"memory_budget": BUDGET, **options})
    with pytest.raises(ray.exceptions.RayError, match=message):
        found.take_all()
