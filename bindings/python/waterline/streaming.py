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
        for window in windows(texts, batch_size, as_tuples):
            found = ask([text for text, _ in window])
            for (_, context), answer in zip(window, found):
                yield (answer, context) if as_tuples else answer
                if bar is not None:
                    bar.update()
    finally:
        if bar is not None:
            bar.close()


class Windows:
    """Gathers texts that come one after another into lists of (text, context)."""

    def __init__(self, batch_size: int, as_tuples: bool):
        self._batch_size = batch_size
        self._as_tuples = as_tuples
        self._window: list[tuple] = []
        self._characters = 0

    def add(self, item) -> list[tuple] | None:
        """The window that `item` fills, if it does."""
        text, context = item if self._as_tuples else (item, None)
        self._window.append((text, context))
        self._characters += len(text) if isinstance(text, str) else 0
        full = len(self._window) >= self._batch_size or self._characters >= WINDOW_CHARACTERS
        return self.rest() if full else None

    def rest(self) -> list[tuple]:
        """What has been added since the last window; may be empty."""
        window, self._window, self._characters = self._window, [], 0
        return window


def windows(texts, batch_size, as_tuples) -> Iterator[list[tuple]]:
    gathered = Windows(batch_size, as_tuples)
    for item in texts:
        if window := gathered.add(item):
            yield window
    if window := gathered.rest():
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
