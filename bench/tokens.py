#!/usr/bin/env python3
"""Measures tokenisation on one thread, beside the `tokenizers` package.

    ./dev bench tokens [--reference PYTHON] [--tokenizer DIRECTORY ...] [--json FILE]

Texts: all sentences of bench/data. Each is given as its words, as GLiNER's models get them (`words`),
and as one string (`text`). Tokenizers: that of the default model, those of tests/golden, and those of
random checkpoints that other benchmarks left in build/bench.

--reference names an interpreter with the `tokenizers` package, which must give the same ids. Every
contestant is a process that stays; a round asks each in turn for at least --seconds of work; medians
of the rounds are printed, in nanoseconds a word. The package is measured through encode_batch, which
GLiNER calls, and through encode_batch_fast, which keeps no offsets. `load` is the least of several
loads, files cached.
"""
# SPDX-License-Identifier: Apache-2.0
import argparse
import filecmp
import json
import os
import pathlib
import statistics
import subprocess
import tempfile

import machine
from end_to_end import DEFAULT_MODEL
from project import ROOT, fail, note
from workloads import DATA

REFERENCE = ROOT / "bench" / "tokens_reference.py"
KINDS = ("words", "text")
LOADS = 5


class Contestant:
    """A process that answers requests."""

    def __init__(self, command):
        environment = dict(os.environ, RAYON_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false")
        self.command = [str(part) for part in command]
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, env=environment)

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            fail(f"exit status {self.process.wait()} of: {' '.join(self.command)}")
        return line.strip()

    def ask(self, *request):
        self.process.stdin.write(" ".join(map(str, request)) + "\n")
        self.process.stdin.flush()
        return self.read()

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def write_texts(path):
    """All sentences as lists of words; the number of words."""
    count = 0
    with open(path, "w", encoding="utf-8") as out:
        for source in sorted(DATA.glob("crossner_*.jsonl")):
            for line in source.read_text(encoding="utf-8").splitlines():
                words = json.loads(line)["tokenized_text"]
                count += len(words)
                out.write(json.dumps(words, ensure_ascii=False) + "\n")
    return count


def start(arguments, directory, texts):
    """{name: contestant}, and the version of the reference."""
    contestants = {"waterline": Contestant([arguments.driver, directory, texts])}
    version = None
    if arguments.reference:
        for name, options in (("encode_batch", []), ("encode_batch_fast", ["--fast"])):
            command = [arguments.reference, REFERENCE, directory, texts, *options]
            contestants[name] = Contestant(command)
            version = contestants[name].read()
    return contestants, version


def check_ids(contestants, kind, scratch):
    """The number of ids; None when contestants differ."""
    counts, files = [], []
    for name, contestant in contestants.items():
        files.append(pathlib.Path(scratch) / f"{name}.ids")
        counts.append(contestant.ask("ids", kind, files[-1]))
    same = all(filecmp.cmp(files[0], other, shallow=False) for other in files[1:])
    return int(counts[0]) if same else None


def measure(contestants, kind, arguments, words):
    """{name: nanoseconds a word}."""
    repeats = {}
    for name, contestant in contestants.items():
        once = float(contestant.ask("time", kind, 1))
        repeats[name] = max(1, round(arguments.seconds / once))
    samples = {name: [] for name in contestants}
    for _ in range(arguments.rounds):
        for name, contestant in contestants.items():
            seconds = float(contestant.ask("time", kind, repeats[name]))
            samples[name].append(1e9 * seconds / repeats[name] / words)
    return {name: statistics.median(found) for name, found in samples.items()}


def run(arguments, directory, texts, words, scratch):
    contestants, version = start(arguments, directory, texts)
    result = {"tokenizer": directory.name, "version": version, "kinds": {}, "load": {}}
    for name, contestant in contestants.items():
        if name != "encode_batch_fast":
            result["load"][name] = float(contestant.ask("load", LOADS))
    for kind in KINDS:
        ids = check_ids(contestants, kind, scratch)
        if ids is None:
            note(f"{directory.name}, {kind}: the ids differ")
        result["kinds"][kind] = {"ids": ids, "ns": measure(contestants, kind, arguments, words)}
    for contestant in contestants.values():
        contestant.close()
    return result


