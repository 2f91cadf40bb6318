# SPDX-License-Identifier: Apache-2.0
"""Entities of datasets of Ray Data, on any number of machines.

    import ray, waterline.ray

    texts = ray.data.read_parquet("s3://bucket/texts")
    found = waterline.ray.extract(texts, ["person", "city"], memory_budget="1GiB", actors=(1, 64))
    found.write_parquet("s3://bucket/entities")

Needs the packages ray[data] and pyarrow. docs/pipelines.md says how to lay it out.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from waterline.rows import PROCESS_MEMORY, Worker, memory_of

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore

__all__ = ["PROCESS_MEMORY", "Extractor", "extract", "memory_of"]


class Extractor(Worker):
    """A callable class for Dataset.map_batches: one engine in each actor.

        texts.map_batches(
            waterline.ray.Extractor,
            fn_constructor_args=(["person", "city"],),
            fn_constructor_kwargs={"memory_budget": "1GiB", "threads": 4},
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=2),
            num_cpus=4,
            memory=waterline.ray.memory_of("1GiB"),
        )

    extract() writes this. Loads the model at once, and raises as GLiNER.from_pretrained. A call
    answers one batch, and holds the memory of one.
    """

    def _start(self) -> None:
        self._model = self.load()

    def __call__(self, rows: pa.Table) -> pa.Table:
        """`rows` with the two columns that extract() adds."""
        return self.rows.run(self._model, rows)


def extract(
    dataset,
    labels: object,
    *,
    memory_budget: int | str,
    model: str | os.PathLike | None = None,
    threads: int = 1,
    actors: int | tuple[int, int] = 1,
    batch_size: int = 1024,
    text_column: str = "text",
    entities_column: str = "entities",
    error_column: str = "error",
    load_options: Mapping[str, Any] | None = None,
    ray_options: Mapping[str, Any] | None = None,
    **extract_options,
):
    """A ray.data.Dataset with the rows of `dataset` and two more columns. Lazy, as all of Ray Data.

    The columns are the entities of the text, a list of {start, end, label, score, text}, and why
    it was refused, a string that is null for all others. A text that is null has null in both.

    Each actor holds one engine, and reserves `threads` CPUs and memory_of(memory_budget) bytes of
    Ray's resource `memory`, so that a machine gets as many actors as fit its memory. Ray Data reads
    ahead by what its object store holds, two batches an actor. Reading and writing take CPUs too:
    actors that hold all of them wait for ever. An actor that dies is started
    again, and its batch is done again; rows are neither lost nor doubled.

    Args:
        dataset: With a column of strings; its other columns are kept.
        labels: As in GLiNER.extract_table; as are extract_options, such as threshold=0.3.
        memory_budget: Bytes that the engine of an actor may hold, as int or as "1GiB".
        model: A directory that every machine has, or a hub id that is in its cache; None: the small
            model of the package.
        threads: Threads of an engine, and CPUs of its actor.
        actors: How many; or the fewest and the most, between which Ray Data chooses.
        batch_size: Rows that an actor takes at once.
        text_column, entities_column, error_column: Names of columns.
        load_options: Of GLiNER.from_pretrained, such as {"device": "cuda", "dtype": "auto"}.
        ray_options: Of Dataset.map_batches, such as {"num_gpus": 1}; they go before those above.

    Raises, when the dataset is run, what GLiNER.from_pretrained and GLiNER.extract_table raise for
    the model, the labels and the columns, wrapped by Ray.
    """
    from ray.data import ActorPoolStrategy  # type: ignore

    if isinstance(actors, int):
        compute = ActorPoolStrategy(size=actors, max_tasks_in_flight_per_actor=2)
    else:
        fewest, most = actors
        compute = ActorPoolStrategy(
            min_size=fewest, max_size=most, max_tasks_in_flight_per_actor=2
        )
    options = {
        "batch_size": batch_size,
        "batch_format": "pyarrow",
        "zero_copy_batch": True,
        "compute": compute,
        "num_cpus": threads,
        "memory": memory_of(memory_budget),
        **(ray_options or {}),
    }
    return dataset.map_batches(
        Extractor,
        fn_constructor_args=(labels,),
        fn_constructor_kwargs={
            "memory_budget": memory_budget,
            "model": model,
            "threads": threads,
            "text_column": text_column,
            "entities_column": entities_column,
            "error_column": error_column,
            "load_options": load_options,
            **extract_options,
        },
        **options,
    )
