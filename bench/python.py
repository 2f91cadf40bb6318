#!/usr/bin/env python3
"""Measures what the Python package costs over the engine itself.

    ./dev bench python [--rounds N] [--seconds S] [--json FILE]

- Binding: calls of 32 short sentences (16 words at most) from C++ and from Python, in turns; the
  median over the rounds of each round's ratio of texts/s.
- Threads: 16 threads that call at once against one, for calls of 32 texts and of one.
- Import: `import waterline` in a fresh process less one that imports nothing, medians.
- Memory: resident bytes of a process over 10,000 calls of one text.

The package is the wheel that `./dev wheel` makes, in an environment of its own; the engine has as many threads as there
are cores.
"""
# SPDX-License-Identifier: Apache-2.0
import argparse
import os
import statistics
import subprocess
import time

import machine
from project import DEFAULT_MODEL, ROOT, fail, note, write_json
from workloads import LABELS, sentences

DRIVER = ROOT / "bench" / "python_driver.py"
SHORT = 16  # Words.


class Contestant:
    """A process that stays and answers requests."""

    def __init__(self, command, texts):
        self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.ask("\n".join([str(len(texts)), *texts]))

    def ask(self, request):
        self.process.stdin.write(f"{request}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            fail(f"exit status {self.process.wait()} of: {self.process.args}")
        return line.split()

    def speed(self, seconds):
        """Texts a second."""
        texts, took, _ = self.ask(seconds)
        return int(texts) / float(took)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()


def compare(first, second, rounds, seconds):
    """Medians of the texts/s of both, and of second / first, over rounds in which they alternate."""
    speeds = []
    for contestant in (first, second):
        contestant.speed(seconds)  # Warm.
    for i in range(rounds):
        order = (first, second) if i % 2 == 0 else (second, first)
        measured = {id(contestant): contestant.speed(seconds) for contestant in order}
        speeds.append((measured[id(first)], measured[id(second)]))
    return {"first": statistics.median(a for a, _ in speeds),
            "second": statistics.median(b for _, b in speeds),
            "ratio": statistics.median(b / a for a, b in speeds)}


def import_seconds(python, repeats=20):
    def once(code):
        begin = time.perf_counter()
        subprocess.run([python, "-c", code], check=True)
        return time.perf_counter() - begin

    once("import waterline")
    pairs = [(once("pass"), once("import waterline")) for _ in range(repeats)]
    return statistics.median(b - a for a, b in pairs)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--python", required=True, help="an interpreter with the package")
    parser.add_argument("--cpp", default=ROOT / "build" / "waterline_bench_batches")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    threads = len(os.sched_getaffinity(0))
    texts = [text for text in sentences(4000) if len(text.split()) <= SHORT]
    labels = ",".join(LABELS[:3])

    def cpp(size):
        return Contestant([arguments.cpp, DEFAULT_MODEL, threads, size, labels], texts)

    def python(size, callers=1):
        return Contestant([arguments.python, DRIVER, DEFAULT_MODEL, threads, size, labels, callers],
                          texts)

    measured = {"machine": machine.describe(arguments.cpp), "texts": len(texts)}
    note("C++ and Python, 32 texts a call")
    with cpp(32) as first, python(32) as second:
        measured["binding"] = compare(first, second, arguments.rounds, arguments.seconds)
    for size in (32, 1):
        note(f"1 thread and 16, calls of {size}")
        with python(size) as first, python(size, 16) as second:
            measured[f"threads_{size}"] = compare(first, second, arguments.rounds,
                                                  arguments.seconds)
    note("import")
    measured["import_seconds"] = import_seconds(arguments.python)
    note("10,000 calls")
    with python(1) as process:
        measured["resident"] = [int(count) for count in process.ask("memory 10000")]

    for name, label in (("binding", "C++ -> Python, 32 texts a call"),
                        ("threads_32", "1 -> 16 threads, 32 texts a call"),
                        ("threads_1", "1 -> 16 threads, one text a call")):
        row = measured[name]
        print(f"{label:34} {row['first']:8.1f} -> {row['second']:8.1f} texts/s   "
              f"{(row['ratio'] - 1) * 100:+.1f} %")
    print(f"{'import waterline':34} {measured['import_seconds'] * 1e3:8.1f} ms")
    print(f"{'resident after each 1,000 calls':34} "
          + " ".join(f"{count / 2**20:.1f}" for count in measured["resident"]) + " MiB")
    if arguments.json:
        write_json(measured, arguments.json)


if __name__ == "__main__":
    main()
