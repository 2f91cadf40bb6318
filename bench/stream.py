#!/usr/bin/env python3
"""Sends gigabytes through `waterline extract` and fails when its memory grows, or when a record is lost.

    ./dev bench stream [--gigabytes G] [--kinds jsonl,csv,lines,gz] [--json FILE]

A model reads some hundred short texts a second and would need days for 5 GB. Most of what streams past is
therefore beside the texts, so that reading, decompression, splitting, parsing, the digest of the input and
writing work on every byte, and the model on a text here and there:

    jsonl  objects with an id, other fields, one of them long, and a text, empty but in one record of 500
    csv    the same as columns; the long one is quoted, with line breaks and doubled quotes
    gz     jsonl as gzip, a member for each block; bytes are counted as they are uncompressed
    lines  texts, a line each, of which --shard takes one of 2,000

Records are 100 bytes to 20 kB long, and 200 kB once in 5,000. Before them every text comes twice without
such company, as many at once as one window of `extract` takes: what the texts need was there by then.

    bytes     that were generated
    early     VmRSS at a tenth of the stream, after 0.5 GB at the latest
    end, most VmRSS at its end, and the most that was sampled, once a block (about 1 MB), from `early` on
    peak      VmHWM at the end: the most of the whole run, between samples too

`most` may exceed `early` by --tolerance (6 MiB: the ids that are remembered take up to 4).
"""
# SPDX-License-Identifier: Apache-2.0
import argparse
import collections
import fcntl
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time
import zlib

import machine
import report
import workloads
from project import fail, note, write_json

MIB = 1 << 20
BLOCK_RECORDS = 800
TEXTS = 64          # Different ones.
TEXT_EVERY = 500    # Records, of jsonl, csv and gz.
SHARD = 2_000       # Of lines.
LONG_EVERY = 5_000
VARIANTS = 16       # Of the long field: more would only cost time to make.
GZIP = 16 + zlib.MAX_WBITS

# flags: of `extract`. opening: what the stream begins with. record: (number, text, field) -> str, of records.
Kind = collections.namedtuple("Kind", "flags opening record")


# --- What streams past ---------------------------------------------------------------------------


def json_record(number, text, field):
    return (f'{{"id": "record-{number}", "kind": "note", "body": {field}, "tags": [{number % 7}, null], '
            f'"text": {text}}}\n')


def csv_field(text):
    return '"' + text.replace('"', '""') + '"'


def csv_record(number, text, field):
    return f"record-{number},{field},{text}\r\n"


def line(text):
    return text.replace("\r", " ").replace("\n", " ")


KINDS = {
    "jsonl": Kind(["--input", "jsonl"], "", json_record),
    "csv": Kind(["--input", "csv"], "id,body,text\r\n", csv_record),
    "gz": Kind(["--input", "jsonl"], "", json_record),
    "lines": Kind(["--lines", "--shard", f"1/{SHARD}"], "", None),
}


def quoting(kind):
    return {"csv": csv_field, "lines": line}.get(kind, json.dumps)


def long_fields(dice, sentences):
    """Texts with quotes and line breaks: VARIANTS of 100 bytes to 20 kB, and at last one of 200 kB."""
    def field(size):
        parts = []
        while sum(map(len, parts)) < size:
            parts.append(dice.choice(sentences) + dice.choice([" ", "\n", ' "so to say" ', "\r\n"]))
        return "".join(parts)
    sizes = [int(100 * 200 ** (i / (VARIANTS - 1))) for i in range(VARIANTS)]
    dice.shuffle(sizes)
    return [field(size) for size in sizes] + [field(200_000)]


