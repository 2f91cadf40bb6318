#!/usr/bin/env python3
"""One run of a peer, for bench/end_to_end.py, by an interpreter that has the peer's package.

    PYTHON bench/peer_driver.py JOB.json

JOB.json: {"peer": as in bench/peers.py, "dtype": "f32", "model": directory, "labels": [...],
"texts": [...], "first": a text, "threads": N, "batch": N, "spawned": time.time() of the caller}.
Prints one line of JSON on standard output.

Timed: from the spawn to a loaded model, to the entities of "first", and the call that extracts all
texts after a warm-up on the first batch.

With {"calibrate": true} it measures the logits of the Python package instead, for
tools/make_random_checkpoint.py --raw.
"""
# SPDX-License-Identifier: Apache-2.0
import json
import os
import sys
import time

import peers


def calibrate(job):
    """Gain and shift: standard deviation 1.4, and 6 spans above 0 per 100 words."""
    import torch

    model = peers.load_package("torch", "f32", job["model"], job["threads"])
    rows, words = [], 0
    for begin in range(0, len(job["texts"]), job["batch"]):
        texts = job["texts"][begin:begin + job["batch"]]
        prepared = model.prepare_batch(texts, job["labels"], None)
        batch = model.collate_batch(prepared["input_x"], prepared["entity_types"],
                                    model.create_collator())
        with torch.inference_mode():
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


def measure(job):
    extract = peers.load(job["peer"], job["dtype"], job["model"], job["threads"])
    result = {"load_seconds": time.time() - job["spawned"],
              "load_peak_bytes": peers.resident()["peak"]}
    found = extract([job["first"]], job["labels"], 1)
    result["first_entity_seconds"] = time.time() - job["spawned"]
    result["first_has_entities"] = bool(found[0])
    extract(job["texts"][:job["batch"]], job["labels"], job["batch"])
    begin = time.perf_counter()
    found = extract(job["texts"], job["labels"], job["batch"])
    result["extract_seconds"] = time.perf_counter() - begin
    return dict(result, entities=peers.plain(job["peer"], job["texts"], found),
                versions=peers.versions(job["peer"]))


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        job = json.load(file)
    result = calibrate(job) if job.get("calibrate") else measure(job)
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()
    os._exit(0)  # Unloading takes seconds and is not measured.


if __name__ == "__main__":
    main()
