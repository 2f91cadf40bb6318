#!/usr/bin/env python3
# Checks that the folders of src/ include only what they may know, and that no folder or file is named
# after nothing in particular. Prints file:line messages and exits 1 when something is wrong.
# SPDX-License-Identifier: Apache-2.0
"""tools/check_layers.py [repository]"""

import pathlib
import re
import sys

# What each folder may include besides itself and waterline/. Order of dependencies.
ENCODER = ["base", "memory", "weights", "kernels", "device", "ops", "batch", "checkpoint"]
MAY_KNOW = {
    "base": [],
    "memory": ["base"],
    "weights": ["base", "memory"],
    "checkpoint": ["base", "weights"],
    "kernels": ["base", "memory", "weights"],
    "device": ["base", "memory", "weights", "kernels"],
    "ops": ["base", "memory", "weights", "kernels", "device"],
    "text": ["base", "memory"],
    "tokens": ["base", "memory", "text"],
    "batch": ["base", "memory", "kernels", "tokens", "text"],
    "encoder": ENCODER,
    "scores": ENCODER + ["encoder"],
    "entities": ["base", "memory", "text"],
    "redaction": ["base", "text"],
    "engine": None,  # Everything before it.
    "doctor": None,
}
PUBLIC = "waterline"

VAGUE = {"utils", "util", "common", "helper", "helpers", "misc", "core"}
NAMED = ["apps", "bench", "bindings", "include", "src", "tests", "tools"]  # Folders whose names are checked.
SOURCES = {".h", ".cc", ".cpp", ".cu", ".cuh", ".inc"}
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')


def bad_includes(root):
    for path in sorted((root / "src").rglob("*")):
        if path.suffix not in SOURCES:
            continue
        relative = path.relative_to(root)
        folder = relative.parts[1]
        if folder not in MAY_KNOW:
            yield f"{relative}:1: src/{folder} has no place in the order of tools/check_layers.py"
            continue
        known = MAY_KNOW[folder]
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = INCLUDE.match(line)
            if match is None:
                continue
            where = f"{relative}:{number}: includes {match[1]}"
            parts = pathlib.PurePosixPath(match[1]).parts
            if parts[0] in (PUBLIC, folder):
                continue
            if parts[0] not in MAY_KNOW:
                yield f"{where}: write the path from src/, as in \"{folder}/...\""
            elif known is None and parts[0] == "doctor":
                yield f"{where}: {folder} comes before doctor"
            elif known is not None and parts[0] not in known:
                may = ", ".join(known) or "nothing else"
                yield f"{where}: {folder} may know {may}"


def vague_names(root):
    for top in NAMED:
        for path in sorted((root / top).rglob("*")):
            if path.name.split(".")[0].lower() in VAGUE:
                yield f"{path.relative_to(root)}:1: the name says nothing; name what it holds"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[1])
    problems = [*bad_includes(root), *vague_names(root)]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
