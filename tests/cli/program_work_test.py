#!/usr/bin/env python3
"""The work of a fixed run, which no load on the machine changes: the instructions of `waterline extract`,
counted by callgrind, and the bytes that `waterline plan` plans.

    tests/cli/program_work_test.py PROGRAM COMPILER [--record]

Two sentences through the default model, one thread, AVX2. tests/cli/program_work.json has what was
recorded, and with which compiler. Planned bytes must be the same. Instructions may be fewer, or more by the
tolerance; they are compared where the compiler is the same up to its minor version. --record writes the
file anew.

    whole run    every instruction of the process.
    load         Engine::Load.
    pass         RunPass: a batch through encoder and head.
    Linear, ...  what the pass spends in this operation of the kernels.
"""
# SPDX-License-Identifier: Apache-2.0
import argparse
import collections
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
RECORD = pathlib.Path(__file__).with_name("program_work.json")
SKIPPED = 77  # As tests/CMakeLists.txt tells CTest.

SENTENCES = "Ada Lovelace lived in London.\nSiemens is in Berlin.\n"

# The path is relative: its bytes count against the budget.
MODEL = "models/waterline-tiny-en"
FLAGS = ["--labels", "person,city", "--threads", "1", "--memory-budget", "128MiB"]

# Percent that a count may be above the recorded one. Two runs of one program differ by less than 0.001,
# Clang 14 from GCC 12 by -20 (load) to +25 (SpanScores).
TOLERANCE = 3
# Operations of fewer instructions are left out.
LEAST = 100_000


def leave(sentence, status=1):
    print(f"program_work: {sentence}", file=sys.stderr)
    sys.exit(status)


def run(command):
    """Standard output of a command that must succeed."""
    done = subprocess.run(command, cwd=ROOT, env=dict(os.environ, WATERLINE_ISA="avx2"),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        leave(f"exit status {done.returncode} of {shlex.join(map(str, command))}: "
              f"{done.stderr.strip()[-1000:]}")
    return done.stdout


# --- Planned bytes -------------------------------------------------------------------------------


def planned(program, sentences):
    plan = json.loads(run([program, "plan", MODEL, "--json", "--input", sentences,
                           "--input-kind", "lines"] + FLAGS))
    buffers = plan["largest_batch"]["buffers"]
    return {"tokens": plan["tokens"], "weights": plan["weights"], "tokenizer": plan["tokenizer"],
            "smallest budget": plan["smallest_budget"], "largest plan": plan["largest_plan"],
            "buffers": len(buffers), "all buffers": sum(buffer["bytes"] for buffer in buffers)}


# --- Instructions --------------------------------------------------------------------------------


def calls(profile):
    """(caller, callee, inclusive instructions) of each line of calls in a file of callgrind."""
    with open(profile, encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("fn="):
                caller = line[3:].rstrip()
            elif line.startswith("cfn="):
                callee = line[4:].rstrip()
            elif line.startswith("calls="):
                yield caller, callee, int(next(lines).split()[1])
            elif line.startswith("totals:"):
                yield "", "", int(line.split()[1])


def counted(program, sentences, scratch):
    profile = os.path.join(scratch, "callgrind.out")
    found = run(["valgrind", "--tool=callgrind", "--vgdb=no", f"--callgrind-out-file={profile}",
                 "--compress-strings=no", "--compress-pos=no", program, "extract", "--model", MODEL,
                 "--lines", "--format", "jsonl", sentences] + FLAGS)
    if '"London"' not in found or '"Berlin"' not in found:
        leave(f"extract finds no London and Berlin in the two sentences: {found}")
    counts = collections.Counter()
    for caller, callee, instructions in calls(profile):
        operation = re.match(r"waterline::Cpu\w*::(\w+)\(", callee)
        if not callee:
            counts["whole run"] += instructions
        elif callee.startswith("waterline::Engine::Load("):
            counts["load"] += instructions
        elif callee.startswith("waterline::RunPass("):
            counts["pass"] += instructions
        elif operation and "waterline::Ops::" in caller:  # Or in a part of one that a team shares.
            counts[operation[1]] += instructions
    for name in ("load", "pass"):
        if name not in counts:
            leave(f"callgrind tells no call of {'Engine::Load' if name == 'load' else 'RunPass'}; is "
                  f"{program} stripped?")
    return {name: count for name, count in sorted(counts.items()) if count >= LEAST}


# --- Comparison ----------------------------------------------------------------------------------


def differences(found, recorded):
    """A sentence for each figure that is not as recorded; instructions may be fewer."""
    for name in found["planned"] | recorded["planned"]:
        now, then = found["planned"].get(name), recorded["planned"].get(name)
        if now != then:
            yield f"planned {name}: {now}, recorded {then}"
    for name in found["instructions"] | recorded["instructions"]:
        now, then = found["instructions"].get(name), recorded["instructions"].get(name)
        if now is None:
            yield f"instructions of {name}: below {LEAST:,}, recorded {then:,}"
        elif then is None:
            yield f"instructions of {name}: {now:,}, none recorded"
        elif now * 100 > then * (100 + TOLERANCE):
            yield (f"instructions of {name}: {now:,}, {100 * (now / then - 1):.1f} % more than the "
                   f"recorded {then:,}; {TOLERANCE} % are allowed")


def has_avx2():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            flags = file.read().split()
    except OSError:
        return False
    return {"avx2", "fma", "f16c"} <= set(flags)


def why_uncounted(arguments, recorded):
    """Why instructions cannot be counted or compared, or ""."""
    def kind(compiler):
        return compiler.partition(".")[0]  # "GNU 12".
    if not shutil.which("valgrind"):
        return "valgrind is missing: apt-get install valgrind"
    if not arguments.record and kind(arguments.compiler) != kind(recorded["compiler"]):
        return f"they are recorded with {recorded['compiler']}, this is {arguments.compiler}"
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=pathlib.Path, help="build/waterline")
    parser.add_argument("compiler", help="that built it, with its version")
    parser.add_argument("--record", action="store_true", help=f"write {RECORD.relative_to(ROOT)}")
    arguments = parser.parse_args()
    if not has_avx2():
        leave("skipped: this machine has no AVX2", SKIPPED)
    recorded = json.loads(RECORD.read_text(encoding="utf-8"))
    uncounted = why_uncounted(arguments, recorded)
    program = arguments.program.resolve()
    with tempfile.TemporaryDirectory(prefix="waterline-work-") as scratch:
        sentences = os.path.join(scratch, "sentences.txt")
        pathlib.Path(sentences).write_text(SENTENCES, encoding="utf-8")
        found = {"compiler": arguments.compiler, "planned": planned(program, sentences),
                 "instructions": {} if uncounted else counted(program, sentences, scratch)}
    print(json.dumps(found, indent=1))
    if arguments.record:
        if uncounted:
            leave(f"nothing is recorded: {uncounted}")
        RECORD.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        return
    if uncounted:
        recorded["instructions"] = {}
    wrong = list(differences(found, recorded))
    if wrong:
        leave("; ".join(wrong) + f" (recorded with {recorded['compiler']}, this is "
              f"{arguments.compiler}); to record what is now: {shlex.join(sys.argv)} --record")
    if uncounted:
        leave(f"the plan is as recorded; instructions are skipped: {uncounted}", SKIPPED)


if __name__ == "__main__":
    main()
