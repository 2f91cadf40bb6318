#!/usr/bin/env python3
"""One run of the Python package, for bench/memory.py, by an interpreter that has gliner.

    PYTHON bench/memory_reference.py torch|onnx JOB.json

JOB.json: {"model": directory, "threads": N, "batches": [{"texts": [...], "labels": [...]}, ...]}.
Prints one line of JSON after loading and one after each batch, as bench/memory_driver.cc does.

The loop of the original report: one call and one forward pass a batch, f32, on the CPU, nothing
else. bench/peers.py says what "torch" and "onnx" are.
"""
# SPDX-License-Identifier: Apache-2.0
import json
import os
import sys
import time

import peers


def print_line(batch, seconds, **more):
    line = dict(batch=batch, seconds=seconds, **peers.resident(), **more)
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def run(peer, job):
    begin = time.perf_counter()
    extract = peers.load(peer, "f32", job["model"], job["threads"])
    print_line(0, time.perf_counter() - begin, versions=peers.versions(peer))
    for i, batch in enumerate(job["batches"], 1):
        peers.reset_peak()
        begin = time.perf_counter()
        found = extract(batch["texts"], batch["labels"], len(batch["texts"]))
        print_line(i, time.perf_counter() - begin, entities=sum(map(len, found)))
    os._exit(0)  # Unloading takes seconds and is not measured.


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in ("torch", "onnx"):
        sys.exit(__doc__)
    with open(sys.argv[2], encoding="utf-8") as file:
        run(sys.argv[1], json.load(file))


if __name__ == "__main__":
    main()
