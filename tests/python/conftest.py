# SPDX-License-Identifier: Apache-2.0
"""Where the tests' checkpoints are, and models that several tests use."""

import pathlib

import pytest

import waterline

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"


def checkpoint(name):
    return GOLDEN / "models" / name / "checkpoint"


def load(name, **options):
    options = {"memory_budget": "64MiB", "threads": 2, **options}
    return waterline.GLiNER.from_pretrained(checkpoint(name), **options)


@pytest.fixture(scope="session")
def model():
    """The model that ships with the package."""
    return waterline.GLiNER.from_pretrained(memory_budget="256MiB", threads=2)


@pytest.fixture(scope="session")
def relation_model():
    return load("rs_dot")


@pytest.fixture(scope="session")
def bi_encoder():
    return load("bs_plain")
