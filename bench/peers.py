#!/usr/bin/env python3
"""The peers of Waterline, each behind the same call, for drivers that an interpreter runs which has
the peers' packages.

    PYTHON bench/peers.py export MODEL DIRECTORY

    torch         the Python package, gliner; bf16: from_pretrained(dtype="bf16")
    onnx          the package on ONNX Runtime, as the package sets it up but for the threads
    fast-gliner   has no option for threads, and none in Python for the threshold, which is 0.5
    gliner-cpp    has no option for threads

All but torch run what "export" writes: the package's own exporter, opset 19, with its own
quantization to int8 (dynamic, weights of 8 bits without sign).
"""
# SPDX-License-Identifier: Apache-2.0
import importlib.metadata
import json
import logging
import os
import pathlib
import re
import sys
import warnings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

PACKAGES = {"torch": ("gliner", "torch", "transformers"),
            "onnx": ("gliner", "torch", "transformers", "onnxruntime"),
            "fast-gliner": ("fast_gliner",), "gliner-cpp": ("gliner-cpp",)}
FILES = {"f32": "model.onnx", "int8": "model_quantized.onnx"}
THRESHOLD = 0.5


def versions(peer):
    found = {name: importlib.metadata.version(name) for name in PACKAGES[peer]}
    return dict(found, python=sys.version.split()[0])


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


# --- The Python package --------------------------------------------------------------------------


def load_package(peer, dtype, directory, threads):
    """The model of "torch" or "onnx"."""
    import torch
    from gliner import GLiNER

    torch.set_num_threads(threads)
    if peer == "torch":
        more = {} if dtype == "f32" else {"dtype": dtype}
        return GLiNER.from_pretrained(directory, local_files_only=True, **more).eval()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = threads
    return GLiNER.from_pretrained(directory, local_files_only=True, load_onnx_model=True,
                                  onnx_model_file=FILES[dtype], session_options=options)


def package_call(model):
    import torch

    def extract(texts, labels, batch):
        with torch.inference_mode():
            return model.inference(texts, labels, flat_ner=True, threshold=THRESHOLD,
                                   batch_size=batch)

    return extract


# --- The others ----------------------------------------------------------------------------------


def load_fast_gliner(dtype, directory):
    from fast_gliner import FastGLiNER

    model = FastGLiNER.from_pretrained(directory, onnx_path=FILES[dtype])
    return model.predict_entities


def load_gliner_cpp(dtype, directory):
    import gliner_cpp

    directory = pathlib.Path(directory)
    with open(directory / "gliner_config.json", encoding="utf-8") as file:
        config = json.load(file)
    model = gliner_cpp.Model(str(directory / FILES[dtype]), str(directory / "tokenizer.json"),
                             gliner_cpp.Config(config["max_width"], config["max_len"]))

    def extract(texts, labels):
        return model.inference(texts, labels, flat_ner=True, threshold=THRESHOLD)

    return extract


def in_batches(extract):
    """A call over batches, of one over a batch."""
    def extract_all(texts, labels, batch):
        return [entities for begin in range(0, len(texts), batch)
                for entities in extract(texts[begin:begin + batch], labels)]

    return extract_all


def load(peer, dtype, directory, threads):
    """A function of texts, labels, and texts in a batch: a list of entities a text."""
    if peer == "fast-gliner":
        return in_batches(load_fast_gliner(dtype, directory))
    if peer == "gliner-cpp":
        return in_batches(load_gliner_cpp(dtype, directory))
    return package_call(load_package(peer, dtype, directory, threads))


# Names of start, end, label and score in what a peer returns.
KEYS = {"gliner-cpp": ("start_idx", "end_idx", "class_label", "prob")}


def plain(peer, texts, found):
    """[start, end, label, score] of each entity, offsets in code points: fast-gliner and gliner-cpp
    count bytes."""
    start, end, label, score = KEYS.get(peer, ("start", "end", "label", "score"))
    rows = []
    for text, entities in zip(texts, found):
        encoded = text.encode() if peer in ("fast-gliner", "gliner-cpp") else None

        def place(offset):
            return len(encoded[:offset].decode(errors="replace")) if encoded else int(offset)

        rows.append([[place(e[start]), place(e[end]), e[label], float(e[score])]
                     for e in entities])
    return rows


# --- Export --------------------------------------------------------------------------------------


def export(model, directory):
    paths = load_package("torch", "f32", model, 2).export_to_onnx(directory, opset=19,
                                                                  quantize=True)
    if not paths["quantized_path"]:
        sys.exit("the package could not quantize its export")


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] != "export":
        sys.exit(__doc__)
    export(sys.argv[2], sys.argv[3])
