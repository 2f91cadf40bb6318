# SPDX-License-Identifier: Apache-2.0
"""Run by ./dev with the package alone in a virtual environment: it needs no other."""

import importlib.metadata
import importlib.util

import waterline

installed = {distribution.metadata["Name"] for distribution in importlib.metadata.distributions()}
assert installed <= {"waterline", "pip", "setuptools"}, installed
assert importlib.util.find_spec("numpy") is None

model = waterline.GLiNER.from_pretrained(memory_budget="256MiB")
found = model.predict_entities(
    "Ada Lovelace lived in London.", ["person", "city"], return_vectors=True
)
assert [(entity["text"], entity["label"]) for entity in found] == [
    ("Ada Lovelace", "person"),
    ("London", "city"),
], found
assert all(isinstance(entity["vector"], memoryview) for entity in found)
print("the package works alone:", waterline.__file__)
