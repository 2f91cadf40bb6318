#!/usr/bin/env python3
# Runs every curl example of a document against the real server, and holds what it prints to what
# the document shows below it.
# SPDX-License-Identifier: Apache-2.0
"""tests/server/examples_test.py PROGRAM DOCUMENT"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
BIENCODER = "bs_plain"
RELATIONS = "rs_mlp"


def examples(document):
    """(command, shown output) of each block ```console."""
    for block in re.findall(r"```console\n(.*?)```", document, re.S):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            lines = part.splitlines()
            end = 0
            while lines[end].endswith(("\\", "|")) or "\n".join(lines[: end + 1]).count("'") % 2 == 1:
                end += 1
            yield "\n".join(lines[: end + 1]), "\n".join(lines[end + 1 :]).strip()


def normal(text):
    """Without what differs from run to run."""
    text = re.sub(r'"(queue_ms|compute_ms|request_id)":\s*("[^"]*"|[0-9.]+)', r'"\1":0', text)
    text = re.sub(r":[0-9a-f]{16}\]", ":0]", text)
    text = re.sub(r"(\d\.\d{4})\d+", r"\1", text)
    return re.sub(r"\s+", "", text)


def matches(shown, printed):
    """`shown` may leave parts out with ..."""
    parts = [re.escape(part) for part in normal(shown).split("...")]
    return re.fullmatch(r"\s*" + r".*".join(parts) + r"\s*", normal(printed), re.S) is not None


def main():
    program, document = (pathlib.Path(path).resolve() for path in sys.argv[1:3])
    if shutil.which("curl") is None:
        print("needs curl")
        return SKIPPED
    models = pathlib.Path(__file__).resolve().parents[1] / "golden" / "models"
    server = subprocess.Popen(
        [program, "serve", "--port", "0", "--log", "-", "--memory-budget", "512MiB", "--on-demand",
         "--model", f"default={program.parent.parent / 'models' / 'waterline-tiny-en'}",
         "--model", f"relex={models / RELATIONS / 'checkpoint'}",
         "--model", f"bi={models / BIENCODER / 'checkpoint'}"],
        stderr=subprocess.PIPE, text=True)
    failed = count = 0
    try:
        address = re.search(r"http://(\S+)", server.stderr.readline())[1]
        with tempfile.TemporaryDirectory() as folder:
            for command, shown in examples(document.read_text(encoding="utf-8")):
                if "curl" not in command:
                    continue
                count += 1
                done = subprocess.run(["bash", "-c", command.replace("localhost:8080", address)],
                                      cwd=folder, capture_output=True, text=True, timeout=60,
                                      env={**os.environ, "LC_ALL": "C.UTF-8"})
                if done.returncode != 0 or (shown and not matches(shown, done.stdout)):
                    failed += 1
                    print(f"$ {command}\nprinted ({done.returncode}):\n{done.stdout}{done.stderr}\n"
                          f"shown:\n{shown}\n")
    finally:
        server.terminate()
        server.wait(timeout=60)
    print(f"{count - failed} of {count} examples of {document.name} print what it shows")
    return 1 if failed or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
