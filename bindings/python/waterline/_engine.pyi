# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from typing import Any

class Labels:
    def __init__(
        self,
        names: list[str],
        descriptions: list[str] = ...,
        thresholds: list[float | None] = ...,
    ) -> None: ...
    def __len__(self) -> int: ...

class Lease:
    """Memory of a model's workspace, held until the end of the `with` block."""

    @property
    def bytes(self) -> int:
        """Bytes that are held; 0 after release()."""
    def release(self) -> None:
        """Gives the memory back, after calls that run in it."""
    def __enter__(self) -> Lease: ...
    def __exit__(self, *args: object) -> None: ...

class MemoryBudget:
    """One number of bytes that several models share (shared_budget=)."""

    def __init__(self, bytes: int | str = 0) -> None: ...
    @property
    def limit(self) -> int: ...
    @property
    def in_use(self) -> int: ...
    @property
    def peak(self) -> int: ...
    def reset_peak(self) -> None: ...
    def lease(self, bytes: int | str) -> Lease: ...

class EncodedLabels:
    @property
    def labels(self) -> Labels: ...
    @property
    def names(self) -> list[str]: ...
    @property
    def width(self) -> int: ...
    def to_bytes(self) -> bytes: ...
    def save(self, path: str) -> None: ...

class EntityColumn:
    """A column of list<struct<start, end, label, score, text>>, for any package that takes Arrow
    data: pyarrow.chunked_array(column), polars.Series(column)."""

    def __len__(self) -> int: ...
    def __arrow_c_schema__(self) -> object: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

class Engine:
    def __init__(self, model: str, options: dict[str, Any]) -> None: ...
    def extract(
        self,
        texts: list[str | None],
        labels: Labels | list[Labels],
        thresholds: float | list[float],
        *,
        relations: list[str] | list[list[str]] | None = None,
        spans: list[list[tuple[int, int]]] | None = None,
        words: list[list[tuple[int, int]]] | None = None,
        nested: bool = False,
        multi_label: bool = False,
        truncate: bool = False,
        reference_alignment: bool = False,
        relation_threshold: float | None = None,
        adjacency_threshold: float | None = None,
        labels_per_pass: int = 0,
        timeout: float | None = None,
        class_probs: bool = False,
        vectors: bool = False,
        label_vectors: bool = False,
        make_vector: Callable[[bytes], object] | None = None,
        return_exceptions: bool = False,
        encoded: EncodedLabels | None = None,
        lease: Lease | None = None,
    ) -> tuple[list[list[dict[str, Any]]], list[list[dict[str, Any]]]]: ...
    def extract_arrow(
        self,
        table: object,
        column: str | None,
        labels: Labels,
        threshold: float,
        *,
        nested: bool = False,
        multi_label: bool = False,
        truncate: bool = False,
        reference_alignment: bool = False,
        labels_per_pass: int = 0,
        timeout: float | None = None,
        offsets: str = "code_points",
        refused_as_null: bool = False,
        encoded: EncodedLabels | None = None,
        lease: Lease | None = None,
    ) -> EntityColumn: ...
    def encode_labels(self, labels: Labels, timeout: float | None = None) -> EncodedLabels: ...
    def load_labels(self, path: str) -> EncodedLabels: ...
    def lease(self, bytes: int | str, timeout: float | None = None) -> Lease: ...
    def stats(self) -> dict[str, Any]: ...
    def reset_peaks(self) -> None: ...
    def trim(self) -> int: ...

def inspect(model: str, options: dict[str, Any]) -> dict[str, Any]: ...
def locate(model: str, cache_dir: str | None = None) -> str: ...
