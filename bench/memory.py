#!/usr/bin/env python3
"""Measures what a process holds while batches of varied shape go through, for Waterline and for the
Python package on PyTorch and on ONNX Runtime.

    ./dev bench memory [--quick] [--reference PYTHON] [--picture FILE.svg] [--json FILE]

The loop of the original report (bench/memory_workload.py says what the batches are): 28 texts of 380
tokens come again among other shapes. Checkpoints of random weights, f32, 2 threads. Each contestant
is a process of its own that gets the same batches and tells after each:

    resident   VmRSS. Pages of mapped files count, as those of libraries.
    peak       VmHWM of this batch alone; it is reset before each.
    seconds    the call: words and tokens, forward pass, entities.

    tight      Waterline with the smallest budget that `waterline inspect` names, and 16 MiB.
    lean       Waterline with what its weights and tokenizer hold, and 64 MB (--budgets).
    roomy      Waterline with the budget that it takes by itself, half of the free memory.
    torch      --reference names an interpreter with gliner; the package as installed.
    onnx       the same, where it has onnxruntime and onnx: the package's own exporter, opset 19.

A contestant that dies is told with the batch it died in. With --rounds the contestants are run
again, in random order; texts/s are the medians, memory the most of all rounds, curves of the first.
docs/memory.svg comes from --picture; `bench/memory_report.py FILE PICTURE` draws --json again.
"""
# SPDX-License-Identifier: Apache-2.0
import argparse
import collections
import json
import os
import pathlib
import random
import subprocess
import tempfile
import time

import machine
import memory_report
import memory_workload
from checkpoints import exported, random_checkpoint
from contestants import present
from project import ROOT, fail, note, python_with, write_json
from report import MOST_DISTURBANCE

REFERENCE = ROOT / "bench" / "memory_reference.py"
TIGHT_ABOVE_SMALLEST = 16 << 20
LEAN_ABOVE_HELD = 64_000_000
BUDGETS = ("tight", "lean", "roomy")

# kind: "tight", "lean", "roomy", "torch" or "onnx"; budget: bytes, 0 for none given.
Contestant = collections.namedtuple("Contestant", "model kind directory budget")


# --- One run -------------------------------------------------------------------------------------


def run_process(command):
    """The lines of JSON that a command prints, how it ended (None: well), its last words, and the
    share of the cores that others took."""
    with tempfile.TemporaryFile() as errors:
        busy = machine.busy_seconds()
        begin = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=errors)
        with process.stdout as out:
            lines = [json.loads(line) for line in out if line.startswith(b"{")]
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        busy = machine.busy_seconds() - busy
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        words = errors.read().decode(errors="replace")[-2000:]
    others = max(0.0, busy - usage.ru_utime - usage.ru_stime) / (wall * os.cpu_count())
    died = None
    if process.returncode < 0:
        died = f"killed by signal {-process.returncode}"
    elif process.returncode > 0:
        died = f"exit status {process.returncode}"
    return lines, died, words, others


