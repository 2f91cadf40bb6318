# SPDX-License-Identifier: Apache-2.0
"""The golden checkpoints and their cases."""

import json
import pathlib

import waterline

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"


def checkpoint(name):
    return GOLDEN / "models" / name / "checkpoint"


def load(name, **options):
    options = {"memory_budget": "64MiB", "threads": 2, **options}
    return waterline.GLiNER.from_pretrained(checkpoint(name), **options)


def cases(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
