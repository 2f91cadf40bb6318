#!/usr/bin/env python3
# Holds the running server to its openapi.json with schemathesis: for a model of each kind, so that
# every route has one that it works with.
# SPDX-License-Identifier: Apache-2.0
"""tests/server/description_test.py PROGRAM SCHEMATHESIS [EXAMPLES]"""

import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
KEY = "0123456789abcdef"  # Of this run alone.


def check(program, schemathesis, model, examples):
    with tempfile.TemporaryDirectory() as folder:
        keys = pathlib.Path(folder) / "keys"
        keys.write_text(f"schemathesis {KEY}\n", encoding="utf-8")
        server = subprocess.Popen(
            [program, "serve", "--port", "0", "--log", "-", "--memory-budget", "64MiB", "--threads", "1",
             "--api-keys", keys, "--model", HERE.parent / "golden" / "models" / model / "checkpoint"],
            stderr=subprocess.PIPE, text=True)
        try:
            address = re.search(r"http://\S+", server.stderr.readline())
            if address is None:
                sys.exit("the server did not start")
            return subprocess.run(
                [schemathesis, "--config-file", HERE / "schemathesis.toml", "run",
                 f"{address[0]}/openapi.json", "--header", f"Authorization: Bearer {KEY}", "--checks",
                 "all", "--max-examples", str(examples), "--workers", "1", "--no-color", "--seed", "1"],
                cwd=folder).returncode
        finally:
            server.terminate()
            server.wait(timeout=60)


def main():
    program, schemathesis = (pathlib.Path(path).resolve() for path in sys.argv[1:3])
    examples = int(sys.argv[3]) if len(sys.argv) > 3 else 100
    # Entities and relations; a label encoder.
    failed = [model for model in ("rs_mlp", "bs_plain")
              if check(program, schemathesis, model, examples) != 0]
    return f"schemathesis found failures with {', '.join(failed)}" if failed else 0


if __name__ == "__main__":
    sys.exit(main())
