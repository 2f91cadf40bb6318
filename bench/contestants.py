"""Who is measured: Waterline and its peers, their number types, and the packages of the peers."""
# SPDX-License-Identifier: Apache-2.0
import collections
import json
import os
import subprocess
import sys

from project import DEFAULT_MODEL, ROOT, fail, note

VENV = ROOT / "build" / "peers-venv"

PACKAGE = ("gliner==0.2.29", "torch==2.15.0", "transformers==4.57.6")

# packages: what pip installs.
Contestant = collections.namedtuple("Contestant", "name dtypes packages")
CONTESTANTS = {
    "waterline": Contestant("Waterline", ("f32", "bf16", "int8"), ()),
    "torch": Contestant("Python package, PyTorch", ("f32", "bf16"), PACKAGE),
    "onnx": Contestant("Python package, ONNX Runtime", ("f32", "int8"),
                       PACKAGE + ("onnx==1.23.2", "onnxscript==0.7.2",
                                  "onnxruntime==1.32.0")),
    "fast-gliner": Contestant("fast-gliner", ("f32", "int8"), ("fast_gliner==0.3.2",)),
    "gliner-cpp": Contestant("gliner-cpp", ("f32", "int8"), ("gliner-cpp==0.1",)),
}
DTYPES = ("f32", "bf16", "int8")


def chosen(text, known, option):
    """The parts of a list between commas."""
    names = text.split(",")
    for name in names:
        if name not in known:
            fail(f"{option} has '{name}'; it may list {', '.join(known)}")
    return names


def install(peers):
    """The interpreter of a virtual environment with what pip can install of the packages."""
    python = VENV / "bin" / "python"
    if not python.exists():
        note(f"making {VENV.relative_to(ROOT)}")
        if subprocess.run([sys.executable, "-m", "venv", VENV], check=False).returncode != 0:
            fail(f"{sys.executable} cannot make a virtual environment: apt-get install "
                 "python3-venv")
    for peer in peers:
        packages = CONTESTANTS[peer].packages
        if not missing(python, packages):
            continue
        note(f"installing {' '.join(packages)}")
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=False)
    return python


def missing(python, packages):
    """Those of "name==version" that an interpreter lacks in any version."""
    names = [package.split("==")[0] for package in packages]
    look = ("import importlib.metadata as m, json, sys\n"
            "def has(name):\n"
            "    try: return bool(m.version(name))\n"
            "    except m.PackageNotFoundError: return False\n"
            "print(json.dumps([name for name in sys.argv[1:] if not has(name)]))\n")
    done = subprocess.run([python, "-c", look, *names], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        fail(f"{python} does not run")
    return json.loads(done.stdout)


def present(python, peers):
    """Those of the peers whose packages the interpreter has; {peer: why not} of the others."""
    here, absent = [], {}
    for peer in peers:
        lacking = missing(python, CONTESTANTS[peer].packages)
        if lacking:
            absent[peer] = f"not installed: {', '.join(lacking)}"
        else:
            here.append(peer)
    return here, absent


def program_types(program, wanted):
    """{type: options of `waterline extract`} of the types that the program knows, and {type: its
    answer} of the others."""
    known, unknown = {}, {}
    for dtype in wanted:
        done = subprocess.run([program, "extract", "--model", DEFAULT_MODEL, "--labels", "person",
                               "--dtype", dtype], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, check=False)
        if done.returncode == 0:
            known[dtype] = ["--dtype", dtype]
        else:
            answer = (done.stderr.strip().splitlines() or ["it failed"])[0]
            unknown[dtype] = answer.removeprefix("waterline: error: ")
    return known, unknown


def is_program(path):
    return os.access(path, os.X_OK) and not os.path.isdir(path)
