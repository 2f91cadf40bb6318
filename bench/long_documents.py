#!/usr/bin/env python3
"""Measures what the length of windows does to long documents: `waterline eval` over sentences with gold
entities, each by itself and joined to documents, with several --window-words.

    ./dev bench documents [--model M] [--words 64,128,auto] [--sentences 60] [--threshold P]

A document is --sentences sentences of one domain (CrossNER, bench/data/PROVENANCE.md) in their order, a line
each; what they tell has nothing to do with each other, which is harder than a text of one hand. Labels are
those of the domain. F1 is over the entities of all domains together, in percent.
"""
# SPDX-License-Identifier: Apache-2.0
import argparse
import json
import os
import pathlib
import subprocess
import tempfile
import time

import machine
import workloads
from project import DEFAULT_MODEL, fail, note
from quality import read_data


def documents(data, size):
    """Of each data set, texts of `size` sentences as `waterline eval` reads them."""
    for start in range(0, len(data.texts), size):
        text, entities = "", []
        for sentence, gold in zip(data.texts[start:start + size], data.gold[start:start + size]):
            at = len(text)
            entities += [{"start": at + first, "end": at + end, "label": label} for first, end, label in gold]
            text += sentence + "\n"
        yield {"text": text, "entities": sorted(entities, key=lambda entity: entity["start"])}


def measure(arguments, sets, size, words):
    """Right, found and gold entities of all data sets, and the seconds of the runs."""
    sums = [0, 0, 0]
    started = time.perf_counter()
    for data in sets:
        with tempfile.TemporaryDirectory() as folder:
            gold = pathlib.Path(folder) / "gold.jsonl"
            gold.write_text("".join(json.dumps(record) + "\n" for record in documents(data, size)), encoding="utf-8")
            labels = pathlib.Path(folder) / "labels.txt"
            labels.write_text("".join(label + "\n" for label in data.labels), encoding="utf-8")
            done = subprocess.run(
                [arguments.program, "eval", "--gold", gold, "--labels-file", labels, "--model", arguments.model,
                 "--window-words", words, "--threshold", str(arguments.threshold), "--json", "--quiet"],
                capture_output=True, text=True, check=False)
        if done.returncode != 0:
            fail(f"exit status {done.returncode} of waterline eval: {done.stderr.strip()}")
        total = json.loads(done.stdout)["all"]
        for i, key in enumerate(("right", "found", "gold")):
            sums[i] += total[key]
    return sums, time.perf_counter() - started


def main():
    parser = argparse.ArgumentParser(prog="./dev bench documents", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/waterline", help="build/waterline")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="the default model")
    parser.add_argument("--words", default="64,128,auto", metavar="N,...", help="64,128,auto")
    parser.add_argument("--sentences", type=int, default=60, help="of a document: 60")
    parser.add_argument("--threshold", type=float, default=0.5, help="0.5")
    arguments = parser.parse_args()
    if not os.access(arguments.program, os.X_OK):
        fail(f"{arguments.program} is no program: ./dev build")
    sets = read_data(workloads.SENTENCES, None)
    about = machine.describe(arguments.program)
    print(f"{about['cpu']}, {about['usable_cores']} cores; {len(sets)} domains, "
          f"{sum(len(data.texts) for data in sets)} sentences\n")
    print("| texts | window words | F1 % | precision % | recall % | seconds |\n|---|---|--:|--:|--:|--:|")
    cases = [("sentences", 1, "auto")]
    cases += [(f"{arguments.sentences} sentences", arguments.sentences, words) for words in arguments.words.split(",")]
    for name, size, words in cases:
        note(f"{name}, --window-words {words}")
        (right, found, gold), seconds = measure(arguments, sets, size, words)
        precision, recall = right / max(found, 1), right / max(gold, 1)
        f1 = 2 * right / max(found + gold, 1)
        print(f"| {name} | {words} | {100 * f1:.1f} | {100 * precision:.1f} | {100 * recall:.1f} | {seconds:.0f} |",
              flush=True)


if __name__ == "__main__":
    main()
