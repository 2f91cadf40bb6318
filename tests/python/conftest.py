# SPDX-License-Identifier: Apache-2.0
"""Models that several tests use."""

import pytest

import waterline
from checkpoints import load


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
