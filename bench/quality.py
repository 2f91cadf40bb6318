#!/usr/bin/env python3
"""Measures what a number type costs in found entities: `waterline extract` in each, on sentences with
gold entities.

    ./dev bench quality [--dtypes f32,bf16,int8] [--data DIR] [--json FILE] [--record]

A data set is the files of one domain (`crossner_ai_dev.jsonl` and `crossner_ai_train.jsonl` are
crossner_ai); its labels are all that its gold entities have, its texts the words with a space between
them. One process a type and data set. An entity is its start, end and label.

    F1, precision, recall   against gold, over the entities of all data sets together, in percent.
    agreement               with f32: 2 x same / (entities of this type + entities of f32).
    missing, extra          entities that f32 alone finds, and that this type alone finds.
    score difference        of the entities that both find, largest and mean.
    points                  F1 less the F1 of f32.

--record writes the points to dtypes.json of the model, by which --dtype auto chooses.

The exit status is 1 when the F1 of a type is farther from that of f32 than its limit, either way.
"""
# SPDX-License-Identifier: Apache-2.0
import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import machine
import report
import workloads
from end_to_end import DEFAULT_MODEL, run_process
from project import ROOT, fail, note, write_json

BASE = "f32"

# Points of F1 that a type may be away from f32. The others have no limit.
LIMITS = {"bf16": 0.1, "int8": 0.5}

# gold: of each text, {(start, end, label)}, in code points.
DataSet = collections.namedtuple("DataSet", "name texts labels gold")


# --- Data ----------------------------------------------------------------------------------------


def read_sentence(line):
    """The text of a line and its gold entities."""
    record = json.loads(line)
    words = record["tokenized_text"]
    ends = []
    for word in words:
        ends.append((ends[-1] + 1 if ends else 0) + len(word))
    return " ".join(words), {(ends[first] - len(words[first]), ends[last], label)
                             for first, last, label in record["ner"]}


def read_data(places, limit):
    files = []
    for place in map(pathlib.Path, places):
        files += sorted(place.glob("*.jsonl")) if place.is_dir() else [place]
    sentences = {}
    for path in files:
        found = sentences.setdefault(path.stem.rpartition("_")[0] or path.stem, [])
        try:
            with open(path, encoding="utf-8") as lines:
                for number, line in enumerate(lines, 1):
                    found.append(read_sentence(line))
        except OSError as error:
            fail(f"{path} cannot be read: {error.strerror}")
        except (IndexError, KeyError, TypeError, ValueError) as error:
            fail(f"{path}:{number} is not a sentence with gold entities: {error!r}")
    if not any(sentences.values()):
        fail(f"--data {' '.join(map(str, places))} has no sentences in .jsonl files")
    return [DataSet(name, [text for text, _ in found[:limit]],
                    sorted({label for _, gold in found for _, _, label in gold}),
                    [gold for _, gold in found[:limit]]) for name, found in sentences.items()]


# --- Runs ----------------------------------------------------------------------------------------


def extract_command(arguments, dtype):
    return [arguments.program, "extract", "--model", arguments.model, "--dtype", dtype,
            "--threads", str(arguments.threads), "--threshold", str(arguments.threshold)]


