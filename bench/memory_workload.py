"""The batches of the memory benchmark: the shape of the original report, 28 texts of 380 tokens with
10 labels, among batches of other shapes. The same arguments give the same batches.

The other batches: their longest text has 1 to 512 tokens, they have 1 to 64 texts and 1 to 50 labels,
each log-uniform; the lengths of a batch lie between half of its longest and that. Padded and with
its prompts, none has more tokens, or more pairs of tokens within a text, than a batch of the report:
that one asks for the most memory. A text has at most 384 words, where the model's max_len cuts.

Tokens are sub-words of the texts, without prompts, as the Unigram tokenizer of a checkpoint of
tools/make_random_checkpoint.py makes them; a text ends at the word that reaches its length.
"""
# SPDX-License-Identifier: Apache-2.0
import functools
import json
import math
import pathlib
import random
import re

import workloads

REPORT_TEXTS, REPORT_TOKENS, REPORT_LABELS = 28, 380, 10
REPORT_EVERY = 8  # Batches 4, 12, 20, ... have the shape of the report.
MOST_TOKENS, MOST_TEXTS, MOST_WORDS = 512, 64, 384

LABELS = workloads.LABELS + (
    "politician", "writer", "election", "musical artist", "band", "astronomical object",
    "music genre", "book", "album", "chemical compound", "algorithm", "field", "task", "song",
    "researcher", "literary genre", "academic journal", "metric", "protein", "poem", "conference",
    "magazine", "enzyme", "discipline", "programming language", "musical instrument",
    "chemical element", "theory", "date", "city", "river", "mountain", "animal", "plant", "disease",
    "drug", "sport", "film", "law", "vehicle")


def token_counter(checkpoint):
    """A function: sub-words of a word, by the best segmentation of the checkpoint's Unigram."""
    with open(pathlib.Path(checkpoint) / "tokenizer.json", encoding="utf-8") as file:
        scores = dict(json.load(file)["model"]["vocab"])
    longest = 24  # Of the pieces that texts are made of.
    unknown = min(scores.values()) - 10

    @functools.cache
    def count(word):
        text = "▁" + word
        best = [(0.0, 0)]  # Score and pieces of each prefix.
        for end in range(1, len(text) + 1):
            best.append(max((best[begin][0] + scores.get(text[begin:end], unknown),
                             best[begin][1] + 1)
                            for begin in range(max(0, end - longest), end)
                            if end - begin == 1 or text[begin:end] in scores))
        return best[-1][1]

    return count


class _Texts:
    """Cuts texts from the benchmark's sentences, one after the other."""

    def __init__(self, checkpoint):
        self._count = token_counter(checkpoint)
        self._words = [word for sentence in workloads.sentences(1 << 20)
                       for word in re.findall(r"\w+(?:[-_]\w+)*|\S", sentence)]
        self._next = 0

    def text(self, tokens):
        words, left = [], tokens
        while left > 0 and len(words) < MOST_WORDS:
            word = self._words[self._next % len(self._words)]
            self._next += 1
            words.append(word)
            left -= self._count(word)
        return " ".join(words)


def sequence(tokens, labels):
    """About the tokens of a text with its prompt: two and a half a label, marker included."""
    return tokens + 2.5 * labels + 3


def batches(checkpoint, count):
    """`count` batches: {"report": bool, "labels": [...], "texts": [...]}."""
    dice = random.Random(28380)
    texts = _Texts(checkpoint)

    def log_uniform(most, quantile=None):
        return min(most, math.floor((most + 1) ** (dice.random() if quantile is None else quantile)))

    def varied(longest):
        while True:
            number, labels = log_uniform(MOST_TEXTS), log_uniform(len(LABELS))
            if all(number * sequence(longest, labels) ** power <=
                   REPORT_TEXTS * sequence(REPORT_TOKENS, REPORT_LABELS) ** power
                   for power in (1, 2)):
                break
        lengths = [longest] + [dice.randint((longest + 1) // 2, longest) for _ in range(number - 1)]
        dice.shuffle(lengths)
        return {"report": False, "labels": dice.sample(LABELS, labels),
                "texts": [texts.text(tokens) for tokens in lengths]}

    def report():
        return {"report": True, "labels": list(workloads.LABELS),
                "texts": [texts.text(REPORT_TOKENS) for _ in range(REPORT_TEXTS)]}

    is_report = [i % REPORT_EVERY == 3 for i in range(count)]
    others = is_report.count(False)
    # One length out of each part of the range, so that few batches have it all.
    longest = [log_uniform(MOST_TOKENS, (i + dice.random()) / others) for i in range(others)]
    dice.shuffle(longest)
    return [report() if here else varied(longest.pop()) for here in is_report]
