# SPDX-License-Identifier: Apache-2.0
"""Rows of Arrow tables with the entities of their texts: what waterline.ray and waterline.spark do
on each worker."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import pyarrow as pa  # type: ignore

from waterline import MemoryBudget, errors
from waterline.gliner import GLiNER

# What a worker process takes beside the budget: Python, a data engine, Arrow and the batch in hand.
PROCESS_MEMORY = 256 << 20

# Of the column that is added: as GLiNER.extract_table returns it.
ENTITIES = pa.list_(
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


class RowExtraction:
    """What to look for in which column, and where to put it. Holds no model; can be pickled."""

    def __init__(
        self,
        labels: object,
        *,
        text_column: str = "text",
        entities_column: str = "entities",
        error_column: str = "error",
        **extract_options,
    ):
        """
        Args:
            labels: As in GLiNER.extract_table; as are extract_options.
            text_column: What is read.
            entities_column, error_column: What is added: ENTITIES, and a string.

        Raises ValueError where two of the columns have one name, TypeError for options that
        extract_table lacks here.
        """
        names = [text_column, entities_column, error_column]
        if len(set(names)) != len(names):
            raise ValueError(f"columns must have different names, got {names}")
        for own in ("nulls_for_refused", "lease", "labels_embeds"):
            if own in extract_options:
                raise TypeError(f"{own} cannot be given here")
        self.labels = labels
        self.text_column = text_column
        self.entities_column = entities_column
        self.error_column = error_column
        self.extract_options = extract_options

    def check(self, columns) -> None:
        """Raises KeyError without the column that is read, ValueError with one that is added."""
        if self.text_column not in columns:
            raise KeyError(f'no column "{self.text_column}"; there are {list(columns)}')
        for added in (self.entities_column, self.error_column):
            if added in columns:
                raise ValueError(f'there is a column "{added}" already; choose another name')

    def run(self, model: GLiNER, rows: pa.Table | pa.RecordBatch) -> pa.Table | pa.RecordBatch:
        """`rows` with two more columns, in the same order.

        A null text has null in both. A text that the engine refuses (it is not UTF-8, or needs more
        memory than the budget leaves) has null and the reason; the others have entities, perhaps
        none, and a null reason. Raises errors.Error where the call as a whole is refused, as for a
        label that cannot be used, TypeError for a column that holds no strings.
        """
        self.check(rows.schema.names)
        texts = rows.column(self.text_column)
        entities = self._extract(model, texts, nulls_for_refused=True)
        reasons: list[str | None] = [None] * len(texts)
        if entities.null_count > texts.null_count:
            entities = self._ask_again(model, texts, entities, reasons)
        added = {
            self.entities_column: entities,
            self.error_column: pa.array(reasons, pa.string()),
        }
        if isinstance(rows, pa.RecordBatch):
            arrays = [*rows.columns, *added.values()]
            return pa.RecordBatch.from_arrays(arrays, names=[*rows.schema.names, *added])
        for name, column in added.items():
            rows = rows.append_column(name, column)
        return rows

    def _extract(self, model, texts, **options) -> pa.Array:
        column = model.extract_table(
            texts, None, self.labels, **self.extract_options, **options
        )
        made = pa.chunked_array(column).combine_chunks()
        return pa.concat_arrays(made.chunks) if isinstance(made, pa.ChunkedArray) else made

    def _ask_again(self, model, texts, entities, reasons):
        """Fills `reasons` of the texts that were refused, each asked for alone.

        A refusal costs no pass. Where it was for want of time, the second answer may be entities.
        """
        answers, places = [entities], list(range(len(texts)))
        for row in range(len(texts)):
            if entities[row].is_valid or not texts[row].is_valid:
                continue
            try:
                answers.append(self._extract(model, texts.slice(row, 1)))
                places[row] = sum(map(len, answers)) - 1
            except errors.Error as error:
                if error.text is None:
                    raise
                reasons[row] = str(error).split(": ", 1)[1]  # Without its index.
        return pa.concat_arrays(answers).take(pa.array(places)) if len(answers) > 1 else entities


class Worker:
    """A RowExtraction and what its model is loaded from, as waterline.ray and waterline.spark send
    them to worker processes. Holds no model; can be pickled."""

    def __init__(
        self,
        labels: object,
        *,
        memory_budget: int | str,
        model: str | os.PathLike | None = None,
        threads: int = 1,
        text_column: str = "text",
        entities_column: str = "entities",
        error_column: str = "error",
        load_options: Mapping[str, Any] | None = None,
        **extract_options,
    ):
        """
        Args:
            labels: As in GLiNER.extract_table; as are extract_options, such as threshold=0.3.
            memory_budget: Bytes that the engine of a worker may hold, as int or as "1GiB".
            model: A directory that every machine has, or a hub id that is in its cache; None: the
                small model of the package.
            threads: Threads of an engine.
            text_column, entities_column, error_column: Names of columns, as in RowExtraction.
            load_options: Of GLiNER.from_pretrained, such as {"dtype": "auto"}.

        Raises ValueError for the columns and the budget, TypeError for options that extract_table
        lacks here.
        """
        self.rows = RowExtraction(
            labels,
            text_column=text_column,
            entities_column=entities_column,
            error_column=error_column,
            **extract_options,
        )
        # Read here, so that a mistake shows before the workers start.
        self.memory_budget = MemoryBudget(memory_budget).limit
        self.model = model
        self.threads = threads
        self.load_options = dict(load_options or {})
        self._start()

    def _start(self) -> None:
        """For subclasses: called when all of this is set."""

    def load(self) -> GLiNER:
        """The model. Errors are those of GLiNER.from_pretrained."""
        return GLiNER.from_pretrained(
            self.model,
            memory_budget=self.memory_budget,
            threads=self.threads,
            **self.load_options,
        )


def memory_of(memory_budget: int | str) -> int:
    """Bytes that a worker process with this budget needs: the budget and PROCESS_MEMORY."""
    return MemoryBudget(memory_budget).limit + PROCESS_MEMORY
