#!/usr/bin/env python3
"""Measures `waterline extract` from start to end, and its peers beside it.

    ./dev bench [--quick]                  # Waterline alone
    ./dev bench --peers                    # and all peers, which are installed below build/
    ./dev bench --peers-python PYTHON      # the same with an interpreter that has their packages
    ./dev bench --reference PYTHON         # Waterline and the Python package, f32

Models: the default one on sentences, random checkpoints of published shapes on texts of about 115
words; 10 labels. Contestants: Waterline, the Python package on PyTorch and on ONNX Runtime,
fast-gliner and gliner-cpp, each with the number types it has (bench/contestants.py,
bench/peers.py). Peers get batches of 8 in the order of the input, and as many threads as Waterline
where they have an option for it. What is not there or fails is named and left out.

Every run is a process of its own: load, one short text, a warm-up on 8 texts, then all texts in one
call. A round runs every case once, in random order. The machine should be idle: a run during which
other processes (or other guests of the host) took more than 5 % of the cores is repeated, and
marked if that does not help. Values are medians of the rounds.

    texts/s, tokens/s  of the call on all texts; of Waterline, which is a program, from giving it
                       the file until it wrote the last line. Tokens of the encoder with prompts
                       and special tokens, without padding.
    load               the model, as the program tells it; of peers, start of the process to loaded.
    first entity       from the start of the process to the entities of one short text (in which a
                       random checkpoint may find none).
    peak               most resident memory of the process (VmHWM).
    of peak            multiply-adds of the model (bench/checkpoints.py has the formula) per second,
                       twice, by the f32 multiply-adds that all threads could do, as measured; a
                       narrower type may pass 100 %.

The entities of every case are compared with those of PyTorch f32. Results go to bench/results.
"""
# SPDX-License-Identifier: Apache-2.0
import argparse
import collections
import datetime
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import time

import machine
import report
import workloads
from checkpoints import exported, multiply_adds, random_checkpoint
from contestants import (CONTESTANTS, DTYPES, chosen, install, is_program, present, program_types)
from project import DEFAULT_MODEL, ROOT, fail, note, python_with, write_json

# engine: a name of CONTESTANTS; budget: "auto", or as --memory-budget.
Case = collections.namedtuple("Case", "model engine dtype threads budget")

# directory: of the checkpoint; export: of its ONNX files, or None. sequences: tokens and words of
# each text.
Model = collections.namedtuple("Model", "name directory export texts sequences multiply_adds")

# A tight budget holds the weights and a batch of a few texts.
TIGHT = {"default": "128MiB", "tiny": "64MiB", "small": "384MiB", "medium": "640MiB",
         "large": "1536MiB"}
BATCH = 8  # Of peers, and of the warm-up.


class RunFailed(SystemExit):
    """A process that did not end well: ends the benchmark unless it is caught."""

    def __init__(self, command, status, errors):
        lines = errors.replace(f"{ROOT}/", "").strip().splitlines()
        self.reason = f"killed by signal {-status}" if status < 0 else \
            f"exit status {status}" + (f", {lines[-1]}" if lines else "")
        super().__init__(f"bench: {self.reason}: {' '.join(map(str, command))}\n{errors[-2000:]}")


# --- One run -------------------------------------------------------------------------------------


def run_process(command, out, stdin=None, talk=None):
    """Wall and CPU seconds, peak resident bytes, the share of the cores that others took; and the
    standard error of a command. `talk` is called with the process while it runs."""
    with tempfile.TemporaryFile() as errors:
        busy = machine.busy_seconds()
        begin = time.perf_counter()
        process = subprocess.Popen(command, stdin=stdin or subprocess.DEVNULL, stdout=out,
                                   stderr=errors)
        understood = True
        try:
            if talk:
                talk(process)
        except (OSError, ValueError):  # It died, or does not speak as it should.
            understood = False
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        busy = machine.busy_seconds() - busy
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        text = errors.read().decode(errors="replace")
    if process.returncode != 0 or not understood:
        raise RunFailed(command, process.returncode, text)
    own = usage.ru_utime + usage.ru_stime
    return {"wall_seconds": wall, "cpu_seconds": own, "peak_bytes": usage.ru_maxrss * 1024,
            "others_share": max(0.0, busy - own) / (wall * os.cpu_count())}, text


def as_lines(texts):
    return "".join(json.dumps({"text": text}) + "\n" for text in texts)