def table(results):
    has_reference = "encode_batch" in results[0]["load"]
    head = ["tokenizer", "input", "ids", "Waterline ns/word"]
    if has_reference:
        head += ["encode_batch", "ratio", "encode_batch_fast", "ratio"]
    head += ["load ms"] + (["tokenizers"] if has_reference else [])
    rows = [head]
    for result in results:
        for kind, found in result["kinds"].items():
            own = found["ns"]["waterline"]
            row = [result["tokenizer"], kind, str(found["ids"] or "differ"), f"{own:,.0f}"]
            for name in ("encode_batch", "encode_batch_fast") if has_reference else ():
                row += [f"{found['ns'][name]:,.0f}", f"{found['ns'][name] / own:.1f}"]
            for name in ("waterline", "encode_batch")[:1 + has_reference]:
                row.append(f"{1000 * result['load'][name]:.1f}" if kind == KINDS[0] else "")
            rows.append(row)
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ["| " + " | ".join(cell.ljust(width) if i < 2 else cell.rjust(width)
                               for i, (cell, width) in enumerate(zip(row, widths))) + " |"
             for row in rows]
    rule = "|" + "|".join("-" * (width + 2) if i < 2 else "-" * (width + 1) + ":"
                          for i, width in enumerate(widths)) + "|"
    return [lines[0], rule] + lines[1:]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--driver", default="build/waterline_bench_tokens",
                        help="build/waterline_bench_tokens")
    parser.add_argument("--reference", metavar="PYTHON",
                        help="interpreter with the tokenizers package")
    parser.add_argument("--tokenizer", metavar="DIRECTORY", action="append",
                        help="measure this one instead; may be repeated")
    parser.add_argument("--rounds", type=int, default=5, help="5")
    parser.add_argument("--seconds", type=float, default=0.2,
                        help="work of one contestant in one round: 0.2")
    parser.add_argument("--json", metavar="FILE", help="write the machine and everything measured")
    arguments = parser.parse_args()
    arguments.driver = pathlib.Path(arguments.driver).resolve()
    if not os.access(arguments.driver, os.X_OK):
        fail(f"{arguments.driver} is missing; ./dev bench tokens builds it")
    if arguments.reference and not os.access(arguments.reference, os.X_OK):
        fail(f"--reference {arguments.reference} is not an interpreter")
    return arguments


def directories(arguments):
    if arguments.tokenizer:
        return [pathlib.Path(directory).resolve() for directory in arguments.tokenizer]
    golden = sorted((ROOT / "tests" / "golden" / "tokenizers").glob("*/tokenizer.json"))
    made = sorted((ROOT / "build" / "bench").glob("*/tokenizer.json"))
    return [DEFAULT_MODEL] + [path.parent for path in golden + made]


def main():
    arguments = parse_arguments()
    results = []
    with tempfile.TemporaryDirectory(prefix="waterline-bench-") as scratch:
        texts = pathlib.Path(scratch) / "texts.jsonl"
        words = write_texts(texts)
        for directory in directories(arguments):
            results.append(run(arguments, directory, texts, words, scratch))
            note("\n".join(table(results[-1:])[2:]))
    about = machine.describe(ROOT / "build" / "waterline")
    if arguments.json:
        path = pathlib.Path(arguments.json)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"machine": about, "words": words, "results": results}, indent=1),
                        encoding="utf-8")
    print(f"{about['cpu']}, one thread; commit {about['commit'][:10]}; {words} words; tokenizers "
          f"{results[0]['version'] or 'not measured'}\n")
    print("\n".join(table(results)))
    if any(found["ids"] is None for result in results for found in result["kinds"].values()):
        fail("the ids of at least one tokenizer differ")


if __name__ == "__main__":
    main()
