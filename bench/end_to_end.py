#!/usr/bin/env python3
"""Measures `waterline extract` from start to end, and the Python package beside it.

    ./dev bench [--quick] [--reference PYTHON] [--json FILE]

Cases: the default model on sentences and a random checkpoint of the small shape on texts of about
115 words, each at 1 and 2 threads, with the budget that the program takes by itself and with a
tight one. Every run is a process of its own; a round runs every case once, in random order; medians
of the rounds are printed. The machine should be idle: a run during which other processes (or other
guests of the host) took more than 5 % of the cores is repeated, and marked if that does not help.

    texts/s, tokens/s  whole run without load: reading, extraction, writing. Tokens of the encoder
                       with prompts and specials, without padding.
    load               the model, as the program tells it; of the Python package, start to loaded.
    first entity       from the start of a process to the line with the entities of one short text
                       (in which a random checkpoint may find none).
    VmHWM              peak of the resident memory.

--reference names an interpreter with gliner (2 threads, batches of 8, warmed up; its start and load
are not in texts/s). Its entities are compared with those of the program.
"""
# SPDX-License-Identifier: Apache-2.0
import argparse
import collections
import hashlib
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

import machine
import report
import workloads

ROOT = pathlib.Path(__file__).resolve().parent.parent
DEFAULT_MODEL = ROOT / "models" / "waterline-tiny-en"
MAKE_CHECKPOINT = ROOT / "tools" / "make_random_checkpoint.py"

# engine: "waterline" or "reference"; budget: as --memory-budget, or "" for none given.
Case = collections.namedtuple("Case", "model engine threads budget")

# label, directory, texts, and the tight budget.
Model = collections.namedtuple("Model", "name directory texts tight")


