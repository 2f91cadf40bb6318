#!/usr/bin/env python3
"""One run of the Python package, for bench/memory.py, by an interpreter that has gliner.

    PYTHON bench/memory_reference.py torch|onnx JOB.json
    PYTHON bench/memory_reference.py export MODEL DIRECTORY

JOB.json: {"model": directory, "threads": N, "batches": [{"texts": [...], "labels": [...]}, ...]}.
Prints one line of JSON after loading and one after each batch, as bench/memory_driver.cc does.

The loop of the original report: one call and one forward pass a batch, f32, on the CPU, nothing
else. "onnx" runs what "export" wrote, the package's own exporter, with ONNX Runtime as the package
sets it up, but for the number of threads.
"""
# SPDX-License-Identifier: Apache-2.0
import json
import logging
import os
import re
import sys
import time
import warnings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)


def resident():
    """Bytes in memory now, of those the pages of files, and the most since reset_peak()."""
    with open("/proc/self/status", encoding="ascii") as status:
        found = dict(re.findall(r"(VmRSS|RssFile|VmHWM):\s+(\d+)", status.read()))
    return {name: int(found[key]) * 1024
            for name, key in (("rss", "VmRSS"), ("file", "RssFile"), ("peak", "VmHWM"))}


def reset_peak():
    """Lets VmHWM begin anew, where the system allows it."""
    try:
        with open("/proc/self/clear_refs", "w", encoding="ascii") as clear:
            clear.write("5")
    except OSError:
        pass


def print_line(batch, seconds, **more):
    sys.stdout.write(json.dumps(dict(batch=batch, seconds=seconds, **resident(), **more)) + "\n")
    sys.stdout.flush()


def versions(mode):
    import gliner
    import torch
    import transformers

    found = {"python": sys.version.split()[0], "gliner": gliner.__version__,
             "torch": torch.__version__, "transformers": transformers.__version__}
    if mode == "onnx":
        import onnxruntime

        found["onnxruntime"] = onnxruntime.__version__
    return found


def load(mode, directory, threads):
    import torch
    from gliner import GLiNER

    torch.set_num_threads(threads)
    if mode == "torch":
        return GLiNER.from_pretrained(directory, local_files_only=True).eval()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = threads
    return GLiNER.from_pretrained(directory, local_files_only=True, load_onnx_model=True,
                                  onnx_model_file="model.onnx", session_options=options)


def run(mode, job):
    begin = time.perf_counter()
    model = load(mode, job["model"], job["threads"])
    print_line(0, time.perf_counter() - begin, versions=versions(mode))
    for i, batch in enumerate(job["batches"], 1):
        reset_peak()
        begin = time.perf_counter()
        found = model.inference(batch["texts"], batch["labels"], flat_ner=True, threshold=0.5,
                                batch_size=len(batch["texts"]))
        print_line(i, time.perf_counter() - begin, entities=sum(map(len, found)))
    os._exit(0)  # Unloading takes seconds and is not measured.


def main():
    if len(sys.argv) == 4 and sys.argv[1] == "export":
        load("torch", sys.argv[2], 2).export_to_onnx(sys.argv[3], opset=19)
    elif len(sys.argv) == 3 and sys.argv[1] in ("torch", "onnx"):
        with open(sys.argv[2], encoding="utf-8") as file:
            run(sys.argv[1], json.load(file))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
