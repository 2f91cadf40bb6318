#!/usr/bin/env python3
"""Measures what the program takes beside the model: around it, in a run over many short texts, and to start.

    ./dev bench command [--texts N] [--json FILE]

Run: `waterline extract` with the default model over N texts of 4 to 40 words as JSONL, to a file. The engine
gets one window of texts after another, and the program does nothing else meanwhile: what its seconds do not
have is reading, splitting, merging and writing, the digest of the input, and the journal of the output.

    whole     by the program: from its start until all was written (total_seconds of --stats-json)
    load      the model
    engine    in the engine (extract_seconds)
    around    the rest, which may be up to 5 % of the whole
    process   by the system: from spawning the process until it was gone, with start-up and exit;
              `around` of it is what load and engine leave
    cpu       user and system seconds of the process, and the share that others took of the cores

Start: a process spawned and awaited, its output discarded, beside /bin/true; medians of --starts rounds, in
which each command runs once. `waterline --help` may take 10 ms.

The exit status is 1 when a figure is above its limit.
"""
# SPDX-License-Identifier: Apache-2.0
import argparse
import json
import os
import pathlib
import statistics
import sys
import tempfile
import time

import machine
import report
import workloads
from end_to_end import run_process
from project import fail, note, write_json

MOST_AROUND = 0.05
MOST_HELP = 0.010
LABELS = "person,organization,location"
STARTS = {"/bin/true": None, "waterline --help": ["--help"], "waterline --version": ["--version"],
          "waterline completion bash": ["completion", "bash"]}


# --- A run ---------------------------------------------------------------------------------------


def write_texts(path, count):
    with open(path, "w", encoding="utf-8") as file:
        for number, text in enumerate(workloads.short_texts(count)):
            file.write(json.dumps({"id": f"text-{number}", "text": text}) + "\n")


def run(arguments, scratch):
    texts, found, stats = (os.path.join(scratch, name) for name in
                           ("texts.jsonl", "found.jsonl", "stats.json"))
    write_texts(texts, arguments.texts)
    command = [arguments.program, "extract", "--labels", LABELS, "--threads", str(arguments.threads),
               "--quiet", "--stats-json", stats, "--output", found, texts]
    measured, _ = run_process(command, None)
    with open(stats, encoding="utf-8") as file:
        told = json.load(file)
    if told["texts"] != arguments.texts or told["refused_texts"]:
        fail(f"{told['texts']} of {arguments.texts} texts were read, {told['refused_texts']} refused")
    whole, load, engine = (told[key] for key in ("total_seconds", "load_seconds", "extract_seconds"))
    return {"texts": told["texts"], "words": told["words"], "tokens": told["tokens"],
            "entities": told["entities"], "bytes_in": os.path.getsize(texts),
            "bytes_out": os.path.getsize(found), "whole_seconds": whole, "load_seconds": load,
            "engine_seconds": engine, "around_seconds": whole - load - engine,
            "around_share": (whole - load - engine) / whole,
            "process_seconds": measured["wall_seconds"],
            "process_around_share": 1 - (load + engine) / measured["wall_seconds"],
            "cpu_seconds": measured["cpu_seconds"], "others_share": measured["others_share"],
            "threads": told["threads"], "isa": told["isa"], "dtype": told["dtype"]}


def run_table(r):
    rows = [["", "s", "of the whole"]]
    for key in ("whole", "load", "engine", "around"):
        rows.append([key, f"{r[key + '_seconds']:.2f}",
                     f"{100 * r[key + '_seconds'] / r['whole_seconds']:.2f} %"])
    rows += [["process", f"{r['process_seconds']:.2f}", ""],
             ["around, of the process", f"{r['process_around_share'] * r['process_seconds']:.2f}",
              f"{100 * r['process_around_share']:.2f} %"],
             ["cpu", f"{r['cpu_seconds']:.2f}", ""]]
    return report.grid(rows)


# --- Starts --------------------------------------------------------------------------------------


