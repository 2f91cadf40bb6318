# SPDX-License-Identifier: Apache-2.0
"""Models that encode labels apart from texts, so that labels can be encoded once."""

from __future__ import annotations

import os
from collections.abc import Iterable

from waterline import _engine
from waterline.gliner import GLiNER
from waterline.labels import label_set, unique_strings

TYPE_CHECKING = False  # That of typing, without its import.
if TYPE_CHECKING:
    from typing import Any


class EncodedLabels:
    """Vectors of labels, made once for any number of calls: a matrix of [labels, width] floats.

    numpy.asarray() of it is an array, len() the number of labels.
    """

    def __init__(self, encoded: _engine.EncodedLabels):
        self._encoded = encoded

    @property
    def labels(self) -> list[str]:
        """Names, in the order of the rows."""
        return self._encoded.names

    @property
    def shape(self) -> tuple[int, int]:
        return len(self), self._encoded.width

    @property
    def values(self) -> memoryview[float]:
        """The numbers, as a two-dimensional memoryview."""
        return memoryview(self._encoded.to_bytes()).cast("f", self.shape)

    def tolist(self) -> list[list[float]]:
        return self.values.tolist()  # type: ignore[return-value]  # It has two dimensions.

    def save(self, path: str | os.PathLike) -> None:
        """Writes a safetensors file for load_labels()."""
        self._encoded.save(os.fspath(path))

    def __len__(self) -> int:
        return len(self._encoded.labels)

    def __array__(self, dtype=None, copy=None):
        import numpy

        array = numpy.frombuffer(self._encoded.to_bytes(), dtype=numpy.float32)
        return array.reshape(self.shape).astype(dtype or numpy.float32)

    def __repr__(self) -> str:
        return f"<EncodedLabels of shape {self.shape}>"


class BiEncoderGLiNER(GLiNER):
    """A GLiNER model with a label encoder."""

    def encode_labels(self, labels: object, batch_size: int = 8) -> EncodedLabels:
        """Encodes labels once for any number of calls. `batch_size` is a hint."""
        read = label_set(labels, "labels")
        if not len(read):
            raise ValueError("no labels: give at least one to encode")
        return EncodedLabels(self._engine.encode_labels(read))

    def load_labels(self, path: str | os.PathLike) -> EncodedLabels:
        """Reads a file that EncodedLabels.save() wrote for this model."""
        return EncodedLabels(self._engine.load_labels(os.fspath(path)))

    def labels_from_array(self, labels: object, values: Any) -> EncodedLabels:
        """Encoded labels from numbers that were kept elsewhere: [labels, width], one row a label.

        `values` is an array of numpy, a tensor of torch, or lists of floats.
        """
        import json
        from array import array

        names = unique_strings(labels, "labels")
        rows = values.tolist() if hasattr(values, "tolist") else [list(row) for row in values]
        if len(rows) != len(names):
            raise ValueError(f"there are {len(rows)} vectors for {len(names)} labels")
        width = len(rows[0]) if rows else 0
        data = array("f", [value for row in rows for value in row])
        if len(data) != len(rows) * width:
            raise ValueError("the vectors have different widths")
        header = json.dumps(
            {
                "__metadata__": {
                    "labels": json.dumps([{"name": name} for name in names]),
                    "labels_encoder": self.config.labels_encoder,
                },
                "vectors": {
                    "dtype": "F32",
                    "shape": [len(rows), width],
                    "data_offsets": [0, 4 * len(data)],
                },
            }
        ).encode()
        header += b" " * (-len(header) % 8)
        # The engine reads vectors from files of LabelVectors::Save; this one is in memory.
        with open(os.memfd_create("labels"), "wb") as file:
            file.write(len(header).to_bytes(8, "little") + header + data.tobytes())
            file.flush()
            return self.load_labels(f"/proc/self/fd/{file.fileno()}")

    def batch_predict_with_embeds(
        self,
        texts: Iterable[str | None],
        labels_embeddings: object,
        labels: object = None,
        flat_ner: bool = True,
        threshold: float | list[float] = 0.5,
        multi_label: bool = False,
        batch_size: int = 8,
        packing_config: object = None,
        input_spans: list[list[dict]] | None = None,
        return_class_probs: bool = False,
        **kwargs,
    ) -> list[list[dict]]:
        """As inference, with labels that encode_labels has encoded, or an array of their vectors.

        Vectors are found by label: `labels` may be some of them, in any order, or None for all;
        those that are not among them are encoded.
        """
        return self.inference(
            texts,
            labels,
            flat_ner=flat_ner,
            threshold=threshold,
            multi_label=multi_label,
            batch_size=batch_size,
            packing_config=packing_config,
            input_spans=input_spans,
            return_class_probs=return_class_probs,
            labels_embeds=labels_embeddings,
            **kwargs,
        )

    def predict_with_embeds(
        self,
        text: str,
        labels_embeddings: object,
        labels: object = None,
        flat_ner: bool = True,
        threshold: float = 0.5,
        multi_label: bool = False,
        return_class_probs: bool = False,
        **kwargs,
    ) -> list[dict]:
        """As batch_predict_with_embeds, for one text."""
        return self.batch_predict_with_embeds(
            [text],
            labels_embeddings,
            labels,
            flat_ner=flat_ner,
            threshold=threshold,
            multi_label=multi_label,
            return_class_probs=return_class_probs,
            **kwargs,
        )[0]

    def _encoded(self, labels_embeds, labels):
        if isinstance(labels_embeds, EncodedLabels):
            return labels_embeds._encoded
        if labels is None or not hasattr(labels_embeds, "__len__"):
            raise TypeError(
                f"labels_embeddings is of type {type(labels_embeds).__name__}, expected what "
                "encode_labels returned, or an array and labels for its rows"
            )
        return self.labels_from_array(labels, labels_embeds)._encoded