def job_file(scratch, **job):
    path = os.path.join(scratch, "job.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(job, file)
    return path


def run(arguments, contestant, batches, scratch):
    job = job_file(scratch, model=str(contestant.directory), threads=arguments.threads,
                   budget=contestant.budget,
                   batches=[{key: batch[key] for key in ("texts", "labels")} for batch in batches])
    ours = contestant.kind in BUDGETS
    command = [arguments.driver, job] if ours else \
        [arguments.reference, REFERENCE, contestant.kind, job]
    lines, died, words, others = run_process(command)
    if died and (ours or not lines):
        fail(f"{died} of: {' '.join(map(str, command))}\n{words}")
    return {"model": contestant.model, "kind": contestant.kind, "budget": contestant.budget,
            "died": died, "others_share": others, "lines": lines}


# --- Preparation ---------------------------------------------------------------------------------


def budgets(arguments, directory, scratch):
    """Bytes of each budget of Waterline; 0 for its own choice."""
    job = job_file(scratch, model=str(directory), threads=arguments.threads, budget=0)
    lines, died, words, _ = run_process([arguments.driver, job])
    if died:
        fail(words)
    return {"tight": lines[0]["smallest_budget"] + TIGHT_ABOVE_SMALLEST,
            "lean": lines[0]["held"] + LEAN_ABOVE_HELD, "roomy": 0}


def prepare(arguments, scratch):
    contestants = []
    peers, absent = present(arguments.reference, ("torch", "onnx")) if arguments.reference else \
        ([], {})
    for peer, why in absent.items():
        note(f"without {peer}: {why}")
    for model in arguments.models.split(","):
        if model not in ("tiny", "small", "medium", "large"):
            fail(f"--models has '{model}'; it may list tiny, small, medium, large")
        directory = random_checkpoint(model)
        known = budgets(arguments, directory, scratch)
        contestants += [Contestant(model, kind, directory, known[kind])
                        for kind in arguments.budgets.split(",")]
        if "torch" in peers:
            contestants.append(Contestant(model, "torch", directory, 0))
        export = exported(arguments.reference, directory) if "onnx" in peers else None
        if export:
            contestants.append(Contestant(model, "onnx", export, 0))
    return contestants


# --- The whole -----------------------------------------------------------------------------------


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--driver", default="build/waterline_bench_memory",
                        help="build/waterline_bench_memory")
    parser.add_argument("--quick", action="store_true", help="12 batches of the small shape")
    parser.add_argument("--batches", type=int, help="40, or 12 with --quick")
    parser.add_argument("--models", help="of tiny, small, medium, large: small,medium")
    parser.add_argument("--budgets", default="tight,roomy",
                        help="of Waterline, of tight, lean, roomy: tight,roomy")
    parser.add_argument("--rounds", type=int, default=1, help="1")
    parser.add_argument("--threads", type=int, default=2, help="of every contestant: 2")
    parser.add_argument("--patience", type=float, default=10,
                        help="seconds that a run waits for the machine to become idle: 10")
    parser.add_argument("--reference", metavar="PYTHON", help="interpreter with the gliner package")
    parser.add_argument("--picture", metavar="FILE", help="draw the curves of the first round")
    parser.add_argument("--json", metavar="FILE", help="write the machine and everything measured")
    arguments = parser.parse_args()
    arguments.batches = arguments.batches or (12 if arguments.quick else 40)
    arguments.models = arguments.models or ("small" if arguments.quick else "small,medium")
    if not set(arguments.budgets.split(",")) <= set(BUDGETS):
        fail(f"--budgets has '{arguments.budgets}'; it may list {', '.join(BUDGETS)}")
    arguments.driver = pathlib.Path(arguments.driver).resolve()
    if not os.access(arguments.driver, os.X_OK):
        fail(f"{arguments.driver} is missing; ./dev bench memory builds it")
    if arguments.reference and not os.access(arguments.reference, os.X_OK):
        fail(f"--reference {arguments.reference} is not an interpreter")
    return arguments


def measure(arguments, contestants, batches, scratch):
    runs = []
    try:
        for i in range(arguments.rounds):
            order = contestants if i == 0 else random.sample(contestants, len(contestants))
            for contestant in order:
                machine.wait_until_idle(arguments.patience, MOST_DISTURBANCE)
                result = run(arguments, contestant, batches, scratch)
                runs.append(dict(result, round=i + 1))
                note(f"round {i + 1} of {arguments.rounds}: {memory_report.describe(result)}")
    except KeyboardInterrupt:
        note("interrupted; what was measured until now follows")
    return runs


def main():
    arguments = parse_arguments()
    painter = arguments.picture and python_with("matplotlib", "--picture")
    with tempfile.TemporaryDirectory(prefix="waterline-bench-") as scratch:
        contestants = prepare(arguments, scratch)
        batches = memory_workload.batches(contestants[0].directory, arguments.batches)
        runs = measure(arguments, contestants, batches, scratch)
    if not runs:
        fail("nothing was measured")
    about = machine.describe(ROOT / "build" / "waterline")
    measured = {"machine": about,
                "arguments": {key: getattr(arguments, key)
                              for key in ("batches", "models", "budgets", "rounds", "threads", "patience")},
                "batches": [{"report": batch["report"], "texts": len(batch["texts"]),
                             "labels": len(batch["labels"])} for batch in batches],
                "runs": runs}
    if arguments.json:
        write_json(measured, arguments.json)
    print(f"{about['cpu']}, {about['usable_cores']} cores, {' '.join(about['flags'])}; commit "
          f"{about['commit'][:10]}; {arguments.batches} batches, {arguments.threads} threads\n")
    print("\n".join(memory_report.table(measured)))
    print("\n" + "\n".join(memory_report.planning(measured)))
    if arguments.picture:
        with tempfile.NamedTemporaryFile(suffix=".json") as numbers:
            write_json(measured, numbers.name)
            subprocess.run([painter, memory_report.__file__, numbers.name, arguments.picture],
                           check=True)


if __name__ == "__main__":
    main()
