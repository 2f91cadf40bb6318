# SPDX-License-Identifier: Apache-2.0
"""The Python examples of the documentation run, and print what is expected of them."""

import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]


def examples(path):
    return re.findall(r"^```python\n(.*?)^```", (ROOT / path).read_text(), re.M | re.S)


def run(program):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("path", ["README.md", "bindings/python/README.md"])
def test_the_readme(path):
    (example,) = examples(path)
    assert run(example) == "Ada Lovelace person 0.94\nLondon city 0.92\n"


def test_the_manual():
    first, replacement, columns, _ = examples("docs/python.md")  # The last: client_test.py.
    # The published model is not at hand: the one that ships stands for it.
    shipped = first.replace('"urchade/gliner_small-v2.1"', "None")
    assert shipped != first
    out = run(f"{shipped}\n{columns}\nprint(table['entities'].to_pylist()[0][1]['text'])")
    assert out == "London\n"
    assert run(f"{replacement}\nprint(GLiNER.__module__)")
