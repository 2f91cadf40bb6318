# SPDX-License-Identifier: Apache-2.0
"""The examples of docs/pipelines.md run, and write what one process finds."""

import os
import pathlib
import re
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

pytestmark = [pytest.mark.engines, pytest.mark.filterwarnings("default")]

DOCUMENT = pathlib.Path(__file__).parents[3] / "docs" / "pipelines.md"
LABELS = ["person", "city"]
TEXTS = [
    "Ada Lovelace lived in London.",
    None,
    "Marie Curie moved from Warsaw to Paris.",
    "",
    "Zoë Müller flew from Zürich to São Paulo with Paul Smith.",
]
COUNT = 2500  # Two batches.

# What the examples leave to a cluster: the size of a small machine, and no file in the home.
RAY = """
import ray
ray.init(num_cpus=3, include_dashboard=False, object_store_memory=100 << 20, _memory=4 << 30)
"""
SPARK = """
from pyspark.sql import SparkSession
SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
"""


def examples():
    """{heading or first import: program} of the document."""
    programs = re.findall(r"^```python\n(.*?)^```", DOCUMENT.read_text(), re.M | re.S)
    return {re.match(r"import ([\w.]+)", program).group(1): program for program in programs}


@pytest.mark.parametrize(
    "name, prelude",
    [
        ("duckdb", ""),
        ("polars", ""),
        ("datasets", ""),
        ("ray", RAY),
        ("waterline.spark", SPARK),
    ],
)
def test_example(name, prelude, model, tmp_path):
    rows = {"id": range(COUNT), "text": [TEXTS[i % len(TEXTS)] for i in range(COUNT)]}
    parquet.write_table(pa.table(rows), tmp_path / "texts.parquet")
    program = examples()[name]
    assert '"person", "city"' in program
    done = subprocess.run(
        [sys.executable, "-c", prelude + program],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={
            **os.environ,
            "HF_HOME": str(tmp_path / "cache"),
            "PYSPARK_PYTHON": sys.executable,
            "RAY_AUTH_MODE": "disabled",
            "SPARK_LOCAL_IP": "127.0.0.1",
        },
    )
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-4000:]
    found = parquet.read_table(tmp_path / "entities.parquet").sort_by("id")
    assert found["id"].to_pylist() == list(range(COUNT))
    assert found["text"].to_pylist() == rows["text"]
    answers = model.inference(TEXTS, LABELS)
    assert sum(map(len, answers)) >= 5
    expected = [None if text is None else own for text, own in zip(TEXTS, answers)]
    assert found["entities"].to_pylist() == [expected[i % len(TEXTS)] for i in range(COUNT)]


def test_every_example_is_tested():
    assert list(examples()) == ["duckdb", "polars", "datasets", "ray", "waterline.spark"]
