#!/usr/bin/env python3
"""Breaks the tensor-core kernel of attention on purpose, and says which of the tests' checks notice.

usage: attention_mutants.py DIRECTORY   (for objects; takes some minutes)

Each mutant is src/kernels/cuda/attention_mma.cu with one change. Its tests run with the detector of
races and, when nothing notices, under AddressSanitizer. What notices is named:
  answer  a result is too far from the formula (MatchesDoubleSums...)
  order   a result depends on the order of threads (AnyOrder...)
  alone   a result depends on other sequences, or NaN leaves its own
  banks   matrix loads have bank conflicts
  skip    tiles are multiplied that nobody sees
  race    reports of tests/support/cuda/racecheck.cc, by kind
  asan    AddressSanitizer
  abort   the emulation or the system ends the program
The exit code is the number of mutants that nothing noticed. SPDX-License-Identifier: Apache-2.0
"""
import concurrent.futures
import functools
import pathlib
import re
import shutil
import subprocess
import sys
import threading

ROOT = pathlib.Path(__file__).resolve().parents[3]
KERNEL = ROOT / "src/kernels/cuda/attention_mma.cu"

BARRIER = "    __syncthreads();\n"
# (name, text, what replaces its only occurrence)
MUTANTS = [
    ("none", "", ""),
    ("barrier before the loop removed", "  }\n  __syncthreads();\n\n  int ring", "  }\n\n  int ring"),
    ("barrier between the phases removed", BARRIER + "\n    Rows rows;", "\n    Rows rows;"),
    ("barrier at the end of a tile removed", "    ring = next_ring;\n" + BARRIER,
     "    ring = next_ring;\n"),
    ("__syncwarp removed", "      __syncwarp();\n", ""),
    ("keys of the next tile stored too early", "    Rows rows;\n    const bool more",
     "    Rows rows;\n    load_keys(rows, part.k, x.k_stride, j0 + kKeys);\n"
     "    rows.Store(values);\n    const bool more"),
    ("band turns the wrong way", "ring == 0 ? L::kBand - kKeys : ring - kKeys",
     "ring == L::kBand - kKeys ? 0 : ring + kKeys"),
    ("band does not wrap", "(at < L::kBand ? at : at - L::kBand)", "at"),
    ("p2c scattered one row too far", "if (r >= 0 && r < kQueries)", "if (r >= 0 && r <= kQueries)"),
    ("c2p scattered one column too far", "c >= kKeys) continue", "c > kKeys) continue"),
    ("c2p replaces p2c", "p2c ? score + d[h * 2 + e] : d[h * 2 + e]", "d[h * 2 + e]"),
    ("c2p off by one", "const int first = g - t + kKeys - 1;", "const int first = g - t + kKeys - 2;"),
    ("p2c off by one", "const int r0 = first * 8 + t + g - 15;",
     "const int r0 = first * 8 + t + g - 14;"),
    ("keys past the end not masked", "if (!AllSee(x, part, j0, kKeys))", "if (false)"),
    ("rows past the end not zeroed", "j0 + r < part.keys ? from", "true ? from"),
    ("stored one query too many", "if (i >= part.queries) continue;",
     "if (i > part.queries) continue;"),
    ("columns past the head stored", "if (n * 8 + t < x.width)", "if (true)"),
    ("sum not shrunk", "        sum[h] *= shrink;\n", ""),
    ("row that sees nothing divides by zero", "sum[h] == 0 ? 0 : 1 / sum[h]", "1 / sum[h]"),
    ("row that has seen nothing yet", "peak[h] == -INFINITY ? 0 : peak[h]", "peak[h]"),
    ("bias of the wrong head", "x.bias_stride + part.head]", "x.bias_stride]"),
    ("idle warps leave before a barrier", "  float o[kHead / 8][4] = {};\n",
     "  float o[kHead / 8][4] = {};\n  if (!active) return;\n"),
    ("shared memory 16 bytes short", "Layout<kHead>::Bytes(bands), stream",
     "Layout<kHead>::Bytes(bands) - 16, stream"),
    ("padding of rows removed", "kRow = kHead + 8;", "kRow = kHead;"),
    ("first tile not skipped", "int j0 = part.first_key; j0 <", "int j0 = part.first_key & 0; j0 <"),
]
EXPECTED_BY = {  # Test by part of its name.
    "MatchesDoubleSums": "answer", "QueriesMayHave": "answer", "StaysExact": "answer",
    "SeesOnly": "answer", "AnyOrder": "order", "SameBits": "order", "Alone": "alone",
    "ASequence": "alone", "ACausal": "alone", "NaNStays": "alone", "BankConflicts": "banks",
    "SkipsTiles": "skip",
}
FILTER = ("CudaAttentionMmaTest.*:*/CudaAttentionTest.QueriesMay*/bf16:*NaNStays*/bf16:"
          "*ASequence*/bf16:*SeesOnly*/f16")
