# SPDX-License-Identifier: Apache-2.0
"""Arguments of calls, checked, as the extension module and the server take them."""

from __future__ import annotations

from collections.abc import Mapping


def refuse_per_text(labels, settings):
    """Raises for settings that have one entry a text: a stream has no count."""
    if isinstance(labels, list) and any(isinstance(own, (list, Mapping)) for own in labels):
        raise TypeError("a stream has the same labels for all texts; labels has a list or mapping")
    for name in ("threshold", "input_spans"):
        if isinstance(settings.get(name), (list, tuple)):
            raise TypeError(f"a stream has the same settings for all texts; {name} is a list")


def check_batch_size(batch_size):
    if isinstance(batch_size, bool) or not hasattr(batch_size, "__index__"):
        raise TypeError(f"batch_size is of type {type(batch_size).__name__}, expected int")
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}, expected 1 or more")


def read_flag(value, name):
    if isinstance(value, (list, tuple, str)):
        raise TypeError(f"{name} is of type {type(value).__name__}, expected a bool for all texts")
    return bool(value)


def read_thresholds(threshold, texts):
    """A float, or a list with one for each text."""
    if isinstance(threshold, (list, tuple)):
        if len(threshold) != texts:
            raise ValueError(f"threshold must have length {texts}, got {len(threshold)}")
        return [read_number(own, f"threshold[{i}]") for i, own in enumerate(threshold)]
    return read_number(threshold, "threshold")


def read_number(value, name):
    if isinstance(value, (str, bytes)) or not hasattr(value, "__float__"):
        shown = "None" if value is None else f"of type {type(value).__name__}"
        raise TypeError(f"{name} is {shown}, expected a number")
    return float(value)


def read_optional(value, name):
    return None if value is None else read_number(value, name)


def read_spans(input_spans, texts):
    """For each text a list of (start, end), or None."""
    if input_spans is None:
        return None
    if len(input_spans) != texts:
        raise ValueError(f"input_spans must have length {texts}, got {len(input_spans)}")
    read = []
    for i, spans in enumerate(input_spans):
        own = []
        for span in spans:
            if not isinstance(span, Mapping) or "start" not in span or "end" not in span:
                raise TypeError(f'input_spans[{i}] holds {span!r}, expected {{"start", "end"}}')
            own.append((span["start"], span["end"]))
        read.append(own)
    return read
