# SPDX-License-Identifier: Apache-2.0
"""Precision, recall and F1 over annotated examples, counted as the package gliner counts."""

from __future__ import annotations


class Example:
    """An annotated text whose words are given."""

    def __init__(self, item, entity_types, relation_types):
        self.text = " ".join(item["tokenized_text"])
        self.words = []
        at = 0
        for word in item["tokenized_text"]:
            self.words.append((at, at + len(word)))
            at += len(word) + 1
        self.entities = [tuple(entity) for entity in item.get("ner", ())]
        self.relations = [tuple(relation) for relation in item.get("relations", ())]
        own = item.get("ner_labels")
        if own is None:
            own = [entity[2] for entity in self.entities]
        self.labels = list(dict.fromkeys(own if entity_types is None else entity_types))
        own = item.get("rel_labels")
        if own is None:
            own = [relation[2] for relation in self.relations]
        self.relation_types = list(dict.fromkeys(own if relation_types is None else relation_types))
        self._first = {start: i for i, (start, _) in enumerate(self.words)}
        self._last = {end: i for i, (_, end) in enumerate(self.words)}

    def place(self, entity):
        """(first word, last word) of a dictionary with "start" and "end"."""
        return self._first[entity["start"]], self._last[entity["end"]]


def split_examples(test_data, entity_types, relation_types=None) -> list[Example]:
    return [Example(item, entity_types, relation_types) for item in test_data]


def score_entities(examples, found):
    gold, made = set(), set()
    for i, (example, entities) in enumerate(zip(examples, found)):
        gold.update((label, (first, last), i) for first, last, label in example.entities)
        made.update((entity["label"], example.place(entity), i) for entity in entities)
    return _score(gold, made)


def score_relations(examples, found):
    gold, made = set(), set()
    for i, (example, relations) in enumerate(zip(examples, found)):
        for head, tail, name in example.relations:
            ends = (*example.entities[head][:2], *example.entities[tail][:2])
            gold.add((name, ends, i))
        for relation in relations:
            ends = (*example.place(relation["head"]), *example.place(relation["tail"]))
            made.add((relation["relation"], ends, i))
    return _score(gold, made)


def _score(gold, made):
    right = len(gold & made)
    precision = right / len(made) if made else 0.0
    recall = right / len(gold) if gold else 0.0
    f1 = 2 * precision * recall / (precision + recall) if right else 0.0
    return f"P: {precision:.2%}\tR: {recall:.2%}\tF1: {f1:.2%}\n", f1