def run_waterline(command, model, case, scratch):
    """Standard input is the short text, then the warm-up; the file with all texts is read after it
    ends."""
    file = os.path.join(scratch, "texts.jsonl")
    with open(file, "w", encoding="utf-8") as texts:
        texts.write(as_lines(model.texts))
    statistics = os.path.join(scratch, "statistics.json")
    command = command + ["--model", model.directory, "--labels", ",".join(workloads.LABELS),
                         "--threads", str(case.threads), "--memory-budget", case.budget,
                         "--format", "jsonl", "--input", "jsonl", "--stats-json", statistics,
                         "-", file]
    sample, records = {}, []
    spawned = time.perf_counter()

    def talk(process):
        def ask(texts):
            process.stdin.write(as_lines(texts).encode())
            process.stdin.flush()
            return [json.loads(process.stdout.readline()) for _ in texts]

        with process.stdin, process.stdout:
            first = ask([workloads.FIRST])[0]
            sample["first_entity_seconds"] = time.perf_counter() - spawned
            sample["first_has_entities"] = bool(first["entities"])
            ask(model.texts[:BATCH])
            begin = time.perf_counter()
            process.stdin.close()
            records.extend(map(json.loads, process.stdout))
            sample["extract_seconds"] = time.perf_counter() - begin

    measured, _ = run_process(command, subprocess.PIPE, subprocess.PIPE, talk)
    with open(statistics, encoding="utf-8") as told:
        told = json.load(told)
    sample.update(measured, load_seconds=told["load_seconds"], engine_peak_bytes=told["peak"],
                  budget_bytes=told["memory_budget"], isa=told["isa"])
    return sample, [[[e["start"], e["end"], e["label"], e["score"]] for e in record["entities"]]
                    for record in records]


def run_peer(python, model, case, scratch):
    job = os.path.join(scratch, "job.json")
    directory = model.directory if case.engine == "torch" else model.export
    with open(job, "w", encoding="utf-8") as file:
        json.dump({"peer": case.engine, "dtype": case.dtype, "model": str(directory),
                   "labels": workloads.LABELS, "texts": model.texts, "first": workloads.FIRST,
                   "threads": case.threads, "batch": BATCH, "spawned": time.time()}, file)
    with tempfile.TemporaryFile() as out:
        sample, _ = run_process([python, ROOT / "bench" / "peer_driver.py", job], out)
        out.seek(0)
        sample.update(json.loads(out.read().splitlines()[-1]))
    return sample, sample.pop("entities")


def run_case(arguments, model, case, scratch):
    """The sample and the entities of one run; a disturbed one is repeated."""
    for _ in range(arguments.retries + 1):
        machine.wait_until_idle(arguments.patience, report.MOST_DISTURBANCE)
        if case.engine == "waterline":
            command = [arguments.program, "extract", *arguments.types[case.dtype]]
            sample, found = run_waterline(command, model, case, scratch)
        else:
            sample, found = run_peer(arguments.peers_python, model, case, scratch)
        sample["texts_per_second"] = len(model.texts) / sample["extract_seconds"]
        note(f"{report.describe(case)}: {sample['texts_per_second']:.2f} texts/s; others took "
             f"{100 * sample['others_share']:.0f} % of the cores")
        if not report.disturbed(sample):
            break
    return sample, found


# --- Preparation ---------------------------------------------------------------------------------


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/waterline", help="build/waterline")
    parser.add_argument("--peers", action="store_true", help="install and measure the peers")
    parser.add_argument("--peers-python", metavar="PYTHON",
                        help="measure the peers that this interpreter has")
    parser.add_argument("--reference", metavar="PYTHON", help="as --peers-python PYTHON "
                        "--contestants waterline,torch --dtypes f32 with the thread counts and "
                        "budgets of Waterline alone")
    parser.add_argument("--shapes", default="default,small",
                        help=f"models, of {', '.join(TIGHT)}: default,small")
    parser.add_argument("--contestants", help=f"of {', '.join(CONTESTANTS)}")
    parser.add_argument("--dtypes", help="of f32, bf16, int8: all with peers, else f32")
    parser.add_argument("--threads", help="thread counts of Waterline: 2 with peers, else 1,2; "
                        "peers get the largest")
    parser.add_argument("--budgets",
                        help="of Waterline, of auto, tight: auto with peers, else both")
    parser.add_argument("--quick", action="store_true", help="2 rounds over a quarter of the texts")
    parser.add_argument("--rounds", type=int, help="5, or 2 with --quick")
    parser.add_argument("--texts", type=int,
                        help="longer texts: 48; the default model reads 8 times as many sentences")
    parser.add_argument("--retries", type=int, default=2, help="of a disturbed run: 2")
    parser.add_argument("--patience", type=float, default=10,
                        help="seconds that a run waits for the machine to become idle: 10")
    parser.add_argument("--json", metavar="FILE", help="where to write all that was measured: "
                        "bench/results/DATE-MACHINE.json")
    parser.add_argument("--plot", metavar="FILE", help="draw texts/s as ratios to PyTorch f32")
    arguments = parser.parse_args()
    arguments.program = pathlib.Path(arguments.program).resolve()
    if not is_program(arguments.program):
        fail(f"{arguments.program} is missing; ./dev build makes it")
    for option in ("peers_python", "reference"):
        value = getattr(arguments, option)
        if value and not is_program(value):
            fail(f"--{option.replace('_', '-')} {value} is not an interpreter")
    return arguments