def check_types(arguments):
    """Fails, before anything is measured, when the program refuses a type."""
    for dtype in arguments.dtypes:
        tried = subprocess.run(extract_command(arguments, dtype) + ["--labels", "person"],
                               stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if tried.returncode != 0:
            said = tried.stderr.partition("\n")[0] or f"exit status {tried.returncode}"
            fail(f"{arguments.program} does not run with --dtype {dtype}: {said}")


def extract(arguments, dtype, data, scratch):
    """Of each text, [[start, end, label, score]]; and what --stats-json tells."""
    texts, labels, stats = (os.path.join(scratch, name) for name in ("in.jsonl", "labels", "stats"))
    with open(texts, "w", encoding="utf-8") as file:
        file.writelines(json.dumps({"text": text}) + "\n" for text in data.texts)
    with open(labels, "w", encoding="utf-8") as file:
        file.writelines(label + "\n" for label in data.labels)
    with tempfile.TemporaryFile() as out:
        run_process(extract_command(arguments, dtype) +
                    ["--labels-file", labels, "--format", "jsonl", "--stats-json", stats, texts], out)
        out.seek(0)
        found = [[[e["start"], e["end"], e["label"], e["score"]] for e in json.loads(line)["entities"]]
                 for line in out]
    with open(stats, encoding="utf-8") as file:
        return found, json.load(file)


# --- Figures -------------------------------------------------------------------------------------


def against_gold(found, gold):
    """Counts, and F1, precision and recall in percent; 0 where nothing is to be found."""
    predicted = [{tuple(entity[:3]) for entity in entities} for entities in found]
    of_gold, of_found = sum(map(len, gold)), sum(map(len, predicted))
    same = sum(len(a & b) for a, b in zip(predicted, gold))
    return {"gold": of_gold, "found": of_found, "same": same,
            "f1": 200 * same / max(1, of_gold + of_found),
            "precision": 100 * same / max(1, of_found), "recall": 100 * same / max(1, of_gold)}


def figures(data_sets, found, dtype):
    """Everything told about a type; `found` is {type: of each data set, of each text, entities}."""
    def joined(kind):
        return [entities for texts in found[kind] for entities in texts]
    against_base = report.compare(joined(dtype), joined(BASE))
    whole = against_gold(joined(dtype), [gold for data in data_sets for gold in data.gold])
    base = against_gold(joined(BASE), [gold for data in data_sets for gold in data.gold])
    both = against_base["ours"] + against_base["reference"]
    return {"dtype": dtype, **whole, "points": whole["f1"] - base["f1"],
            "limit": LIMITS.get(dtype),
            "within": abs(whole["f1"] - base["f1"]) <= LIMITS.get(dtype, float("inf")),
            "agreement": 100 * (2 * against_base["same"] / both if both else 1),
            "missing": against_base["reference"] - against_base["same"],
            "extra": against_base["ours"] - against_base["same"],
            "largest_score_difference": against_base["largest_score_difference"],
            "mean_score_difference": against_base["mean_score_difference"],
            "data_sets": {data.name: against_gold(entities, data.gold)
                          for data, entities in zip(data_sets, found[dtype])}}


def type_table(results):
    rows = [("type", "F1", "precision", "recall", "points", "limit", "verdict", "agreement",
             "missing", "extra", "largest score difference", "mean")]
    for r in results:
        limited = r["limit"] is not None
        rows.append((r["dtype"], f"{r['f1']:.2f}", f"{r['precision']:.2f}", f"{r['recall']:.2f}",
                     f"{r['points']:+.3f}", str(r["limit"]) if limited else "-",
                     ("within" if r["within"] else "BROKEN") if limited else "-",
                     f"{r['agreement']:.2f} %", str(r["missing"]), str(r["extra"]),
                     f"{r['largest_score_difference']:.1e}", f"{r['mean_score_difference']:.1e}"))
    return report.grid(rows)


def data_table(data_sets, results):
    rows = [("data set", "sentences", "labels", "gold", *(f"F1 {r['dtype']}" for r in results))]
    for data in data_sets:
        rows.append((data.name, str(len(data.texts)), str(len(data.labels)),
                     str(sum(map(len, data.gold))),
                     *(f"{r['data_sets'][data.name]['f1']:.2f}" for r in results)))
    return report.grid(rows)


def record(arguments, results, stats, about, sentences):
    """Puts the points into dtypes.json of the model, beside those that other machines measured."""
    path = pathlib.Path(arguments.model) / "dtypes.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for r in results:
        measured = {key: round(r[key], 3) for key in ("f1", "agreement")}
        measured.update(f1_points=round(r["points"], 3), isa=stats[r["dtype"]]["isa"],
                        program=about["program"], sentences=sentences)
        if r["dtype"] == "int8":
            known.setdefault("int8", {})[str(stats["int8"]["input_levels"])] = measured
        elif r["dtype"] == "bf16":
            known["bf16"] = measured
    path.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    note(f"wrote {path}")


# --- The whole -----------------------------------------------------------------------------------


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/waterline", help="build/waterline")
    parser.add_argument("--dtypes", default="f32,bf16,int8", help="f32,bf16,int8")
    parser.add_argument("--data", nargs="+", metavar="PATH", default=workloads.SENTENCES,
                        help="files of sentences, or directories of them: bench/data/crossner_*")
    parser.add_argument("--limit", type=int, metavar="N", help="first sentences of each data set")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="the default model")
    parser.add_argument("--threshold", type=float, default=0.5, help="0.5")
    parser.add_argument("--threads", type=int, default=0, help="0, one for each core")
    parser.add_argument("--isa", help="avx512, avx2 or portable, through WATERLINE_ISA: the best")
    parser.add_argument("--record", action="store_true", help="write dtypes.json of the model")
    parser.add_argument("--json", metavar="FILE", help="write the machine and all figures")
    arguments = parser.parse_args()
    arguments.dtypes = list(dict.fromkeys(arguments.dtypes.split(",")))
    if BASE not in arguments.dtypes:
        fail(f"--dtypes has '{','.join(arguments.dtypes)}'; it must list {BASE}, which the others are "
             "compared with")
    if arguments.limit is not None and arguments.limit < 1:
        fail(f"--limit is {arguments.limit}; it must be at least 1")
    arguments.program = pathlib.Path(arguments.program).resolve()
    if not os.access(arguments.program, os.X_OK):
        fail(f"{arguments.program} is missing; ./dev build makes it")
    if arguments.isa:
        os.environ["WATERLINE_ISA"] = arguments.isa
    return arguments


def main():
    arguments = parse_arguments()
    data_sets = read_data(arguments.data, arguments.limit)
    check_types(arguments)
    found, stats = {}, {}
    with tempfile.TemporaryDirectory(prefix="waterline-bench-") as scratch:
        for dtype in arguments.dtypes:
            for data in data_sets:
                note(f"{dtype}, {data.name}: {len(data.texts)} sentences")
                entities, stats[dtype] = extract(arguments, dtype, data, scratch)
                found.setdefault(dtype, []).append(entities)
    isa = stats[BASE]["isa"]
    results = [figures(data_sets, found, dtype) for dtype in arguments.dtypes]

    about = machine.describe(arguments.program)
    print(f"{about['cpu']}, {isa}; {about['program']}, commit {about['commit'][:10]}; "
          f"{sum(len(data.texts) for data in data_sets)} sentences, threshold {arguments.threshold}\n")
    print("\n".join(type_table(results)), end="\n\n")
    print("\n".join(data_table(data_sets, results)))
    if arguments.json:
        write_json({"machine": about, "isa": isa, "model": str(arguments.model),
                    "threads": arguments.threads, "threshold": arguments.threshold,
                    "data_sets": {data.name: {"sentences": len(data.texts), "labels": data.labels}
                                  for data in data_sets}, "types": results}, arguments.json)
    if arguments.record:
        record(arguments, results, stats, about, sum(len(data.texts) for data in data_sets))
    broken = [r for r in results if not r["within"]]
    for r in broken:
        note(f"{r['dtype']}: F1 is {r['f1']:.3f} and that of {BASE} {r['f1'] - r['points']:.3f}, "
             f"farther apart than {r['limit']} points")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
