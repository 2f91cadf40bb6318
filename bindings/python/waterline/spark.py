# SPDX-License-Identifier: Apache-2.0
"""Entities of Spark data frames, on any number of executors.

    import waterline.spark

    texts = spark.read.parquet("s3://bucket/texts")
    found = waterline.spark.extract(texts, ["person", "city"], memory_budget="1GiB")
    found.write.parquet("s3://bucket/entities")

Needs the packages pyspark (3.3 or newer) and pyarrow on every machine. docs/pipelines.md says how
to lay it out.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from waterline.rows import PROCESS_MEMORY, Worker, memory_of

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore

__all__ = ["PROCESS_MEMORY", "Extractor", "extract", "memory_of"]

# The model of this worker process, by what it was loaded with; one at most.
_loaded: dict[str, Any] = {}


class Extractor(Worker):
    """A function for DataFrame.mapInArrow: one engine in each Python worker.

        texts.mapInArrow(extractor, extractor.schema(texts.schema))

    extract() writes this. It is sent to the workers without a model; the first task of a worker
    loads it, later ones find it there while Spark reuses workers (spark.python.worker.reuse). One
    batch of rows is read, answered and handed on before the next is read.
    """

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The batches of a partition, each with the two columns that extract() adds."""
        model = self._model()
        for batch in batches:
            yield self.rows.run(model, batch)

    def schema(self, schema):
        """Of the rows that are answered, as pyspark.sql.types.StructType, for rows of `schema`.

        Raises KeyError, ValueError as RowExtraction.check.
        """
        from pyspark.sql import types  # type: ignore

        self.rows.check(schema.names)
        entity = types.StructType(
            [
                types.StructField("start", types.LongType()),
                types.StructField("end", types.LongType()),
                types.StructField("label", types.StringType()),
                types.StructField("score", types.FloatType()),
                types.StructField("text", types.StringType()),
            ]
        )
        added = [
            types.StructField(self.rows.entities_column, types.ArrayType(entity)),
            types.StructField(self.rows.error_column, types.StringType()),
        ]
        return types.StructType(list(schema.fields) + added)

    def _model(self):
        key = repr((self.model, self.memory_budget, self.threads, sorted(self.load_options.items())))
        if key not in _loaded:
            _loaded.clear()  # Before the next is loaded: a worker has one budget.
            _loaded[key] = self.load()
        return _loaded[key]


def extract(
    frame,
    labels: object,
    *,
    memory_budget: int | str,
    model: str | os.PathLike | None = None,
    threads: int = 1,
    text_column: str = "text",
    entities_column: str = "entities",
    error_column: str = "error",
    load_options: Mapping[str, Any] | None = None,
    spark_options: Mapping[str, Any] | None = None,
    **extract_options,
):
    """A pyspark.sql.DataFrame with the rows of `frame` and two more columns. Lazy, as all of Spark.

    The columns are the entities of the text, an array of {start, end, label, score, text}, and why
    it was refused, a string that is null for all others. A text that is null has null in both.

    Spark runs as many Python workers on an executor as it has cores for (spark.executor.cores /
    spark.task.cpus), and each holds one engine of `threads` threads: set spark.task.cpus to
    `threads`, and spark.executor.memoryOverhead to memory_of(memory_budget) for each worker. Rows
    come in batches of spark.sql.execution.arrow.maxRecordsPerBatch. A task whose worker dies is
    tried again by Spark (spark.task.maxFailures).

    Args:
        frame: With a column of strings; its other columns are kept.
        labels: As in GLiNER.extract_table; as are extract_options, such as threshold=0.3.
        memory_budget: Bytes that the engine of a worker may hold, as int or as "1GiB".
        model: A directory that every machine has, or a hub id that is in its cache; None: the small
            model of the package.
        threads: Threads of an engine.
        text_column, entities_column, error_column: Names of columns.
        load_options: Of GLiNER.from_pretrained, such as {"dtype": "auto"}.
        spark_options: Of DataFrame.mapInArrow, such as {"profile": ...} with a ResourceProfile.

    Raises KeyError, ValueError for the columns at once; what GLiNER.from_pretrained and
    GLiNER.extract_table raise for the model and the labels when the frame is run, wrapped by Spark.
    """
    extractor = Extractor(
        labels,
        memory_budget=memory_budget,
        model=model,
        threads=threads,
        text_column=text_column,
        entities_column=entities_column,
        error_column=error_column,
        load_options=load_options,
        **extract_options,
    )
    return frame.mapInArrow(extractor, extractor.schema(frame.schema), **(spark_options or {}))
