#!/usr/bin/env python3
"""One run of the Python package, for bench/end_to_end.py, by an interpreter that has gliner.

    PYTHON bench/reference_driver.py JOB.json

JOB.json: {"model": directory, "labels": [...], "texts": [...], "first": a text, "threads": N,
"batch": N, "spawned": time.time() of the caller, "calibrate": true or absent}. Prints one line of
JSON on standard output.

Timed: from the spawn to a loaded model, to the entities of "first", and the call that extracts all
texts after a warm-up on the first batch. VmHWM is reset after loading, so that the peak of loading
and the peak of extraction are told apart.

With "calibrate" it measures the logits instead, for tools/make_random_checkpoint.py --raw.
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


def peak_bytes():
    with open("/proc/self/status", encoding="ascii") as status:
        return int(re.search(r"VmHWM:\s+(\d+)", status.read()).group(1)) * 1024


def reset_peak():
    with open("/proc/self/clear_refs", "w", encoding="ascii") as clear:
        clear.write("5")


def calibrate(torch, model, job):
    """Gain and shift: standard deviation 1.4, and 6 spans above 0 per 100 words."""
    rows, words = [], 0
    for begin in range(0, len(job["texts"]), job["batch"]):
        texts = job["texts"][begin:begin + job["batch"]]
        prepared = model.prepare_batch(texts, job["labels"], None)
        batch = model.collate_batch(prepared["input_x"], prepared["entity_types"],
                                    model.create_collator())
        output = model.run_batch(batch)
        logits = output.logits if hasattr(output, "logits") else output[0]
        mask = batch["span_mask"].view(logits.shape[0], -1, logits.shape[2]).bool()
        rows.append(logits[mask])
        words += int(batch["text_lengths"].sum())
    x = torch.cat(rows).reshape(-1, len(job["labels"]))
    gain = 1.4 / float(x.std())
    spans = max(1, int(0.06 * words))
    shift = gain * float(x.max(1).values.topk(spans).values[-1])
    apart = float((x - x.mean(1, keepdim=True)).std() / x.std())
    return {"gain": gain, "shift": shift, "mean": gain * float(x.mean()), "labels_apart": apart}


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        job = json.load(file)
    import torch

    torch.set_num_threads(job["threads"])
    from gliner import GLiNER

    model = GLiNER.from_pretrained(job["model"], local_files_only=True)
    model.eval()
    result = {"load_seconds": time.time() - job["spawned"], "load_peak_bytes": peak_bytes()}

    def extract(texts):
        with torch.inference_mode():
            return model.inference(texts, job["labels"], flat_ner=True, threshold=0.5,
                                   batch_size=job["batch"])

    if job.get("calibrate"):
        with torch.inference_mode():
            result.update(calibrate(torch, model, job))
    else:
        extract([job["first"]])
        result["first_entity_seconds"] = time.time() - job["spawned"]
        extract(job["texts"][:job["batch"]])
        reset_peak()
        begin = time.perf_counter()
        found = extract(job["texts"])
        result["extract_seconds"] = time.perf_counter() - begin
        result["peak_bytes"] = peak_bytes()
        result["entities"] = [[[e["start"], e["end"], e["label"], float(e["score"])]
                               for e in entities] for entities in found]
    import gliner
    import transformers

    result["versions"] = {"python": sys.version.split()[0], "torch": torch.__version__,
                          "gliner": gliner.__version__, "transformers": transformers.__version__}
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()
    os._exit(0)  # Unloading takes seconds and is not measured.


if __name__ == "__main__":
    main()
