#!/usr/bin/env python3
"""Measures what `waterline redact` misses, and what it takes without need: on texts made up for it
(bench/data/pii_texts.py) and on sentences in which people marked names (CrossNER).

    ./dev bench redaction [--presets pii,hipaa,gdpr-basic] [--half test] [--json FILE] [--leaks FILE]
    ./dev bench redaction --data GOLD.jsonl    # texts of your own, in a format that `eval --gold` reads

Each preset runs three times: with its patterns alone (--no-model), with the model alone (--no-patterns), and
with both. A character is a letter or a digit; what stands between two of them may stay.

    recall, characters  of those in gold spans, the part that was replaced, under whatever label
    recall, spans       of gold spans, the part of which every character was replaced; all others leak
    label right         of the spans replaced as a whole, those under a label that means the gold one
    clean texts         texts of which nothing leaks
    precision           of the characters that were replaced, the part that gold spans have

`made up`: half of the templates ("dev") served to choose labels and thresholds; the texts of the others
("test") are what is told by default. A preset is held to the gold labels that it means to cover (SCOPES).
`sentences`: CrossNER's, of which the `person` entities (and politicians, writers, ...) are gold; everything
else that is replaced there counts as needless, though dates and places may be meant to go.
"""
# SPDX-License-Identifier: Apache-2.0
import argparse
import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import machine
import report
import workloads
from project import DEFAULT_MODEL, fail, note, write_json
from quality import read_sentence
from redaction_scores import Scores

# Which gold labels are no business of a preset.
SCOPES = {"pii": {"date"}, "hipaa": set(), "gdpr-basic": {"date"}}
WAYS = {"patterns": ["--no-model"], "model": ["--no-patterns"], "both": []}

# CrossNER's labels of people.
PEOPLE = {"person", "politician", "writer", "musical artist", "scientist", "researcher"}

# What a gold label may be replaced as, where it is not its own name.
NATIONAL = {"national id", "tax id", "ssn", "identity card number", "social security number"}
MEANS = {"us ssn": NATIONAL, "uk nhs number": NATIONAL | {"medical record number"}, "uk nino": NATIONAL,
         "de tax id": NATIONAL, "fr nir": NATIONAL, "es dni": NATIONAL, "it codice fiscale": NATIONAL,
         "other national id": NATIONAL, "api key": {"secret", "password"}, "password": {"secret"},
         "vin": {"vehicle id"}, "bank account": {"account number"}, "iban": {"account number"},
         "address": {"zip code", "city", "county", "postcode", "location"}, "date of birth": {"date"},
         "date": {"date of birth"}}


def means_the_same(gold, shown):
    return gold == shown or shown in MEANS.get(gold, ())


# --- Data ----------------------------------------------------------------------------------------


def made_up(half):
    with open(workloads.DATA / "pii_synthetic.jsonl", encoding="utf-8") as lines:
        return [record for record in map(json.loads, lines) if half in ("all", record["half"])]


