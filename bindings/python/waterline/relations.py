# SPDX-License-Identifier: Apache-2.0
"""Models that find relations between the entities that they find."""

from __future__ import annotations

from collections.abc import Iterable

from waterline.gliner import GLiNER


class RelationGLiNER(GLiNER):
    """A GLiNER model with a `relations_layer`."""

    def inference(  # type: ignore[override]
        self,
        texts: str | Iterable[str | None],
        labels: object,
        relations: object = None,
        flat_ner: bool = True,
        threshold: float | list[float] = 0.5,
        adjacency_threshold: float | None = None,
        relation_threshold: float | None = None,
        multi_label: bool = False,
        batch_size: int = 8,
        packing_config: object = None,
        input_spans: list[list[dict]] | None = None,
        return_relations: bool = True,
        return_class_probs: bool = False,
        *,
        return_vectors: bool = False,
        return_label_vectors: bool = False,
        truncate: bool | None = None,
        labels_per_pass: int = 0,
        timeout: float | None = None,
        lease: object = None,
        return_exceptions: bool = False,
    ):
        """Finds the entities of every text, and the relations between them.

        Args, beside those of GLiNER.inference:
            relations: A str, an iterable of str, or a list with a list for each text.
            adjacency_threshold: Of the probability that a pair is related at all; None: threshold.
            relation_threshold: Of the probability of a relation; None: threshold.
            return_relations: Whether to return them.

        Returns: (entities, relations), or entities alone. A relation is {"head", "tail",
            "relation", "score"}, its ends are {"start", "end", "text", "type", "entity_idx"}.
        """
        if (return_vectors or return_label_vectors) and return_relations and relations:
            raise NotImplementedError(
                "vectors of relations are not available; pass return_relations=False for those of "
                "entities"
            )
        entities, found = self._extract(
            texts,
            labels,
            relations=relations,
            flat_ner=flat_ner,
            threshold=threshold,
            adjacency_threshold=adjacency_threshold,
            relation_threshold=relation_threshold,
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
        )
        if not return_relations:
            return entities
        return entities, found or [[] for _ in entities]

    def predict_entities(  # type: ignore[override]
        self,
        text: str,
        labels: object,
        relations: object = None,
        flat_ner: bool = True,
        threshold: float = 0.5,
        adjacency_threshold: float | None = None,
        multi_label: bool = False,
        return_class_probs: bool = False,
        **kwargs,
    ) -> list[dict]:
        """The entities of one text. Relations are read by the model, and not returned."""
        return self.inference(
            [text],
            labels,
            relations=relations,
            flat_ner=flat_ner,
            threshold=threshold,
            adjacency_threshold=adjacency_threshold,
            multi_label=multi_label,
            return_relations=False,
            return_class_probs=return_class_probs,
            **kwargs,
        )[0]

    def _answers(self, texts, labels, **kwargs):
        found = self.inference(texts, labels, **kwargs)
        return list(zip(*found)) if isinstance(found, tuple) else found

    def predict_relations(
        self,
        text: str,
        labels: object,
        relations: object,
        flat_ner: bool = True,
        threshold: float = 0.5,
        adjacency_threshold: float | None = None,
        relation_threshold: float | None = None,
        multi_label: bool = False,
        **kwargs,
    ) -> tuple[list[dict], list[dict]]:
        """(entities, relations) of one text."""
        entities, found = self.inference(
            [text],
            labels,
            relations=relations,
            flat_ner=flat_ner,
            threshold=threshold,
            adjacency_threshold=adjacency_threshold,
            relation_threshold=relation_threshold,
            multi_label=multi_label,
            return_relations=True,
            **kwargs,
        )
        return entities[0], found[0]

    def evaluate(  # type: ignore[override]
        self,
        test_data: list[dict],
        flat_ner: bool = False,
        multi_label: bool = False,
        threshold: float = 0.5,
        adjacency_threshold: float | None = None,
        relation_threshold: float | None = None,
        batch_size: int = 12,
        entity_types: list[str] | None = None,
        relation_types: list[str] | None = None,
    ) -> tuple[tuple[str, float], tuple[str, float]]:
        """As GLiNER.evaluate, for entities and for relations.

        Examples have "relations" too: [[index of head in "ner", index of tail, relation], ...].
        """
        from waterline.evaluation import score_entities, score_relations, split_examples

        examples = split_examples(test_data, entity_types, relation_types)
        entities, relations = self._examples(
            examples,
            flat_ner=flat_ner,
            multi_label=multi_label,
            threshold=threshold,
            batch_size=batch_size,
            relations=[example.relation_types for example in examples],
            relation_threshold=relation_threshold,
            adjacency_threshold=adjacency_threshold,
        )
        return score_entities(examples, entities), score_relations(examples, relations)
