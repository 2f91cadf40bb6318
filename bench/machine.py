"""The machine that a measurement ran on, for its report."""
# SPDX-License-Identifier: Apache-2.0
import os
import platform
import re
import subprocess
import time

# Instruction sets that the kernels use or will use.
FLAGS = ("avx2", "fma", "f16c", "avx512f", "avx512_vnni", "avx512_bf16", "avx_vnni", "amx_tile",
         "amx_bf16", "amx_int8")


def _field(path, key):
    try:
        with open(path, encoding="utf-8") as file:
            found = re.search(rf"^{key}\s*:\s*(.*)$", file.read(), re.MULTILINE)
    except OSError:
        return ""
    return found.group(1) if found else ""


def _output(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def busy_seconds():
    """CPU seconds that all cores together have worked since boot, or that the host took from them;
    0 where the system does not say."""
    try:
        with open("/proc/stat", encoding="ascii") as file:
            user, nice, system, _, _, irq, softirq, steal = map(int, file.readline().split()[1:9])
    except (OSError, ValueError):
        return 0.0
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def wait_until_idle(patience, share):
    """Returns when others took less than `share` of the cores for a second, or after `patience`
    seconds."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        before = busy_seconds()
        time.sleep(1)
        if busy_seconds() - before < share * os.cpu_count():
            return


def describe(program):
    """A dictionary of what JSON knows."""
    cpu = "/proc/cpuinfo"
    present = _field(cpu, "flags").split()
    return {
        "cpu": _field(cpu, "model name"),
        "family_model_stepping": [_field(cpu, key) for key in ("cpu family", "model", "stepping")],
        "cores": os.cpu_count(),
        "usable_cores": len(os.sched_getaffinity(0)),
        "flags": [flag for flag in FLAGS if flag in present],
        "memory_kib": int((_field("/proc/meminfo", "MemTotal") or "0 kB").split()[0]),
        "system": f"{platform.system()} {platform.release()}",
        "libc": " ".join(platform.libc_ver()),
        "python": platform.python_version(),
        "program": _output(program, "--version"),
        "commit": _output("git", "rev-parse", "HEAD"),
        "changed_files": len(_output("git", "status", "--porcelain").splitlines()),
        "load_average": os.getloadavg(),
    }
