#!/usr/bin/env python3
"""Measures what data engines leave of the speed of one process, on the same cores.

    python bench/pipelines.py [--texts N] [--rounds N] [--model DIRECTORY] [--json FILE]

in an environment with the Python package and tests/python/engines/requirements.txt, as
build-python/cp311/engines that `./dev test python-engines` makes.

Every contestant reads texts of about 115 words from the same Parquet files, finds 10 labels, and
writes rows and entities to Parquet files. It does so once to warm up, then with a quarter of the
texts and with all of them. texts/s are the texts by which the two differ over the seconds by which
they differ, so what a run costs however small it is (workers that start, models that load) is left
out; it is the column `start`. Each run is a process of its own; a round runs all in random order;
values are medians of the rounds. The machine should be idle; a run waits half a minute for that.
The entities of all must be those of one process.
"""
# SPDX-License-Identifier: Apache-2.0
import argparse
import collections
import hashlib
import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import machine
from project import DEFAULT_MODEL, ROOT, fail, note, write_json
from workloads import LABELS, joined

PARTS = 16  # Files of each input.
BATCH = 256  # Rows that are in hand at once.
OTHERS = 0.05  # Share of the cores that others may take.

# workers: processes with an engine, of `threads` threads each.
Contestant = collections.namedtuple("Contestant", "engine workers threads")


def contestants(cores):
    made = [Contestant("process", 1, cores), Contestant("datasets", 1, cores)]
    for engine in ("ray", "spark"):
        made.append(Contestant(engine, 1, cores))
        if cores > 1:
            made.append(Contestant(engine, cores, 1))
    return made


# --- One run, in a process of its own ------------------------------------------------------------


def start(contestant, model, budget, directory):
    """A function that reads one directory of Parquet files and writes another."""
    return {"process": start_process, "datasets": start_datasets, "ray": start_ray,
            "spark": start_spark}[contestant.engine](contestant, model, budget, directory)


def start_process(contestant, model, budget, _):
    import pyarrow.dataset
    import pyarrow.parquet
    from waterline import GLiNER
    from waterline.rows import RowExtraction

    loaded = GLiNER.from_pretrained(model, memory_budget=budget, threads=contestant.threads)
    extraction = RowExtraction(LABELS)

    def run(source, target):
        os.makedirs(target)
        batches = pyarrow.dataset.dataset(source).to_batches(batch_size=BATCH)
        for i, batch in enumerate(batches):
            rows = pyarrow.Table.from_batches([extraction.run(loaded, batch)])
            pyarrow.parquet.write_table(rows, os.path.join(target, f"{i}.parquet"))

    return run


def start_datasets(contestant, model, budget, directory):
    os.environ["HF_HOME"] = directory
    import datasets
    from waterline import GLiNER
    from waterline.rows import RowExtraction

    datasets.disable_progress_bars()
    datasets.disable_caching()
    loaded = GLiNER.from_pretrained(model, memory_budget=budget, threads=contestant.threads)
    extraction = RowExtraction(LABELS)

    def run(source, target):
        files = sorted(str(path) for path in pathlib.Path(source).glob("*.parquet"))
        texts = datasets.Dataset.from_parquet(files, keep_in_memory=True).with_format("arrow")
        found = texts.map(lambda rows: extraction.run(loaded, rows), batched=True,
                          batch_size=BATCH, keep_in_memory=True)
        os.makedirs(target)
        found.to_parquet(os.path.join(target, "0.parquet"))

    return run


def start_ray(contestant, model, budget, _):
    os.environ["RAY_AUTH_MODE"] = "disabled"
    import ray
    import ray.data
    import waterline.ray

    # One CPU beside those of the actors, for the tasks that read and write.
    ray.init(num_cpus=contestant.workers * contestant.threads + 1, include_dashboard=False,
             log_to_driver=False, logging_level="error")
    ray.data.DataContext.get_current().enable_progress_bars = False

    def run(source, target):
        waterline.ray.extract(
            ray.data.read_parquet(source), LABELS, model=model, memory_budget=budget,
            threads=contestant.threads, actors=contestant.workers, batch_size=BATCH,
        ).write_parquet(target)

    return run


