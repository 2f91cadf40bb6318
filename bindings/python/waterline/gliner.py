# SPDX-License-Identifier: Apache-2.0
"""The class GLiNER: models that are loaded, and what they are asked."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping

from waterline import _engine
from waterline.arguments import (
    check_batch_size,
    read_flag,
    read_optional,
    read_spans,
    read_thresholds,
    refuse_per_text,
)
from waterline.labels import read_labels, read_relations, read_texts
from waterline.loading import Checkpoint, engine_options, locate, warn_ignored


class GLiNER:
    """A GLiNER model in a memory budget. Safe to use from any number of threads at once.

    `from_pretrained` gives an instance of a subclass where a model can do more: RelationGLiNER,
    BiEncoderGLiNER.
    """

    # The class that another process makes of a model of this one; None: this one.
    _sent_as: type | None = None

    def __init__(
        self,
        checkpoint: Checkpoint,
        options: dict,
        *,
        truncate: bool = False,
        reference_alignment: bool = False,
    ):
        """Use from_pretrained."""
        self._checkpoint = checkpoint
        self._options = options
        self._truncate = bool(truncate)
        self._reference_alignment = bool(reference_alignment)
        self._engine = _engine.Engine(checkpoint.directory, options)

    @classmethod
    def from_pretrained(
        cls,
        model_id: str | os.PathLike | None = None,
        revision: str | None = None,
        cache_dir: str | os.PathLike | None = None,
        force_download: bool = False,
        proxies: dict | None = None,
        resume_download: bool = False,
        local_files_only: bool = False,
        token: str | bool | None = None,
        map_location: object = None,
        strict: bool = False,
        load_tokenizer: bool | None = None,
        resize_token_embeddings: bool | None = True,
        compile_torch_model: bool | None = False,
        quantize: str | None = None,
        dtype: object = None,
        low_cpu_mem_usage: bool = False,
        variant: str | None = None,
        load_onnx_model: bool | None = False,
        onnx_model_file: str | None = "model.onnx",
        max_length: int | None = None,
        max_width: int | None = None,
        post_fusion_schema: str | None = None,
        _attn_implementation: str | None = None,
        runtime: str | None = None,
        runtime_model_file: str | None = None,
        runtime_options: dict | None = None,
        *,
        memory_budget: int | str | None = None,
        device: object = None,
        threads: int | None = None,
        batch_tokens: int | None = None,
        splitter: str = "model",
        isa: str | None = None,
        device_memory_budget: int | str | None = None,
        shared_budget: _engine.MemoryBudget | None = None,
        idle_trim: float | None = None,
        truncate: bool = False,
        reference_alignment: bool = False,
    ) -> GLiNER:
        """Loads a model.

        Args:
            model_id: A directory with gliner_config.json, or a hub id such as
                "urchade/gliner_small-v2.1" that is in the local cache; None: the small model that
                ships with Waterline.
            revision, cache_dir, force_download, local_files_only, token: As in the package gliner.
            map_location: Where it runs, unless `device` says it.
            quantize: "int8": dtype "int8".
            dtype: "f32" (or None), "bf16", "f16", "tf32", "int8", "auto", their longer names, or a
                torch.dtype.
            memory_budget: Bytes that the engine may hold, as int or as "512MiB"; never exceeded.
                None: half of the memory that is free.
            device: "cpu", "cuda", "cuda:0", "cuda:0,1", "cuda:all".
            threads: Worker threads; None: one for each core.
            batch_tokens: Most tokens that one pass encodes together; None: by itself.
            splitter: "model", "whitespace" or "icu": how texts are cut into words.
            isa: Instruction set; None: the machine's best.
            device_memory_budget: Bytes that it may hold on each device.
            shared_budget: A MemoryBudget that several models share.
            idle_trim: Seconds without a call after which idle memory goes back to the system.
            truncate: Cut texts that are longer than the model reads at once, and warn, as the
                package gliner does; False: read them in overlapping windows.
            reference_alignment: Count words without sub-words as the package gliner does.
        """
        warn_ignored(
            low_cpu_mem_usage=low_cpu_mem_usage,
            load_onnx_model=load_onnx_model,
            runtime=runtime if runtime != "torch" else None,
            variant=variant,
        )
        where = map_location if device is None else device
        options = engine_options(
            dtype=dtype,
            quantize=quantize,
            device="cpu" if where is None else where,
            memory_budget=memory_budget,
            threads=threads,
            batch_tokens=batch_tokens,
            splitter=splitter,
            isa=isa,
            device_memory_budget=device_memory_budget,
            shared_budget=shared_budget,
            idle_trim=idle_trim,
        )
        checkpoint = locate(
            model_id,
            revision=revision,
            cache_dir=cache_dir,
            force_download=force_download,
            local_files_only=local_files_only,
            token=token,
        )
        checkpoint.refuse_overrides(
            max_len=max_length, max_width=max_width, post_fusion_schema=post_fusion_schema
        )
        return _class_for(checkpoint, cls)(
            checkpoint, options, truncate=truncate, reference_alignment=reference_alignment
        )

    # What the package gliner has.

    def inference(
        self,
        texts: str | Iterable[str | None],
        labels: object,
        flat_ner: bool = True,
        threshold: float | list[float] = 0.5,
        multi_label: bool = False,
        batch_size: int = 8,
        packing_config: object = None,
        input_spans: list[list[dict]] | None = None,
        return_class_probs: bool = False,
        *,
        return_vectors: bool = False,
        return_label_vectors: bool = False,
        truncate: bool | None = None,
        labels_per_pass: int = 0,
        timeout: float | None = None,
        lease: _engine.Lease | None = None,
        return_exceptions: bool = False,
        labels_embeds: object = None,
    ) -> list[list[dict]]:
        """Finds the entities of every text.

        Args:
            texts: A str, or an iterable of str. One that is None, NaN or blank has no entities.
            labels: Entity types for all texts, a str, an iterable of str, or a mapping of names to
                descriptions; or a list with a list or mapping for each text.
            flat_ner: Leave out entities that lie inside others.
            threshold: Of the probability, for all texts or one for each.
            multi_label: Allow several labels on one span.
            batch_size: A hint that changes nothing: batches are made by their memory.
            packing_config: Changes nothing: texts are packed without padding.
            input_spans: For each text, the spans {"start", "end"} that alone may be found.
            return_class_probs: Add "class_probs", the five likeliest labels of each entity.
            return_vectors, return_label_vectors: Add "vector" and "label_vector".
            truncate: As in from_pretrained, for this call; None: as set there.
            labels_per_pass: Most labels of one prompt; 0: as many as fit.
            timeout: Seconds to wait at most for memory that other calls hold.
            lease: Memory for the passes of this call, of lease().
            return_exceptions: Put the exception in the place of the answer for a text that is
                refused; otherwise the first one is raised.
            labels_embeds: Encoded labels of encode_labels.

        Returns: For each text a list of {"start", "end", "text", "label", "score"}.
        """
        return self._extract(
            texts,
            labels,
            flat_ner=flat_ner,
            threshold=threshold,
            multi_label=multi_label,
            batch_size=batch_size,
            input_spans=input_spans,
            return_class_probs=return_class_probs,
            return_vectors=return_vectors,
            return_label_vectors=return_label_vectors,
            truncate=truncate,
            labels_per_pass=labels_per_pass,
            timeout=timeout,
            lease=lease,
            return_exceptions=return_exceptions,
            labels_embeds=labels_embeds,
        )[0]

    def predict_entities(
        self,
        text: str,
        labels: object,
        flat_ner: bool = True,
        threshold: float = 0.5,
        multi_label: bool = False,
        return_class_probs: bool = False,
        **kwargs,
    ) -> list[dict]:
        """The entities of one text; parameters as those of inference."""
        return self.inference(
            [text],
            labels,
            flat_ner=flat_ner,
            threshold=threshold,
            multi_label=multi_label,
            return_class_probs=return_class_probs,
            **kwargs,
        )[0]

    def batch_predict_entities(
        self,
        texts: Iterable[str | None],
        labels: object,
        flat_ner: bool = True,
        threshold: float | list[float] = 0.5,
        multi_label: bool = False,
        **kwargs,
    ) -> list[list[dict]]:
        """As inference, under its old name."""
        return self.inference(
            texts, labels, flat_ner=flat_ner, threshold=threshold, multi_label=multi_label, **kwargs
        )

    def run(self, texts: Iterable[str | None], labels: object, **kwargs) -> list[list[dict]]:
        """As inference, under the name that the documentation of gliner gives it."""
        return self.inference(texts, labels, **kwargs)

    def evaluate(
        self,
        test_data: list[dict],
        flat_ner: bool = False,
        multi_label: bool = False,
        threshold: float = 0.5,
        batch_size: int = 12,
        entity_types: list[str] | None = None,
    ) -> tuple[str, float]:
        """Precision, recall and F1 over examples: a line of text, and F1.

        Args:
            test_data: Of {"tokenized_text": words, "ner": [[first word, last word, label], ...]}.
            entity_types: Labels for all; None: those of each example ("ner_labels" or its "ner").
        """
        from waterline.evaluation import score_entities, split_examples

        examples = split_examples(test_data, entity_types)
        found = self._examples(
            examples,
            flat_ner=flat_ner,
            multi_label=multi_label,
            threshold=threshold,
            batch_size=batch_size,
        )[0]
        return score_entities(examples, found)

    def _examples(self, examples, *, flat_ner, multi_label, threshold, batch_size, **settings):
        """(entities, relations) of examples of evaluation."""
        return self._extract(
            [example.text for example in examples],
            [example.labels for example in examples],
            words=[example.words for example in examples],
            flat_ner=flat_ner,
            threshold=threshold,
            multi_label=multi_label,
            batch_size=batch_size,
            input_spans=None,
            return_class_probs=False,
            return_vectors=False,
            return_label_vectors=False,
            truncate=None,
            labels_per_pass=0,
            timeout=None,
            lease=None,
            return_exceptions=False,
            **settings,
        )

    def _extract(
        self,
        texts,
        labels,
        *,
        flat_ner,
        threshold,
        multi_label,
        batch_size,
        input_spans,
        return_class_probs,
        return_vectors,
        return_label_vectors,
        truncate,
        labels_per_pass,
        timeout,
        lease,
        return_exceptions,
        labels_embeds=None,
        relations=None,
        relation_threshold=None,
        adjacency_threshold=None,
        words=None,
    ):
        """(entities, relations) of every text; no lists of relations where none are asked for."""
        read = read_texts(texts)
        encoded = None
        if labels_embeds is not None:
            encoded = self._encoded(labels_embeds, labels)
            labels = encoded.names if labels is None else labels
        label_sets = read_labels(labels, len(read))
        check_batch_size(batch_size)
        if label_sets is None:  # None to look for.
            return [[] for _ in read], []
        return self._engine.extract(
            read,
            label_sets,
            read_thresholds(threshold, len(read)),
            relations=read_relations(relations, len(read)),
            spans=read_spans(input_spans, len(read)),
            words=words,
            nested=not read_flag(flat_ner, "flat_ner"),
            multi_label=read_flag(multi_label, "multi_label"),
            truncate=self._truncate if truncate is None else read_flag(truncate, "truncate"),
            reference_alignment=self._reference_alignment,
            relation_threshold=read_optional(relation_threshold, "relation_threshold"),
            adjacency_threshold=read_optional(adjacency_threshold, "adjacency_threshold"),
            labels_per_pass=labels_per_pass,
            timeout=read_optional(timeout, "timeout"),
            class_probs=return_class_probs,
            vectors=return_vectors,
            label_vectors=return_label_vectors,
            make_vector=_make_vector() if return_vectors or return_label_vectors else None,
            return_exceptions=return_exceptions,
            encoded=encoded,
            lease=lease,
        )

    def _encoded(self, labels_embeds, labels):
        raise NotImplementedError("Labels pre-encoding is supported only for bi-encoder model.")

    @property
    def config(self):
        """The checkpoint's gliner_config.json; its keys are attributes."""
        return self._checkpoint.config

    @property
    def device(self) -> str:
        """Where it runs: "cpu", "cuda:0"."""
        return self._options["device"]

    def to(self, device: object = None, dtype: object = None) -> GLiNER:
        """This model, loaded again where `device` or `dtype` is another one."""
        if dtype is None and str(device).startswith("torch."):  # to(torch.bfloat16)
            device, dtype = None, device
        options = dict(self._options)
        options.update(engine_options(device=device, dtype=dtype))
        if options != self._options:
            self._engine = _engine.Engine(self._checkpoint.directory, options)
            self._options = options
        return self

    def cpu(self) -> GLiNER:
        return self.to("cpu")

    def cuda(self, device: int | None = None) -> GLiNER:
        return self.to("cuda" if device is None else f"cuda:{device}")

    def eval(self) -> GLiNER:
        """This model: it never trains."""
        return self

    # What it lacks.

    def stream(
        self,
        texts: Iterable,
        labels: object,
        *,
        batch_size: int = 256,
        as_tuples: bool = False,
        progress: object = False,
        total: int | None = None,
        **kwargs,
    ) -> Iterator:
        """Answers for texts as they come, in order and in flat memory.

        Args:
            texts: Any iterable of str. It is read as far as answers are asked for, and one window.
            labels: Labels for all texts; as are all other settings.
            batch_size: Most texts of a window. Memory grows with it, speed does below some tens.
            as_tuples: `texts` gives (text, context), and (answer, context) comes back.
            progress: True: a bar of tqdm; or a class like it.
            total: Texts, for the bar, where `texts` has no len().
            kwargs: Of inference. With return_exceptions=True a text that is refused stops nothing.

        Returns: An iterator over the answers that inference gives for each text.
        """
        from waterline.streaming import answers

        check_batch_size(batch_size)
        if isinstance(texts, (str, bytes, Mapping)):
            raise TypeError(f"texts is of type {type(texts).__name__}, expected an iterable of str")
        refuse_per_text(labels, kwargs)
        return answers(
            lambda window: self._answers(window, labels, **kwargs),
            texts,
            batch_size=batch_size,
            as_tuples=as_tuples,
            progress=progress,
            total=total,
        )

    def _answers(self, texts, labels, **kwargs):
        """A list with the answer for each text, in whatever form inference has it."""
        return self.inference(texts, labels, **kwargs)

    def extract_table(
        self,
        table: object,
        text_column: str | None,
        labels: object,
        *,
        flat_ner: bool = True,
        threshold: float = 0.5,
        multi_label: bool = False,
        offsets: str = "code_points",
        truncate: bool | None = None,
        labels_per_pass: int = 0,
        timeout: float | None = None,
        lease: _engine.Lease | None = None,
        nulls_for_refused: bool = False,
        labels_embeds: object = None,
    ) -> _engine.EntityColumn:
        """The entities of every row of a table, as an Arrow column.

        Args:
            table: Anything with __arrow_c_stream__ or __arrow_c_array__: tables, data frames and
                readers of pyarrow, polars, duckdb, pandas. Its strings are read where they lie.
            text_column: A column of string, large_string, string_view, or a dictionary of them;
                None: `table` is such a column itself. Rows that are null have null.
            labels: Labels for all rows; as are all other settings, which are those of inference.
            offsets: What start and end count: "code_points", "bytes" of UTF-8, or "utf16" units.
            nulls_for_refused: A text that is refused has null; otherwise its exception is raised.

        Returns: list<struct<start: int64, end: int64, label: string, score: float, text: string>>,
            an object with __arrow_c_stream__, of as many rows: pyarrow.chunked_array(column),
            polars.Series(column).
        """
        refuse_per_text(labels, {"threshold": threshold})
        encoded = None
        if labels_embeds is not None:
            encoded = self._encoded(labels_embeds, labels)
            labels = encoded.names if labels is None else labels
        shared = read_labels(labels, 0)
        if shared is None:
            raise ValueError("no labels: give at least one entity type to look for")
        return self._engine.extract_arrow(
            table,
            text_column,
            shared,
            read_thresholds(threshold, 0),
            nested=not read_flag(flat_ner, "flat_ner"),
            multi_label=read_flag(multi_label, "multi_label"),
            truncate=self._truncate if truncate is None else read_flag(truncate, "truncate"),
            reference_alignment=self._reference_alignment,
            labels_per_pass=labels_per_pass,
            timeout=read_optional(timeout, "timeout"),
            offsets=offsets,
            refused_as_null=nulls_for_refused,
            encoded=encoded,
            lease=lease,
        )

    async def apredict(self, texts: str | Iterable[str | None], labels: object, **kwargs):
        """As predict_entities for a str and as inference for others, without blocking the loop.

        Calls of one model at the same time share its workers. A call that is cancelled is not
        waited for, and ends by itself.
        """
        import asyncio

        if isinstance(texts, str):
            return await asyncio.to_thread(self.predict_entities, texts, labels, **kwargs)
        return await asyncio.to_thread(self.inference, texts, labels, **kwargs)

    def stats(self) -> dict:
        """Numbers of the engine, under the names of EngineStats in engine.h."""
        return self._engine.stats()

    def reset_peaks(self) -> None:
        """Begins recent_peak, staging_peak and workspace_peak again from what is in use."""
        self._engine.reset_peaks()

    def trim(self) -> int:
        """Gives idle memory back to the system; the bytes that the process shrank by."""
        return self._engine.trim()

    def lease(self, bytes: int | str, timeout: float | None = None) -> _engine.Lease:
        """Memory of the workspace for calls with lease=, which then wait for nobody.

        with model.lease("64MiB") as lease:
            model.predict_entities(text, labels, lease=lease)
        """
        return self._engine.lease(bytes, timeout)

    @property
    def directory(self) -> str:
        """The checkpoint."""
        return self._checkpoint.directory

    def __reduce__(self):
        if "shared_budget" in self._options:
            raise TypeError("a model with a shared budget cannot be sent to another process")
        return _reload, (
            self._sent_as or type(self),
            self._checkpoint,
            self._options,
            self._truncate,
            self._reference_alignment,
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._checkpoint.directory} on {self.device}>"


def _reload(cls, checkpoint, options, truncate, reference_alignment):
    cls = _class_for(checkpoint, cls)
    return cls(checkpoint, options, truncate=truncate, reference_alignment=reference_alignment)


def _class_for(checkpoint, cls):
    """The class for a checkpoint: `cls`, or what it becomes with relations or a label encoder."""
    from waterline.bi_encoder import BiEncoderGLiNER
    from waterline.relations import RelationGLiNER

    for key, special in (("relations_layer", RelationGLiNER), ("labels_encoder", BiEncoderGLiNER)):
        if getattr(checkpoint.config, key, None) is not None:
            if issubclass(special, cls):
                return special
            return cls if issubclass(cls, special) else type(cls.__name__, (cls, special), {})
    return cls


def _make_vector():
    """What makes a vector of the bytes of its floats: an array of numpy where that is installed."""
    try:
        import numpy
    except ImportError:
        return lambda values: memoryview(values).cast("f")
    return lambda values: numpy.frombuffer(values, dtype=numpy.float32).copy()