def sentences(half):
    """Those of the files *_train are the half "dev", those of *_dev "test"."""
    files = {"dev": ["train"], "test": ["dev"], "all": ["dev", "train"]}[half]
    found = []
    for path in sorted(path for end in files for path in workloads.DATA.glob(f"crossner_*_{end}.jsonl")):
        with open(path, encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                text, gold = read_sentence(line)
                found.append({"id": f"{path.stem}:{number}", "kind": "sentence", "text": text, "entities": sorted(
                    [start, end, "person"] for start, end, label in gold if label in PEOPLE)})
    return found


def own_texts(path):
    """Of a file of gold entities: `text` and `entities`, as objects or lists, or `tokenized_text` and `ner`."""
    found = []
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            record = json.loads(line)
            try:
                if "text" in record:
                    text = record["text"]
                    entities = [entity if isinstance(entity, list) else
                                [entity["start"], entity["end"], entity["label"]]
                                for entity in record["entities"]]
                else:
                    text, gold = read_sentence(line)
                    entities = sorted(map(list, gold))
                found.append({"id": record.get("id", number), "kind": record.get("kind", ""), "text": text,
                              "entities": entities})
            except (IndexError, KeyError, TypeError) as error:
                fail(f"{path}:{number} is no text with gold entities: {error!r}")
    return found


def in_scope(records, preset):
    return [dict(record, entities=[entity for entity in record["entities"]
                                   if entity[2] not in SCOPES.get(preset, ())]) for record in records]


# --- Runs ----------------------------------------------------------------------------------------


def redact(arguments, preset, way, records, scratch):
    """Of each record, its redactions."""
    texts = os.path.join(scratch, "texts.jsonl")
    with open(texts, "w", encoding="utf-8") as file:
        file.writelines(json.dumps({"text": record["text"]}) + "\n" for record in records)
    named = ["--rules", preset] if os.path.exists(preset) else ["--preset", preset]
    command = [arguments.program, "redact", *named, *WAYS[way], "--model", arguments.model, "--format",
               "jsonl", "--threads", str(arguments.threads), "--quiet", *arguments.options, texts]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        fail(f"exit status {done.returncode} of {' '.join(map(str, command))}\n{done.stderr.strip()[-2000:]}")
    found = [json.loads(line)["redactions"] for line in done.stdout.splitlines()]
    if len(found) != len(records):
        fail(f"{len(records)} texts went into {arguments.program} and {len(found)} came back")
    return found


def measure(arguments, preset, way, data, scratch):
    scores = Scores()
    records = in_scope(data, preset)
    for record, redactions in zip(records, redact(arguments, preset, way, records, scratch)):
        scores.add(record, redactions, means_the_same)
    return scores


# --- Tables --------------------------------------------------------------------------------------


def percent(value):
    return "-" if value is None else f"{100 * value:.1f}"


def recall_table(figures, ways):
    """A row for each gold label: recall of characters and spans in each way; what leaks and the labels of both."""
    last = ways[-1]
    head = ["gold", "spans"]
    for way in ways:
        head += [f"{way}: characters %", "spans %"]
    rows = [head + [f"leaked ({last})", f"missed in whole ({last})", f"label right ({last}) %"]]

    def row(name, counts):
        cells = [name, f"{counts(last)['spans']:,}"]
        for way in ways:
            cells += [percent(counts(way)["recall_of_characters"]), percent(counts(way)["recall_of_spans"])]
        rows.append(cells + [f"{counts(last)['leaked']:,}", f"{counts(last)['missed']:,}",
                             percent(counts(last)["label_right"])])

    for label in figures[last]["labels"]:
        row(label, lambda way, label=label: figures[way]["labels"][label])
    row("all", lambda way: figures[way]["all"])
    return report.grid(rows)


def whole_table(results):
    rows = [["texts", "preset", "with", "recall: characters %", "spans %", "clean texts %", "precision %",
             "replaced of all characters %", "most needless, by label shown"]]
    for (data, preset, way), scores in results.items():
        figures = scores.figures()
        needless = ", ".join(f"{label} {100 * count / max(1, figures['characters_needless']):.0f} %"
                             for label, count in scores.of_needless.most_common(3))
        rows.append([data, preset, way, percent(figures["all"]["recall_of_characters"]),
                     percent(figures["all"]["recall_of_spans"]),
                     percent(figures["clean_texts"] / figures["texts"]), percent(figures["precision"]),
                     percent(figures["characters_replaced"] / figures["characters"]), needless])
    return report.grid(rows)


def form_of(name):
    """How a name is written."""
    if not re.fullmatch(r"[\W\d_A-Za-z\u00c0-\u024f\u1e00-\u1eff]+", name):
        return "another script"
    if re.match(r"\w\. ", name):
        return "an initial, surname"
    if name.isupper():
        return "capitals"
    if name.islower():
        return "small letters"
    if "," in name:
        return "surname, first name"
    return "several words" if " " in name else "one word"


def split_table(title, gold, leaked):
    """Counters of spans, and of those that leaked."""
    rows = [[title, "spans", "recall of spans %"]]
    for name, count in sorted(gold.items(), key=lambda pair: leaked[pair[0]] / pair[1]):
        rows.append([name, f"{count:,}", percent(1 - leaked[name] / count)])
    return report.grid(rows)


def splits(data, preset, scores):
    """Tables by the form of names and by the kind of text."""
    spans = [(record["kind"], label, record["text"][start:end]) for record in in_scope(data, preset)
             for start, end, label in record["entities"]]
    leaks = [leak[:3] for leak in scores.leaks]
    return (split_table("name as", *(collections.Counter(form_of(text) for _, label, text in some
                                                         if label == "person") for some in (spans, leaks))) +
            [""] + split_table("kind of text", *(collections.Counter(kind for kind, _, _ in some)
                                                 for some in (spans, leaks))))


def write_leaks(path, results):
    with open(path, "w", encoding="utf-8") as file:
        for (data, preset, way), scores in results.items():
            for kind, label, text, left, record in scores.leaks:
                file.write(json.dumps({"data": data, "preset": preset, "with": way, "kind": kind,
                                       "label": label, "text": text, "left": left, "id": record},
                                      ensure_ascii=False) + "\n")


# --- The whole -----------------------------------------------------------------------------------


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/waterline", help="build/waterline")
    parser.add_argument("--presets", default=",".join(SCOPES), metavar="P,...",
                        help=f"of {', '.join(SCOPES)}, or files of rules: all presets")
    parser.add_argument("--ways", default=",".join(WAYS), help=",".join(WAYS))
    parser.add_argument("--half", default="test", choices=("test", "dev", "all"), help="test")
    parser.add_argument("--data", metavar="FILE", help="texts of your own instead of those above")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="the default model")
    parser.add_argument("--threads", type=int, default=0, help="0, one for each core")
    parser.add_argument("--options", default="", help="more options of redact, between spaces")
    parser.add_argument("--leaks", metavar="FILE", help="write each span that leaked, as JSONL")
    parser.add_argument("--json", metavar="FILE", help="write the machine and all figures")
    arguments = parser.parse_args()
    arguments.presets, arguments.ways = arguments.presets.split(","), arguments.ways.split(",")
    arguments.options = arguments.options.split()
    if unknown := set(arguments.ways) - set(WAYS):
        fail(f"--ways has '{unknown.pop()}'; it may list {', '.join(WAYS)}")
    arguments.program = pathlib.Path(arguments.program).resolve()
    if not os.access(arguments.program, os.X_OK):
        fail(f"{arguments.program} is missing; ./dev build makes it")
    return arguments


