# SPDX-License-Identifier: Apache-2.0
"""Labels, relations and texts as callers give them, made into what the engine takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from waterline._engine import Labels


def read_texts(texts):
    """A list of str, with None for texts that are missing (None, NaN, NA)."""
    if isinstance(texts, str):
        return [texts]
    if isinstance(texts, (bytes, bytearray, Mapping)) or not isinstance(texts, Iterable):
        raise TypeError(
            f"texts is of type {type(texts).__name__}, expected a str or an iterable of str"
        )
    read = list(texts)
    for i, text in enumerate(read):
        if text is not None and not isinstance(text, str):
            if not is_missing(text):
                raise TypeError(f"texts[{i}] is of type {type(text).__name__}, expected str")
            read[i] = None
    return read


def is_missing(value):
    """Whether `value` stands for no value, as in the columns of data frames."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and value != value


def read_labels(labels, texts):
    """Labels for all of `texts` texts, or a list with those of each; None where there are none."""
    if isinstance(labels, Labels):
        return labels if len(labels) else None
    if isinstance(labels, list) and any(isinstance(own, (list, Mapping)) for own in labels):
        if len(labels) != texts:
            raise ValueError(f"Per-text labels must have length {texts}, got {len(labels)}")
        for i, own in enumerate(labels):
            if not isinstance(own, (list, Mapping)):
                raise TypeError(
                    "Per-text labels must contain only lists or label description mappings; "
                    f"labels[{i}] is of type {type(own).__name__}"
                )
        return [label_set(own, f"labels[{i}]") for i, own in enumerate(labels)]
    made = label_set(labels, "labels")
    return made if len(made) else None


def label_set(labels, where):
    """The labels of a str, an iterable of str or a mapping, which messages call `where`."""
    if isinstance(labels, Mapping):
        return _described(labels, where)
    return Labels(unique_strings(labels, where))


def _described(labels, where):
    """Labels of a mapping: name to description, or to {"description": ..., "threshold": ...}."""
    names, descriptions, thresholds = [], [], []
    for name, value in labels.items():
        threshold = None
        if isinstance(value, Mapping):
            unknown = set(value) - {"description", "threshold"}
            if unknown:
                raise ValueError(
                    f"{where}[{name!r}] has {sorted(map(str, unknown))}; "
                    'a label has "description" and "threshold"'
                )
            threshold = value.get("threshold")
            value = value.get("description", "")
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(
                "Label description mappings must contain only string keys and values; "
                f"{where}[{name!r}] is of type {type(value).__name__}"
            )
        names.append(name)
        descriptions.append(value)
        thresholds.append(threshold)
    # An empty description stands for the name.
    read = [description or name for name, description in zip(names, descriptions)]
    if len(set(read)) != len(read):
        raise ValueError(f"Label descriptions must be unique within each label set: {where}")
    return Labels(names, descriptions, thresholds)


def read_relations(relations, texts):
    """A list of relations for all texts, or one for each; None where there are none."""
    if relations is None:
        return None
    if isinstance(relations, list) and any(isinstance(own, list) for own in relations):
        if len(relations) != texts:
            raise ValueError(f"Per-text relations must have length {texts}, got {len(relations)}")
        return [
            [] if own is None else unique_strings(own, f"relations[{i}]")
            for i, own in enumerate(relations)
        ]
    return unique_strings(relations, "relations") or None


def unique_strings(strings, where):
    """The first of each of the strings, in order; a str alone is one."""
    if isinstance(strings, str):
        return [strings]
    if isinstance(strings, (bytes, bytearray, Mapping)) or not isinstance(strings, Iterable):
        raise TypeError(
            f"{where} is {_shown(strings)}, expected a str, an iterable of str, or a mapping of "
            "names to descriptions"
        )
    given = list(strings)
    for i, string in enumerate(given):
        if not isinstance(string, str):
            raise TypeError(f"{where}[{i}] is {_shown(string)}, expected str")
    return list(dict.fromkeys(given))


def _shown(value):
    return "None" if value is None else f"of type {type(value).__name__}"