def note(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def fail(text):
    sys.exit(f"bench: {text}")


# --- One run -------------------------------------------------------------------------------------


def run_process(command, out, stdin=None):
    """Wall and CPU seconds, peak resident bytes, the share of the cores that others took; and the
    standard error of a command."""
    with tempfile.TemporaryFile() as errors:
        busy = machine.busy_seconds()
        begin = time.perf_counter()
        process = subprocess.Popen(command, stdin=stdin or subprocess.DEVNULL, stdout=out,
                                   stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        busy = machine.busy_seconds() - busy
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        text = errors.read().decode(errors="replace")
    if process.returncode != 0:
        fail(f"exit status {process.returncode} of: {' '.join(map(str, command))}\n{text[-2000:]}")
    own = usage.ru_utime + usage.ru_stime
    return {"wall_seconds": wall, "cpu_seconds": own, "peak_bytes": usage.ru_maxrss * 1024,
            "others_share": max(0.0, busy - own) / (wall * os.cpu_count())}, text


def number(text):
    """The first number of a value of --stats: "12,345", "0.013 s"."""
    return float(re.search(r"[\d.,]+", text).group().replace(",", ""))


def read_stats(text):
    """{name: value} of the table that --stats prints."""
    return dict(re.findall(r"^  (\S.*?)\s{2,}(\S.*)$", text, re.MULTILINE))


def stat_bytes(text):
    """Bytes of a size of --stats: the exact count in brackets, or all of it."""
    exact = re.search(r"\(([\d,]+)", text)
    return int(number(exact.group(1) if exact else text))


def waterline_command(program, model, case):
    command = [program, "extract", "--model", model.directory, "--format", "jsonl",
               "--labels", ",".join(workloads.LABELS), "--threads", str(case.threads)]
    return command + (["--memory-budget", case.budget] if case.budget else [])


def run_waterline(program, model, case, files):
    command = waterline_command(program, model, case)
    with tempfile.TemporaryFile() as out:
        sample, text = run_process(command + ["--stats", files["texts"]], out)
        out.seek(0)
        records = [json.loads(line) for line in out]
    stats = read_stats(text)
    try:
        sample.update(load_seconds=number(stats["load"]),
                      extract_seconds=number(stats["extract"]),
                      tokens=int(number(stats["tokens"])),
                      engine_peak_bytes=stat_bytes(stats["peak"]),
                      budget_bytes=stat_bytes(stats["budget"]),
                      isa=stats["threads"].split()[-1])
    except KeyError as missing:
        fail(f"--stats of {program} does not tell {missing}:\n{text}")
    work = sample["wall_seconds"] - sample["load_seconds"]
    sample["texts_per_second"] = len(records) / work
    sample["tokens_per_second"] = sample["tokens"] / work
    entities = [[[e["start"], e["end"], e["label"], e["score"]] for e in record["entities"]]
                for record in records]

    with open(files["first"], "rb") as first:
        begin = time.perf_counter()
        with subprocess.Popen(command, stdin=first, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL) as process:
            line = process.stdout.readline()
            sample["first_entity_seconds"] = time.perf_counter() - begin
    sample["first_has_entities"] = bool(line and json.loads(line)["entities"])
    return sample, entities


def run_reference(python, model, case, directory):
    job = os.path.join(directory, "job.json")
    with open(job, "w", encoding="utf-8") as file:
        json.dump({"model": str(model.directory), "labels": workloads.LABELS, "texts": model.texts,
                   "first": workloads.FIRST, "threads": case.threads, "batch": 8,
                   "spawned": time.time()}, file)
    with tempfile.TemporaryFile() as out:
        sample, _ = run_process([python, ROOT / "bench" / "reference_driver.py", job], out)
        out.seek(0)
        sample.update(json.loads(out.read().splitlines()[-1]))
    sample["texts_per_second"] = len(model.texts) / sample["extract_seconds"]
    sample["peak_bytes"] = max(sample["peak_bytes"], sample["load_peak_bytes"])
    return sample, sample.pop("entities")


# --- Preparation ---------------------------------------------------------------------------------


def python_with(module, purpose):
    for python in (sys.executable, "/usr/bin/python3"):
        if os.path.exists(python) and subprocess.run(
                [python, "-c", f"import {module}"], capture_output=True,
                check=False).returncode == 0:
            return python
    return fail(f"{purpose} needs {module}: apt-get install python3-{module}")


def random_checkpoint(shape):
    """A checkpoint of the present tool, made once."""
    made_by = hashlib.sha256(MAKE_CHECKPOINT.read_bytes()).hexdigest()[:8]
    directory = ROOT / "build" / "bench" / f"{shape}-{made_by}"
    if not (directory / "model.safetensors").exists():
        note(f"making {directory.relative_to(ROOT)}")
        subprocess.run([python_with("numpy", "making the random checkpoint"), MAKE_CHECKPOINT,
                        "--shape", shape, directory], check=True)
    return directory


def write_inputs(model, directory):
    files = {"texts": os.path.join(directory, "texts.jsonl"),
             "first": os.path.join(directory, "first.txt")}
    with open(files["texts"], "w", encoding="utf-8") as file:
        file.writelines(json.dumps({"text": text}) + "\n" for text in model.texts)
    with open(files["first"], "w", encoding="utf-8") as file:
        file.write(workloads.FIRST + "\n")
    return files


# --- The whole -----------------------------------------------------------------------------------


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/waterline", help="build/waterline")
    parser.add_argument("--quick", action="store_true", help="2 rounds over a quarter of the texts")
    parser.add_argument("--rounds", type=int, help="5, or 2 with --quick")
    parser.add_argument("--retries", type=int, default=2, help="of a disturbed run: 2")
    parser.add_argument("--patience", type=float, default=10,
                        help="seconds that a run waits for the machine to become idle: 10")
    parser.add_argument("--models", default="default,small",
                        help="of default, tiny, small, medium, large: default,small")
    parser.add_argument("--threads", default="1,2", help="thread counts: 1,2")
    parser.add_argument("--reference", metavar="PYTHON", help="interpreter with the gliner package")
    parser.add_argument("--json", metavar="FILE", help="write the machine and all samples")
    return parser.parse_args()


def prepare_models(names, quick):
    """{name: Model}. A tight budget holds the weights and a batch of a few texts."""
    tight = {"default": "128MiB", "tiny": "64MiB", "small": "384MiB", "medium": "640MiB",
             "large": "1536MiB"}
    models = {}
    for name in names:
        if name not in tight:
            fail(f"--models has '{name}'; it may list {', '.join(tight)}")
        if name == "default":
            models[name] = Model("default", DEFAULT_MODEL,
                                 workloads.sentences(100 if quick else 400), tight[name])
        else:
            models[name] = Model("random " + name, random_checkpoint(name),
                                 workloads.joined(12 if quick else 48), tight[name])
    return models


def run_case(arguments, program, model, case, scratch):
    """The sample and the entities of one run; a disturbed one is repeated."""
    for _ in range(arguments.retries + 1):
        machine.wait_until_idle(arguments.patience, report.MOST_DISTURBANCE)
        if case.engine == "waterline":
            sample, found = run_waterline(program, model, case, write_inputs(model, scratch))
        else:
            sample, found = run_reference(arguments.reference, model, case, scratch)
        note(f"{report.describe(case)}: {sample['texts_per_second']:.2f} texts/s; others took "
             f"{100 * sample['others_share']:.0f} % of the cores")
        if not report.disturbed(sample):
            break
    return sample, found


def measure(arguments, program, models, cases):
    """{case: samples}, {case: entities}, of all rounds or of those until an interrupt."""
    results, entities = {}, {}
    with tempfile.TemporaryDirectory(prefix="waterline-bench-") as scratch:
        try:
            for i in range(arguments.rounds):
                note(f"round {i + 1} of {arguments.rounds}")
                for case in random.sample(cases, len(cases)):
                    sample, found = run_case(arguments, program, models[case.model], case, scratch)
                    results.setdefault(case, []).append(sample)
                    entities[case] = found
        except KeyboardInterrupt:
            note("interrupted; what was measured until now follows")
    in_order = [case for case in cases if case in results]
    return ({case: results[case] for case in in_order},
            {case: entities[case] for case in in_order})


def write_json(measured, path):
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(measured, file, indent=1)


def main():
    arguments = parse_arguments()
    program = pathlib.Path(arguments.program).resolve()
    if not os.access(program, os.X_OK):
        fail(f"{program} is missing; ./dev build makes it")
    if arguments.reference and not os.access(arguments.reference, os.X_OK):
        fail(f"--reference {arguments.reference} is not an interpreter")
    arguments.rounds = arguments.rounds or (2 if arguments.quick else 5)
    threads = [int(count) for count in arguments.threads.split(",")]
    models = prepare_models(arguments.models.split(","), arguments.quick)
    cases = [Case(key, "waterline", count, budget) for key, model in models.items()
             for count in threads for budget in ("", model.tight)]
    if arguments.reference:
        cases += [Case(key, "reference", max(threads), "") for key in models]

    about = machine.describe(program)
    heading = (f"{about['cpu']}, {about['usable_cores']} cores, {' '.join(about['flags'])}; commit "
               f"{about['commit'][:10]}")
    note(heading)
    results, entities = measure(arguments, program, models, cases)
    agreed = report.agreements(entities)
    print(heading + f"; medians of {arguments.rounds} rounds\n")
    print("\n".join(report.table(models, results)), end="\n\n")
    print("\n".join(report.speedups(results) + [report.tell(*row) for row in agreed]))
    if arguments.json:
        write_json({"machine": about, "arguments": vars(arguments),
                    "samples": [dict(case._asdict(), texts=len(models[case.model].texts),
                                     samples=found) for case, found in results.items()],
                    "agreement": [dict(found, case=case._asdict(), base=base._asdict())
                                  for case, base, found in agreed]}, arguments.json)


if __name__ == "__main__":
    main()
