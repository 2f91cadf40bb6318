# SPDX-License-Identifier: Apache-2.0
"""Writes expected.json: what the clients answer on the package gliner.

    pip install gliner==0.2.29 && pip install --no-deps -r requirements.txt
    python record.py
"""

import importlib.metadata
import json
import pathlib
import subprocess
import sys

from answers import CLIENTS

HERE = pathlib.Path(__file__).parent
PACKAGES = ("gliner", "presidio-analyzer", "gliner-spacy", "blankit")


def main():
    recorded = {"packages": {name: importlib.metadata.version(name) for name in PACKAGES}}
    for client in CLIENTS:
        ran = subprocess.run(
            [sys.executable, HERE / "answers.py", client], check=True, stdout=subprocess.PIPE
        )
        recorded[client] = json.loads(ran.stdout)
    with open(HERE / "expected.json", "w", encoding="utf-8") as file:
        json.dump(recorded, file, ensure_ascii=False, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