def settle(arguments):
    """Lists instead of texts, and what was not said."""
    peers = arguments.peers or arguments.peers_python
    names = ",".join(CONTESTANTS) if peers else "waterline"
    if arguments.reference:
        arguments.peers_python, names = arguments.reference, "waterline,torch"
    arguments.contestants = chosen(arguments.contestants or names, CONTESTANTS, "--contestants")
    arguments.dtypes = chosen(arguments.dtypes or (",".join(DTYPES) if peers else "f32"), DTYPES,
                              "--dtypes")
    arguments.shapes = chosen(arguments.shapes, TIGHT, "--shapes")
    arguments.budgets = chosen(arguments.budgets or ("auto" if peers else "auto,tight"),
                               ("auto", "tight"), "--budgets")
    arguments.threads = [int(count) for count in
                         (arguments.threads or ("2" if peers else "1,2")).split(",")]
    arguments.rounds = arguments.rounds or (2 if arguments.quick else 5)


def find_peers(arguments, skipped):
    """The peers that can run."""
    peers = [name for name in arguments.contestants if name != "waterline"]
    if not peers:
        return []
    if not arguments.peers_python:
        if not arguments.peers:
            fail("--contestants has peers; --peers installs them, --peers-python names an "
                 "interpreter that has them")
        arguments.peers_python = install(peers)
    here, absent = present(arguments.peers_python, peers)
    skipped.update({CONTESTANTS[peer].name: why for peer, why in absent.items()})
    return here


