"""What the end-to-end benchmark reads: sentences of bench/data, alone and joined to longer texts.
The same arguments give the same texts.
"""
# SPDX-License-Identifier: Apache-2.0
import json
import math
import pathlib
import random

DATA = pathlib.Path(__file__).resolve().parent / "data"
SENTENCES = sorted(DATA.glob("crossner_*.jsonl"))

LABELS = ("person", "organization", "location", "country", "event", "award", "university",
          "scientist", "product", "political party")

# The text of the time to the first entity.
FIRST = ("Cristiano Ronaldo was born in Funchal on 5 February 1985 and played for Manchester "
         "United, Real Madrid and Juventus.")


def sentences_by_domain():
    """{domain: its sentences}, in the order of the files."""
    domains = {}
    for path in SENTENCES:
        with open(path, encoding="utf-8") as lines:
            found = [" ".join(json.loads(line)["tokenized_text"]) for line in lines]
        domains.setdefault(path.stem.split("_")[1], []).extend(found)
    if not domains:
        raise FileNotFoundError(f"no crossner_*.jsonl in {DATA}")
    return domains


def sentences(count):
    """`count` sentences of all domains."""
    pool = [sentence for found in sentences_by_domain().values() for sentence in found]
    return random.Random(5).sample(pool, min(count, len(pool)))


def short_texts(count):
    """Yields `count` stretches of 4 to 40 words (or the whole of a shorter sentence) of sentences of all
    domains."""
    pool = [sentence.split(" ") for found in sentences_by_domain().values() for sentence in found]
    dice = random.Random(7)
    for _ in range(count):
        words = dice.choice(pool)
        size = min(len(words), dice.randint(4, 40))
        begin = dice.randint(0, len(words) - size)
        yield " ".join(words[begin:begin + size])


def joined(count):
    """`count` texts of whole sentences of one domain each: lengths log-normal around 115 words,
    from 16 to about 220."""
    dice = random.Random(5)
    domains = sentences_by_domain()
    texts = []
    for _ in range(count):
        pool = domains[dice.choice(sorted(domains))]
        target = min(200, max(16, round(math.exp(dice.gauss(math.log(115), 0.6)))))
        words = []
        while len(words) < target:
            sentence = dice.choice(pool).split(" ")
            if words and len(words) + len(sentence) > 220:
                break
            words += sentence
        texts.append(" ".join(words))
    return texts