def start_spark(contestant, model, budget, _):
    os.environ.update(PYSPARK_PYTHON=sys.executable, SPARK_LOCAL_IP="127.0.0.1")
    import waterline.spark
    from pyspark.sql import SparkSession

    spark = (
        SparkSession.builder.master(f"local[{contestant.workers}]")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", str(BATCH))
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")

    def run(source, target):
        waterline.spark.extract(
            spark.read.parquet(source), LABELS, model=model, memory_budget=budget,
            threads=contestant.threads,
        ).write.parquet(target)

    return run


def digest(directory):
    """Of all rows, in the order of their ids."""
    import pyarrow.dataset

    rows = pyarrow.dataset.dataset(directory, format="parquet").to_table(
        columns=["id", "entities", "error"]).sort_by("id").to_pylist()
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def run_one(contestant, model, budget, inputs):
    """Prints the seconds of each run, and a digest of what was found."""
    with tempfile.TemporaryDirectory(prefix="waterline-bench-") as directory:
        run = start(contestant, model, budget, directory)
        measured = {}
        for name in ("warm", "quarter", "all"):
            target = os.path.join(directory, name)
            begin = time.perf_counter()
            run(os.path.join(inputs, "quarter" if name == "warm" else name), target)
            measured[name] = time.perf_counter() - begin
        measured["digest"] = digest(target)
    print(json.dumps(measured), flush=True)


# --- All of them ---------------------------------------------------------------------------------


def write_inputs(directory, count):
    import pyarrow as pa
    import pyarrow.parquet

    texts = joined(count)
    for name, own in (("all", texts), ("quarter", texts[: count // 4])):
        os.makedirs(os.path.join(directory, name))
        for part in range(PARTS):
            rows = range(part, len(own), PARTS)
            pyarrow.parquet.write_table(
                pa.table({"id": pa.array(rows, pa.int64()), "text": [own[i] for i in rows]}),
                os.path.join(directory, name, f"{part:02}.parquet"))


def measure(contestant, arguments, inputs):
    machine.wait_until_idle(30, OTHERS)
    command = [sys.executable, __file__, "--run", *map(str, contestant), "--inputs", inputs,
               "--model", arguments.model, "--memory-budget", arguments.memory_budget]
    ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                         check=False)
    if ran.returncode != 0:
        fail(f"exit status {ran.returncode} of: {' '.join(command)}\n{ran.stderr[-3000:]}")
    measured = json.loads(ran.stdout.splitlines()[-1])
    quarter, whole = measured["quarter"], measured["all"]
    if whole <= quarter:
        fail(f"{contestant}: all texts took {whole:.2f} s, a quarter {quarter:.2f} s; "
             "give more with --texts")
    count = arguments.texts - arguments.texts // 4
    speed = count / (whole - quarter)
    return {"texts_per_second": speed, "start": max(0.0, whole - arguments.texts / speed),
            **measured}


def show(measured, alone):
    print("| engine | workers x threads | texts/s | of one process | start, s |")
    print("|---|--:|--:|--:|--:|")
    for contestant, samples in measured.items():
        speed = statistics.median(sample["texts_per_second"] for sample in samples)
        begin = statistics.median(sample["start"] for sample in samples)
        print(f"| {contestant.engine} | {contestant.workers} x {contestant.threads} | {speed:.1f} | "
              f"{speed / alone:.0%} | {begin:.1f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--texts", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default=str(DEFAULT_MODEL))
    parser.add_argument("--memory-budget", default="256MiB", help="of each engine")
    parser.add_argument("--only", help="some engines, with commas; `process` is always among them")
    parser.add_argument("--json", default=ROOT / "bench" / "results" / "pipelines.json")
    parser.add_argument("--run", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--inputs", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        engine, workers, threads = arguments.run
        run_one(Contestant(engine, int(workers), int(threads)), arguments.model,
                arguments.memory_budget, arguments.inputs)
        return
    if arguments.texts < 4 * PARTS:
        fail(f"--texts is {arguments.texts}, expected {4 * PARTS} or more")
    cores = len(os.sched_getaffinity(0))
    wanted = {"process", *(arguments.only or "process,datasets,ray,spark").split(",")}
    chosen = [contestant for contestant in contestants(cores) if contestant.engine in wanted]
    if "spark" in wanted and shutil.which("java") is None:
        fail("spark needs java: apt-get install openjdk-17-jre-headless")
    measured = {contestant: [] for contestant in chosen}
    dice = random.Random(5)
    with tempfile.TemporaryDirectory(prefix="waterline-bench-") as inputs:
        write_inputs(inputs, arguments.texts)
        for i in range(arguments.rounds):
            for contestant in dice.sample(chosen, len(chosen)):
                sample = measure(contestant, arguments, inputs)
                measured[contestant].append(sample)
                note(f"round {i + 1} {contestant.engine} {contestant.workers} x "
                     f"{contestant.threads}: {sample['texts_per_second']:.1f} texts/s")
    found = {sample["digest"] for samples in measured.values() for sample in samples}
    if len(found) != 1:
        fail("the engines found different entities")
    alone = statistics.median(
        sample["texts_per_second"] for sample in measured[Contestant("process", 1, cores)])
    show(measured, alone)
    write_json({"machine": machine.describe("/bin/true"), "texts": arguments.texts,
                "model": arguments.model, "memory_budget": arguments.memory_budget,
                "samples": [{**contestant._asdict(), "samples": samples}
                            for contestant, samples in measured.items()]}, arguments.json)


if __name__ == "__main__":
    main()
