# SPDX-License-Identifier: Apache-2.0
"""Programs from PyPI that are written for the package gliner, unchanged, on Waterline.

expected.json has what they answer on gliner itself; record.py wrote it.
"""

import importlib.metadata
import json
import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).parent
EXPECTED = json.loads((HERE / "expected.json").read_text(encoding="utf-8"))
# As tests/engine/golden_test.cc.
SCORE_TOLERANCE = 2e-5
PACKAGES = {"presidio": "presidio-analyzer", "gliner_spacy": "gliner-spacy", "blankit": "blankit"}


def assert_same(got, want, where):
    """Equal JSON values, numbers that are not whole within the tolerance."""
    assert type(got) is type(want), where
    if isinstance(want, dict):
        assert list(got) == list(want), where
        for key in want:
            assert_same(got[key], want[key], f"{where}.{key}")
    elif isinstance(want, list):
        assert len(got) == len(want), f"{where}: {got} instead of {want}"
        for i, (one, other) in enumerate(zip(got, want)):
            assert_same(one, other, f"{where}[{i}]")
    elif isinstance(want, float):
        assert got == pytest.approx(want, abs=SCORE_TOLERANCE), where
    else:
        assert got == want, where


@pytest.mark.parametrize("client", PACKAGES)
def test_answers_as_on_gliner(client):
    try:
        installed = importlib.metadata.version(PACKAGES[client])
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{PACKAGES[client]} is not installed: pip install --no-deps -r "
                    "tests/python/clients/requirements.txt")
    assert installed == EXPECTED["packages"][PACKAGES[client]]
    ran = subprocess.run(
        [sys.executable, HERE / "answers.py", client, "--waterline"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        timeout=600,
    )
    assert ran.returncode == 0, ran.stderr.decode()
    assert_same(json.loads(ran.stdout), EXPECTED[client], client)


def test_recorded_answers_find_something():
    """An empty record would agree with an engine that finds nothing."""
    for client in PACKAGES:
        for call, answers in EXPECTED[client].items():
            assert sum(map(len, answers)) >= 4, f"{client}.{call}"