def start(command, environment):
    """Seconds from spawning a command until it was gone."""
    actions = [(os.POSIX_SPAWN_OPEN, descriptor, os.devnull, os.O_RDWR, 0) for descriptor in (0, 1, 2)]
    begin = time.perf_counter()
    process = os.posix_spawn(command[0], command, environment, file_actions=actions)
    _, status = os.waitpid(process, 0)
    seconds = time.perf_counter() - begin
    if status != 0:
        fail(f"exit status {os.waitstatus_to_exitcode(status)} of {' '.join(command)}")
    return seconds


def starts(arguments):
    """{command: [seconds]}."""
    environment = dict(os.environ, WATERLINE_CONFIG="")
    commands = {name: [name] if flags is None else [str(arguments.program), *flags]
                for name, flags in STARTS.items()}
    seconds = {name: [] for name in commands}
    for i in range(arguments.starts + 2):
        for name, command in commands.items():
            took = start(command, environment)
            if i >= 2:  # The first read the program from the disk.
                seconds[name].append(took)
    return seconds


def starts_table(seconds):
    rows = [["command", "median ms", "least ms", "most ms", "over /bin/true ms"]]
    alone = statistics.median(seconds["/bin/true"])
    for name, took in seconds.items():
        median = statistics.median(took)
        rows.append([f"`{name}`"] + [f"{1e3 * value:.2f}" for value in
                                     (median, min(took), max(took), median - alone)])
    return report.grid(rows)


# --- The whole -----------------------------------------------------------------------------------


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/waterline", help="build/waterline")
    parser.add_argument("--texts", type=int, default=100_000,
                        help="100000; 0 measures the starts alone")
    parser.add_argument("--threads", type=int, default=0, help="0, one for each core")
    parser.add_argument("--starts", type=int, default=50, help="rounds: 50; 0 for none")
    parser.add_argument("--patience", type=float, default=10,
                        help="seconds that a run waits for the machine to become idle: 10")
    parser.add_argument("--json", metavar="FILE", help="write the machine and all figures")
    arguments = parser.parse_args()
    arguments.program = pathlib.Path(arguments.program).resolve()
    if not os.access(arguments.program, os.X_OK):
        fail(f"{arguments.program} is missing; ./dev build makes it")
    return arguments


def main():
    arguments = parse_arguments()
    about = machine.describe(arguments.program)
    measured, wrong = {"machine": about}, []
    print(f"{about['cpu']}, {about['usable_cores']} cores; {about['program'].splitlines()[0]}, commit "
          f"{about['commit'][:10]}")
    if arguments.starts:
        machine.wait_until_idle(arguments.patience, report.MOST_DISTURBANCE)
        measured["starts"] = starts(arguments)
        print("\n" + "\n".join(starts_table(measured["starts"])))
        helped = statistics.median(measured["starts"]["waterline --help"])
        if helped > MOST_HELP:
            wrong.append(f"waterline --help took {1e3 * helped:.1f} ms, more than {1e3 * MOST_HELP:g}")
    if arguments.texts:
        machine.wait_until_idle(arguments.patience, report.MOST_DISTURBANCE)
        with tempfile.TemporaryDirectory(prefix="waterline-bench-") as scratch:
            measured["run"] = r = run(arguments, scratch)
        print(f"\n{r['texts']:,} texts, {r['words']:,} words, {r['tokens']:,} tokens, "
              f"{r['bytes_in']:,} bytes in, {r['bytes_out']:,} out; {r['threads']} threads, {r['isa']}, "
              f"{r['dtype']}; others took {100 * r['others_share']:.0f} % of the cores\n")
        print("\n".join(run_table(r)))
        if max(r["around_share"], r["process_around_share"]) > MOST_AROUND:
            wrong.append(f"{100 * r['around_share']:.1f} % of the program's and "
                         f"{100 * r['process_around_share']:.1f} % of the process's time went around the "
                         f"engine and the load, more than {100 * MOST_AROUND:g} %")
    if arguments.json:
        write_json(measured, arguments.json)
    for sentence in wrong:
        note(sentence)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