class Stream:
    """Blocks of records. `records` counts those that `extract` has to tell of."""

    def __init__(self, kind):
        self.kind = kind
        self.records = 0
        self.number = 0  # Of the last record, from 1.
        quote = quoting(kind)
        sentences = workloads.sentences(TEXTS)
        self.texts = [quote(text) for text in sentences]
        self.empty = quote("")
        self.fields = [quote(field) for field in long_fields(random.Random(11), sentences)]
        self.opening = 2 * TEXTS * (SHARD if kind == "lines" else 1)  # Records without company.

    def next(self):
        number = self.number = self.number + 1
        opening = number <= self.opening
        field = self.fields[-1 if number % LONG_EVERY == 0 else number % VARIANTS]
        if self.kind == "lines":
            # A shard begins with the first line.
            if number % SHARD != 1:
                return "-\n" if opening else field + "\n"
            self.records += 1
            return self.texts[number // SHARD % TEXTS] + "\n"
        self.records += 1
        text = self.empty
        if opening:
            text, field = self.texts[number % TEXTS], self.empty
        elif number % TEXT_EVERY == 0:
            text = self.texts[number // TEXT_EVERY % TEXTS]
        return KINDS[self.kind].record(number, text, field)

    def block(self):
        """(bytes to write, how many they are uncompressed)"""
        opening = "" if self.number else KINDS[self.kind].opening
        plain = (opening + "".join(self.next() for _ in range(BLOCK_RECORDS))).encode()
        if self.kind != "gz":
            return plain, len(plain)
        packer = zlib.compressobj(1, zlib.DEFLATED, GZIP)
        return packer.compress(plain) + packer.flush(), len(plain)


# --- One run -------------------------------------------------------------------------------------


def resident(process, field="VmRSS"):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
        for line in file:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    return fail(f"/proc/{process.pid}/status has no {field}")


class Answers(threading.Thread):
    """Reads the lines that a process writes, and drops them; `opened` once there are `opening`."""

    def __init__(self, source, opening):
        super().__init__(daemon=True)
        self.opened = threading.Event()
        self._source, self._opening = source, opening
        self.start()

    def run(self):
        lines = 0
        while piece := self._source.read1(MIB):
            lines += piece.count(b"\n")
            if lines >= self._opening:
                self.opened.set()


def run(arguments, kind, scratch):
    """A dictionary of what was seen."""
    stats, errors = os.path.join(scratch, "stats.json"), os.path.join(scratch, "errors")
    command = [arguments.program, "extract", "--labels", "person,organization", "--quiet",
               "--memory-budget", arguments.memory_budget, "--threads", str(arguments.threads),
               "--format", "jsonl", "--stats-json", stats, *KINDS[kind].flags]
    size = int(arguments.gigabytes * 1e9)
    warm_up = min(size // 10, 500_000_000)
    stream = Stream(kind)
    sent, samples, early = 0, [], None
    begin = time.perf_counter()
    with open(errors, "w+b") as said:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said)
        answers = Answers(process.stdout, 2 * TEXTS)
        try:
            fcntl.fcntl(process.stdin, fcntl.F_SETPIPE_SZ, MIB)
            while sent < size:
                block, plain = stream.block()
                process.stdin.write(block)
                process.stdin.flush()
                sent += plain
                # What the opening takes has to be there, however far reading is ahead of the engine.
                if stream.number >= stream.opening and not answers.opened.is_set():
                    answers.opened.wait(timeout=60)
                if sent >= warm_up:
                    samples.append(resident(process))
                    early = early or samples[0]
            peak = resident(process, "VmHWM")
            process.stdin.close()
        except BrokenPipeError:
            pass  # Its status tells.
        status = process.wait()
        answers.join()
        seconds = time.perf_counter() - begin
        said.seek(0)
        words = said.read().decode(errors="replace").strip()
    if status != 0:
        fail(f"{kind}: exit status {status} after {sent:,} bytes: {words}")
    with open(stats, encoding="utf-8") as file:
        told = json.load(file)
    return {"kind": kind, "bytes": sent, "records": stream.records, "seconds": seconds, "early": early,
            "end": samples[-1], "most": max(samples), "peak": peak, "texts": told["texts"],
            "refused": told["refused_texts"], "tokens": told["tokens"],
            "extract_seconds": told["extract_seconds"], "memory_budget": told["memory_budget"]}


def faults(result, tolerance):
    """What is wrong with a run, in sentences."""
    found = []
    if result["most"] - result["early"] > tolerance:
        found.append(f"{result['kind']}: {result['most'] / MIB:.1f} MiB were resident, "
                     f"{result['early'] / MIB:.1f} MiB at a tenth of the stream")
    if result["texts"] != result["records"] or result["refused"]:
        found.append(f"{result['kind']}: {result['texts']:,} of {result['records']:,} records were read, "
                     f"{result['refused']:,} refused")
    if result["tokens"] == 0:
        found.append(f"{result['kind']}: the model read nothing")
    return found


def table(results):
    rows = [["stream", "GB", "records read", "tokens", "s", "in the engine s", "early MiB", "end MiB",
             "most MiB", "peak MiB"]]
    for r in results:
        rows.append([r["kind"], f"{r['bytes'] / 1e9:.2f}", f"{r['texts']:,}", f"{r['tokens']:,}",
                     f"{r['seconds']:.1f}", f"{r['extract_seconds']:.1f}"] +
                    [f"{r[key] / MIB:.1f}" for key in ("early", "end", "most", "peak")])
    return report.grid(rows)


# --- The whole -----------------------------------------------------------------------------------


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/waterline", help="build/waterline")
    parser.add_argument("--gigabytes", type=float, default=5, help="of each kind, 10^9 bytes: 5")
    parser.add_argument("--kinds", default=",".join(KINDS), help=",".join(KINDS))
    parser.add_argument("--tolerance", type=float, default=6, metavar="MIB",
                        help="that resident memory may grow by: 6")
    parser.add_argument("--memory-budget", default="128MiB", help="of the program: 128MiB")
    parser.add_argument("--threads", type=int, default=2, help="2")
    parser.add_argument("--json", metavar="FILE", help="write the machine and all figures")
    arguments = parser.parse_args()
    arguments.kinds = list(dict.fromkeys(arguments.kinds.split(",")))
    if unknown := set(arguments.kinds) - set(KINDS):
        fail(f"--kinds has '{unknown.pop()}'; it may list {', '.join(KINDS)}")
    if not arguments.gigabytes > 0:
        fail(f"--gigabytes is {arguments.gigabytes:g}; it must be above 0")
    arguments.program = pathlib.Path(arguments.program).resolve()
    if not os.access(arguments.program, os.X_OK):
        fail(f"{arguments.program} is missing; ./dev build makes it")
    return arguments


def main():
    arguments = parse_arguments()
    results = []
    with tempfile.TemporaryDirectory(prefix="waterline-bench-") as scratch:
        for kind in arguments.kinds:
            results.append(run(arguments, kind, scratch))
            note(f"{kind}: {results[-1]['bytes'] / 1e9:.2f} GB in {results[-1]['seconds']:.1f} s")
    about = machine.describe(arguments.program)
    print(f"{about['cpu']}; {about['program'].splitlines()[0]}, commit {about['commit'][:10]}; budget "
          f"{arguments.memory_budget}, {arguments.threads} threads\n")
    print("\n".join(table(results)))
    if arguments.json:
        write_json({"machine": about, "gigabytes": arguments.gigabytes, "tolerance_mib": arguments.tolerance,
                    "runs": results}, arguments.json)
    wrong = [fault for result in results for fault in faults(result, arguments.tolerance * MIB)]
    for fault in wrong:
        note(fault)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
