# SPDX-License-Identifier: Apache-2.0
"""The package has the version of the project."""

import importlib.metadata
import pathlib
import re

import waterline

ROOT = pathlib.Path(__file__).parents[2]


def test_one_version():
    project = re.search(r"project\(waterline VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())
    assert waterline.__version__ == project[1]
    assert importlib.metadata.version("waterline") == project[1]
