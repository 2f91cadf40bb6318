#!/usr/bin/env python3
"""Writes evaluation_cases.jsonl: random entities, and what the evaluator of the Python package (gliner 0.2.29)
says of them.

    evaluation_cases.py > evaluation_cases.jsonl
"""
# SPDX-License-Identifier: Apache-2.0
import json
import random
import warnings

from gliner.evaluation import BaseNEREvaluator

warnings.filterwarnings("ignore")  # Of metrics that are not defined.
RANDOM = random.Random(5)
LABELS = ["a", "b", "c"]


def entities(most):
    spans = []
    for _ in range(RANDOM.randrange(most + 1)):
        start = RANDOM.randrange(6)
        spans.append([start, start + RANDOM.randrange(3), RANDOM.choice(LABELS)])
    return spans


for most in [0, 1, 3, 6, 6, 6]:
    gold = [entities(most) for _ in range(8)]
    found = [entities(most) for _ in range(8)]
    evaluator = BaseNEREvaluator(gold, found)
    scores = evaluator.compute_prf(*evaluator.transform_data())
    print(json.dumps({"gold": gold, "found": found,
                      **{name: float(score) for name, score in scores.items()}}))
