# SPDX-License-Identifier: Apache-2.0
"""Texts that come one after another, answered in windows so that memory stays flat."""

from __future__ import annotations

from collections.abc import Iterator

# Most characters of a window: windows of long texts have fewer texts.
WINDOW_CHARACTERS = 1 << 20


def answers(ask, texts, *, batch_size, as_tuples, progress, total) -> Iterator:
    """What `ask`, a function of a list of texts, answers for each of `texts`, in order.

    At most `batch_size` texts and about WINDOW_CHARACTERS characters are held at once.
    """
    bar = _bar(progress, total if total is not None else _length(texts))
    try:
        for window in _windows(texts, batch_size, as_tuples):
            found = ask([text for text, _ in window])
            for (_, context), answer in zip(window, found):
                yield (answer, context) if as_tuples else answer
                if bar is not None:
                    bar.update()
    finally:
        if bar is not None:
            bar.close()


def _windows(texts, batch_size, as_tuples):
    window, characters = [], 0
    for item in texts:
        text, context = item if as_tuples else (item, None)
        window.append((text, context))
        characters += len(text) if isinstance(text, str) else 0
        if len(window) >= batch_size or characters >= WINDOW_CHARACTERS:
            yield window
            window, characters = [], 0
    if window:
        yield window


def _length(texts):
    return len(texts) if hasattr(texts, "__len__") else None


def _bar(progress, total):
    if not progress:
        return None
    if progress is not True:  # A class with the interface of tqdm.
        return progress(total=total)
    try:
        from tqdm.auto import tqdm  # type: ignore[import-untyped]
    except ImportError:
        raise ImportError("progress=True needs the package tqdm: pip install tqdm") from None
    return tqdm(total=total, unit="text")
