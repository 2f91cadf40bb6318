# SPDX-License-Identifier: Apache-2.0
"""Columns of Arrow tables in and out, through the PyCapsule interface."""

import subprocess
import sys

import duckdb
import pandas
import polars
import pyarrow as pa
import pytest

LABELS = ["person", "city"]
TEXTS = [
    "Ada Lovelace lived in London.",
    None,
    "",
    "Zoë Müller flew from Zürich to São Paulo — twice 🎉 with Paul Smith.",
    "Nothing.",
    "Marie Curie moved from Warsaw to Paris.",
]
ENTITY = pa.list_(
    pa.struct(
        [
            ("start", pa.int64()),
            ("end", pa.int64()),
            ("label", pa.string()),
            ("score", pa.float32()),
            ("text", pa.string()),
        ]
    )
)


@pytest.fixture(scope="module")
def expected(model):
    found = model.inference(TEXTS, LABELS)
    assert sum(map(len, found)) >= 5
    return [None if text is None else answer for text, answer in zip(TEXTS, found)]


def column(made):
    chunked = pa.chunked_array(made)
    chunked.validate(full=True)
    assert chunked.type == ENTITY
    return chunked.to_pylist()


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())],
)
def test_every_layout_of_strings(model, expected, kind):
    array = pa.array(TEXTS).cast(kind)
    table = pa.table({"id": range(len(TEXTS)), "text": array})
    assert column(model.extract_table(table, "text", LABELS)) == expected


def test_offsets_of_slices_and_chunks(model, expected):
    table = pa.table({"text": pa.chunked_array([TEXTS[:2], TEXTS[2:], []], type=pa.string())})
    made = model.extract_table(table, "text", LABELS)
    assert len(made) == len(TEXTS)
    assert column(made) == expected
    assert column(model.extract_table(table.slice(1, 3), "text", LABELS)) == expected[1:4]
    batch = pa.record_batch({"text": TEXTS}).slice(3)
    assert column(model.extract_table(batch, "text", LABELS)) == expected[3:]
    array = pa.array(TEXTS).slice(2)
    assert column(model.extract_table(array, None, LABELS)) == expected[2:]


def test_a_column_can_be_taken_more_than_once(model, expected):
    made = model.extract_table(pa.table({"text": TEXTS}), "text", LABELS)
    assert column(made) == column(made) == expected
    del made


def test_polars(model, expected):
    frame = polars.DataFrame({"text": TEXTS})
    made = model.extract_table(frame, "text", LABELS)
    series = polars.Series("entities", made)
    assert frame.with_columns(series)["entities"].to_list() == expected
    assert column(model.extract_table(frame["text"], None, LABELS)) == expected
    categories = frame.with_columns(polars.col("text").cast(polars.Categorical))
    assert column(model.extract_table(categories, "text", LABELS)) == expected


def test_pandas(model, expected):
    frame = pandas.DataFrame({"text": pandas.Series(TEXTS, dtype="string")})
    made = model.extract_table(frame, "text", LABELS)
    frame["entities"] = pandas.Series(pa.chunked_array(made), dtype=pandas.ArrowDtype(ENTITY))
    assert pa.Array.from_pandas(frame["entities"]).to_pylist() == expected


def test_duckdb(model, expected):
    with duckdb.connect() as connection:
        table = pa.table({"id": range(len(TEXTS)), "text": TEXTS})
        relation = connection.from_arrow(table).order("id").project("text")
        assert column(model.extract_table(relation, "text", LABELS)) == expected
        found = pa.table({"entities": pa.chunked_array(model.extract_table(table, "text", LABELS))})
        names = connection.from_arrow(found).query(
            "found", "select e.text from (select unnest(entities) as e from found) order by e.text"
        )
        assert [name for (name,) in names.fetchall()] == sorted(
            entity["text"] for own in expected if own for entity in own
        )


def test_a_reader_is_read_batch_by_batch(model, expected):
    read = []

    def batches():
        for text in TEXTS:
            read.append(text)
            yield pa.record_batch({"text": pa.array([text], pa.string())})

    reader = pa.RecordBatchReader.from_batches(pa.schema({"text": pa.string()}), batches())
    assert column(model.extract_table(reader, "text", LABELS)) == expected
    assert read == TEXTS


def test_a_reader_that_fails(model):
    def batches():
        yield pa.record_batch({"text": ["Ada"]})
        raise ValueError("the disk is gone")

    reader = pa.RecordBatchReader.from_batches(pa.schema({"text": pa.string()}), batches())
    with pytest.raises(OSError, match="the disk is gone"):
        model.extract_table(reader, "text", LABELS)


@pytest.mark.parametrize("unit, encoding", [("bytes", "utf-8"), ("utf16", "utf-16-le")])
def test_units_of_offsets(model, unit, encoding):
    width = 2 if unit == "utf16" else 1
    made = column(model.extract_table(pa.table({"text": TEXTS}), "text", LABELS, offsets=unit))
    for text, own in zip(TEXTS, made):
        for entity in own or []:
            data = text.encode(encoding)[entity["start"] * width : entity["end"] * width]
            assert data.decode(encoding) == entity["text"]


def test_an_empty_table(model):
    empty = pa.table({"text": pa.array([], pa.string())})
    assert column(model.extract_table(empty, "text", LABELS)) == []
    nulls = pa.table({"text": pa.nulls(3)})
    assert column(model.extract_table(nulls, "text", LABELS)) == [None] * 3


def test_what_cannot_be_used(model):
    table = pa.table({"text": TEXTS, "id": range(len(TEXTS))})
    with pytest.raises(KeyError, match=r'no column "body"; there are \[text, id\]'):
        model.extract_table(table, "body", LABELS)
    with pytest.raises(TypeError, match='column "id" is of the Arrow type "l"'):
        model.extract_table(table, "id", LABELS)
    with pytest.raises(TypeError, match="__arrow_c_stream__"):
        model.extract_table({"text": TEXTS}, "text", LABELS)
    with pytest.raises(TypeError, match="name the column"):
        model.extract_table(table, None, LABELS)
    with pytest.raises(TypeError, match="same settings for all"):
        model.extract_table(table, "text", LABELS, threshold=[0.5] * len(TEXTS))
    with pytest.raises(ValueError, match="no labels"):
        model.extract_table(table, "text", [])
    with pytest.raises(ValueError, match="offsets"):
        model.extract_table(table, "text", LABELS, offsets="words")


def test_a_text_that_is_refused(model):
    array = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.py_buffer(b"\0\0\0\0\3\0\0\0\4\0\0\0"), pa.py_buffer(b"Ada\xff")]
    )
    table = pa.table({"text": pa.chunked_array([["Paul"], array])})
    with pytest.raises(ValueError, match=r"texts\[2\].*UTF-8") as raised:
        model.extract_table(table, "text", LABELS)
    assert raised.value.text == 2
    made = column(model.extract_table(table, "text", LABELS, nulls_for_refused=True))
    assert made[2] is None and made[0] is not None


def test_no_package_is_imported():
    program = (
        "import sys, waterline, waterline.gliner;"
        "print(sorted({'numpy', 'pyarrow', 'pandas', 'polars', 'tqdm'} & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout == "[]\n"
