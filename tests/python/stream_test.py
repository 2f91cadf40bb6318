# SPDX-License-Identifier: Apache-2.0
"""Texts that come one after another."""

import pytest

from waterline import errors

TEXTS = ["Ada Lovelace lived in London.", None, "Marie Curie moved to Paris.", "", "Nothing."]
LABELS = ["person", "city"]


def test_answers_come_in_order(model):
    expected = model.inference(TEXTS, LABELS)
    for batch_size in (1, 2, 256):
        assert list(model.stream(iter(TEXTS), LABELS, batch_size=batch_size)) == expected
    assert list(model.stream([], LABELS)) == []


def test_texts_are_read_only_as_far_as_needed(model):
    read = []

    def texts():
        for i in range(1000):
            read.append(i)
            yield "Ada"

    answers = model.stream(texts(), LABELS, batch_size=4)
    assert read == []
    next(answers)
    assert len(read) == 4
    for _ in range(4):
        next(answers)
    assert len(read) == 8
    answers.close()


def test_windows_end_early_with_long_texts(model):
    read = []

    def texts():
        for i in range(8):
            read.append(i)
            yield " " * 600_000 + "Ada"

    next(model.stream(texts(), LABELS))
    assert len(read) == 2


def test_a_context_comes_back(model):
    rows = [(text, {"row": i}) for i, text in enumerate(TEXTS)]
    answers = list(model.stream(rows, LABELS, as_tuples=True, batch_size=2))
    assert [context["row"] for _, context in answers] == list(range(len(TEXTS)))
    assert [answer for answer, _ in answers] == model.inference(TEXTS, LABELS)


def test_a_bar(model):
    class Bar:
        made = []

        def __init__(self, total):
            self.total, self.count, self.closed = total, 0, False
            self.made.append(self)

        def update(self):
            self.count += 1

        def close(self):
            self.closed = True

    list(model.stream(TEXTS, LABELS, progress=Bar))
    list(model.stream(iter(TEXTS), LABELS, progress=Bar, total=7))
    assert [(bar.total, bar.count, bar.closed) for bar in Bar.made] == [(5, 5, True), (7, 5, True)]


def test_tqdm(model, capsys):
    list(model.stream(TEXTS, LABELS, progress=True))
    assert "5/5" in capsys.readouterr().err


def test_a_text_that_cannot_be_used(model):
    answers = model.stream(["Ada", 5], LABELS)
    with pytest.raises(TypeError, match=r"texts\[1\] is of type int"):
        next(answers)


def test_refused_texts_stop_nothing(model):
    with pytest.raises(errors.Error):
        list(model.stream(["word " * 3_000_000], LABELS, truncate=False))
    answers = list(model.stream(["word " * 3_000_000, TEXTS[0]], LABELS, return_exceptions=True))
    assert isinstance(answers[0], errors.Error) and answers[1]


def test_settings_of_each_text_are_refused(model):
    with pytest.raises(TypeError, match="same labels"):
        model.stream(TEXTS, [["person"], ["city"]])
    with pytest.raises(TypeError, match="threshold is a list"):
        model.stream(TEXTS, LABELS, threshold=[0.5])
    with pytest.raises(TypeError, match="texts is of type str"):
        model.stream("Ada", LABELS)
    with pytest.raises(ValueError, match="batch_size is 0"):
        model.stream(TEXTS, LABELS, batch_size=0)