FLAGS = ("-std=c++20 -O1 -g1 -fno-pie -Wno-unknown-pragmas -ffp-contract=off "
         f"-I{ROOT}/tests/support/cuda -I{ROOT}/src -I{ROOT}/include -I{ROOT}/tests").split()
SOURCES = """src/kernels/cuda/attention.cu src/kernels/cuda/attention_f32.cu tests/support/cuda/emu.cc
tests/support/cuda/fake_cuda.cc tests/kernels/cuda/attention_test.cc
tests/kernels/cuda/attention_mma_test.cc src/doctor/operands.cc
src/doctor/reference_kernels.cc src/base/check.cc src/kernels/host_copies.cc
src/kernels/rounding.cc src/weights/dtype.cc""".split()
COMPILER = (["ccache"] if shutil.which("ccache") else []) + ["g++"]


def compile_to(out, source, extra):
    subprocess.run([*COMPILER, *FLAGS, *extra, "-x", "c++", "-c", str(source), "-o", str(out)],
                   check=True)
    return str(out)


def run(exe):
    try:
        p = subprocess.run([str(exe), f"--gtest_filter={FILTER}"], capture_output=True, text=True,
                           timeout=300)
        return p.returncode, p.stdout, p.stderr
    except subprocess.TimeoutExpired:
        return 124, "", "does not end"


def failed_checks(stdout):
    names = re.findall(r"\[  FAILED  \] (\S+?\.\S+)", stdout)
    return sorted({kind for name in names for part, kind in EXPECTED_BY.items() if part in name})


class Build:
    """Objects of everything but the kernel, and programs with a mutant of it."""

    def __init__(self, directory, tag, kernel_flags, all_flags, more_sources):
        self.directory, self.tag = directory, tag
        self.kernel_flags, self.all_flags = kernel_flags + all_flags, all_flags
        self.objects = [
            compile_to(directory / f"{tag}_{pathlib.Path(s).name}.o", ROOT / s, ["-O2", *all_flags])
            for s in [*SOURCES, *more_sources]]

    def program(self, number, text):
        source = self.directory / f"mutant{number}.cu"
        source.write_text(text)
        kernel = compile_to(self.directory / f"{self.tag}_{number}.o", source, self.kernel_flags)
        exe = self.directory / f"{self.tag}_{number}"
        subprocess.run(["g++", "-no-pie", *self.all_flags, kernel, *self.objects, "-lgtest_main",
                        "-lgtest", "-lfmt", "-o", str(exe)], check=True)
        return exe


def noticed_by(race, asan, number, text):
    seen = []
    code, out, err = run(race.program(number, text))
    seen += failed_checks(out)
    kinds = sorted(set(re.findall(r"racecheck: ([a-z ]+?) in ", err)))
    if kinds:
        seen.append("race (" + ", ".join(kinds) + ")")
    if code not in (0, 1, 66):
        seen.append("abort: " + (err.strip().splitlines() or [f"signal {-code}"])[-1][:60])
    if not seen:
        code, _, err = run(asan().program(number, text))
        if code != 0:
            seen.append("asan" if "AddressSanitizer" in err else "abort")
    return seen


def main():
    directory = pathlib.Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    source = KERNEL.read_text()
    for name, old, _ in MUTANTS:
        if old and source.count(old) != 1:
            sys.exit(f"mutant '{name}': its text is in the kernel {source.count(old)} times, not once")
    race = Build(directory, "race", ["-fsanitize=thread"], [], ["tests/support/cuda/racecheck.cc"])
    lock = threading.Lock()

    @functools.cache
    def built():
        return Build(directory, "asan", [], ["-fsanitize=address"], [])

    def asan():
        with lock:
            return built()

    missed = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(noticed_by, race, asan, n, source.replace(old, new) if old else source)
                for n, (_, old, new) in enumerate(MUTANTS)]
        for (name, old, _), result in zip(MUTANTS, runs):
            seen = result.result()
            missed += bool(old) != bool(seen)
            print(f"{name:40} {'; '.join(seen) or '-'}", flush=True)
    print("missed", missed)
    return missed


sys.exit(main())