def main():
    arguments = parse_arguments()
    if arguments.data:
        data_sets = {pathlib.Path(arguments.data).stem: own_texts(arguments.data)}
    else:
        data_sets = {"made up": made_up(arguments.half), "sentences": sentences(arguments.half)}
    results = {}
    with tempfile.TemporaryDirectory(prefix="waterline-bench-") as scratch:
        for name, data in data_sets.items():
            for preset in arguments.presets:
                for way in arguments.ways:
                    results[name, preset, way] = measure(arguments, preset, way, data, scratch)
                    note(f"{name}, {preset}, {way}: {len(data)} texts")
    about = machine.describe(arguments.program)
    print(f"{about['program'].splitlines()[0]}, commit {about['commit'][:10]}"
          f"{'' if arguments.data else f'; half {arguments.half}'}: "
          f"{', '.join(f'{len(data):,} texts {name}' for name, data in data_sets.items())}\n")
    print("\n".join(whole_table(results)))
    first = next(iter(data_sets))
    for preset in arguments.presets:
        figures = {way: results[first, preset, way].figures() for way in arguments.ways}
        print(f"\n{preset}, texts {first}:\n\n" + "\n".join(recall_table(figures, arguments.ways)))
        print("\n" + "\n".join(splits(data_sets[first], preset, results[first, preset, arguments.ways[-1]])))
    if arguments.leaks:
        write_leaks(arguments.leaks, results)
    if arguments.json:
        write_json({"machine": about, "model": os.path.basename(str(arguments.model)), "half": arguments.half,
                    "runs": [{"data": data, "preset": preset, "with": way, **scores.figures()}
                             for (data, preset, way), scores in results.items()]}, arguments.json)


if __name__ == "__main__":
    sys.exit(main())