def sequences(program, directory, texts, scratch):
    """(tokens, words) of each text with the labels, as `waterline plan` counts them."""
    file = os.path.join(scratch, "texts.jsonl")
    with open(file, "w", encoding="utf-8") as lines:
        lines.write(as_lines(texts))
    done = subprocess.run([program, "plan", directory, "--input", file, "--labels",
                           ",".join(workloads.LABELS), "--batch-tokens", "1", "--json"],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        fail(f"waterline plan cannot count tokens: {done.stderr.strip()}")
    return [(batch["tokens"], batch["words"]) for batch in json.loads(done.stdout)["batch_plans"]]


def prepare_models(arguments, peers, scratch):
    """{name: Model}."""
    part = 4 if arguments.quick else 1
    models = {}
    for name in arguments.shapes:
        if name == "default":
            title, directory = "default", DEFAULT_MODEL
            texts = workloads.sentences(8 * (arguments.texts or 0) or 400 // part)
        else:
            title, directory = "random " + name, random_checkpoint(name)
            texts = workloads.joined(arguments.texts or 48 // part)
        export = None
        if set(peers) - {"torch"}:
            export = exported(arguments.peers_python, directory)
        counts = sequences(arguments.program, directory, texts, scratch)
        models[name] = Model(title, directory, export, texts, counts,
                             multiply_adds(directory, counts, len(workloads.LABELS)))
    return models


def list_cases(arguments, models, peers, skipped):
    cases = []
    for key, model in models.items():
        if "waterline" in arguments.contestants:
            cases += [Case(key, "waterline", dtype, threads, TIGHT[key] if budget == "tight" else
                           "auto")
                      for dtype in arguments.types for threads in arguments.threads
                      for budget in arguments.budgets]
        for peer in peers:
            if peer != "torch" and not model.export:
                skipped[f"{CONTESTANTS[peer].name}, {model.name}"] = "the model cannot be exported"
                continue
            cases += [Case(key, peer, dtype, max(arguments.threads), "auto")
                      for dtype in CONTESTANTS[peer].dtypes if dtype in arguments.dtypes]
    return cases


# --- The whole -----------------------------------------------------------------------------------


def core_peak(program):
    """Measured f32 GFLOP/s of a core with its widest registers; 0 where that is not known."""
    kernels = program.parent / "waterline_bench_kernels"
    if not is_program(kernels):
        return 0.0
    done = subprocess.run([kernels, "--peak"], capture_output=True, text=True, check=False)
    return max(json.loads(done.stdout).values()) if done.returncode == 0 else 0.0


def measure(arguments, models, cases, scratch, skipped):
    """Samples with their case and round, {case: entities}, and the peak of a core before each
    round; of all rounds or of those until an interrupt. A case that fails is left out of the
    rounds that follow."""
    runs, entities, peaks = [], {}, []
    left = list(cases)
    try:
        for i in range(arguments.rounds):
            note(f"round {i + 1} of {arguments.rounds}")
            machine.wait_until_idle(arguments.patience, report.MOST_DISTURBANCE)
            peaks.append(core_peak(arguments.program))
            for case in random.sample(left, len(left)):
                try:
                    sample, found = run_case(arguments, models[case.model], case, scratch)
                except RunFailed as failure:
                    skipped[report.describe(case)] = failure.reason
                    note(f"{report.describe(case)} failed: {failure.reason}")
                    left.remove(case)
                    continue
                runs.append(dict(case._asdict(), round=i + 1, **sample))
                entities[case] = found
    except KeyboardInterrupt:
        note("interrupted; what was measured until now follows")
    return runs, entities, peaks


def result_file(about):
    """A new file of bench/results for this day and machine."""
    slug = re.sub(r"[^a-z0-9]+", "-", f"{about['cpu']} {about['usable_cores']} cores".lower())
    base = ROOT / "bench" / "results" / f"{datetime.date.today()}-{slug.strip('-')}"
    tries = [base.with_name(base.name + (f"-{i}" if i else "") + ".json") for i in range(1000)]
    return next(path for path in tries if not path.exists())


def told_arguments(arguments):
    """Without paths, which say nothing elsewhere."""
    return {key: value for key, value in vars(arguments).items()
            if key in ("shapes", "contestants", "dtypes", "threads", "budgets", "rounds", "texts",
                       "quick", "retries", "patience")}


def command_line():
    """The command without paths of this machine."""
    words = [re.sub(r"^(--[a-z-]+=)?/.*/", r"\1.../", word) for word in sys.argv[1:]]
    return " ".join(["./dev", "bench", *words]).replace(" --program build/waterline", "")


def main():
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # What was measured is told, too.
    arguments = parse_arguments()
    painter = arguments.plot and python_with("matplotlib", "--plot")
    settle(arguments)
    skipped = {}
    arguments.types, unknown = program_types(arguments.program, arguments.dtypes)
    if "waterline" in arguments.contestants:
        skipped.update({f"Waterline {dtype}": why for dtype, why in unknown.items()})
    peers = find_peers(arguments, skipped)
    about = machine.describe(arguments.program)
    with tempfile.TemporaryDirectory(prefix="waterline-bench-") as scratch:
        models = prepare_models(arguments, peers, scratch)
        cases = list_cases(arguments, models, peers, skipped)
        for name, why in skipped.items():
            note(f"without {name}: {why}")
        runs, entities, peaks = measure(arguments, models, cases, scratch, skipped)
    if not runs:
        fail("nothing was measured")
    versions = {}
    for run in runs:
        versions.update(run.pop("versions", {}))
    measured = {"machine": about, "command": command_line(), "arguments": told_arguments(arguments),
                "versions": versions, "core_peak_gflops": max(peaks), "skipped": skipped,
                "models": {key: {"name": model.name, "texts": len(model.texts),
                                 "tokens": sum(tokens for tokens, _ in model.sequences),
                                 "words": sum(words for _, words in model.sequences),
                                 "multiply_adds": model.multiply_adds}
                           for key, model in models.items()},
                "runs": runs}
    in_order = {case: entities[case] for case in cases if case in entities}
    measured["summary"] = report.summarise(measured, in_order)
    path = pathlib.Path(arguments.json) if arguments.json else result_file(about)
    write_json(measured, path)
    note(f"wrote {path}")
    print("\n".join(report.document(measured)))
    if arguments.plot:
        subprocess.run([painter, ROOT / "bench" / "plot.py", path, arguments.plot], check=True)
    ours = [case for case in cases
            if case.engine == "waterline" and report.describe(case) in skipped]
    if ours:
        fail(f"Waterline failed: {'; '.join(map(report.describe, ours))}")


if __name__ == "__main__":
    main()
