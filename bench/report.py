#!/usr/bin/env python3
"""Tables and comparisons of what bench/end_to_end.py and bench/quality.py measured.

    bench/report.py FILE.json      # prints the tables of a result again

A case has model, engine, dtype, threads and budget; a sample is a dictionary of what one run took.
"""
# SPDX-License-Identifier: Apache-2.0
import collections
import json
import statistics
import sys

from contestants import CONTESTANTS

# Share of the cores that other processes may take during a run.
MOST_DISTURBANCE = 0.05
MIB = 1 << 20


def disturbed(sample):
    return sample["others_share"] > MOST_DISTURBANCE


def median(samples, key):
    values = [sample[key] for sample in samples if key in sample]
    return statistics.median(values) if values else None


def describe(case):
    threads = f"{case.threads} thread" + ("s" if case.threads > 1 else "")
    return (f"{case.model}, {CONTESTANTS[case.engine].name} {case.dtype}, {threads}"
            + ("" if case.budget == "auto" else f", {case.budget}"))


def grid(rows):
    """Lines of a Markdown table; the first row is its head."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
             for row in rows]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|"] + lines[1:]


# --- Summary -------------------------------------------------------------------------------------


def compare(ours, reference):
    """How far the entities of two runs agree."""
    counts = collections.Counter()
    differences = []
    for mine, theirs in zip(ours, reference):
        a = {tuple(entity[:3]): entity[3] for entity in mine}
        b = {tuple(entity[:3]): entity[3] for entity in theirs}
        counts.update(ours=len(a), reference=len(b), same=len(a.keys() & b.keys()))
        differences += [abs(a[key] - b[key]) for key in a.keys() & b.keys()]
    return dict(counts, largest_score_difference=max(differences, default=0.0),
                mean_score_difference=statistics.fmean(differences) if differences else 0.0)


def base_of(cases, case):
    """What the entities of a case are compared with: PyTorch f32, or the model's first case."""
    same_model = [other for other in cases if other.model == case.model]
    return next((other for other in same_model if (other.engine, other.dtype) == ("torch", "f32")),
                same_model[0])


def summarise(measured, entities):
    """A dictionary a case, in the order of `entities`, {case: entities of one run}."""
    rows = []
    for case, found in entities.items():
        samples = [run for run in measured["runs"]
                   if all(run[key] == value for key, value in case._asdict().items())]
        model = measured["models"][case.model]
        rates = [sample["texts_per_second"] for sample in samples]
        rate = statistics.median(rates)
        flops = 2 * model["multiply_adds"] / model["texts"] * rate
        peak = measured["core_peak_gflops"] * 1e9 * case.threads
        row = dict(case._asdict(), runs=len(samples), disturbed=sum(map(disturbed, samples)),
                   texts_per_second=rate, slowest=min(rates), fastest=max(rates),
                   tokens_per_second=rate * model["tokens"] / model["texts"],
                   share_of_peak=flops / peak if peak else None)
        row.update({key: median(samples, key) for key in
                    ("load_seconds", "first_entity_seconds", "peak_bytes", "engine_peak_bytes")})
        base = base_of(entities, case)
        row["agreement"] = dict(compare(found, entities[base]),
                                with_=f"{CONTESTANTS[base.engine].name} {base.dtype}")
        rows.append(row)
    for row in rows:
        row.update(ratios(row, rows))
    return rows


def ratios(row, rows):
    """Texts/s of a case by those of PyTorch f32, and of the fastest peer of its type."""
    peers = [other for other in rows if other["model"] == row["model"] and
             other["engine"] != "waterline" and other["threads"] == row["threads"]]
    result = {"to_torch_f32": None, "to_fastest_peer": None, "fastest_peer": None}
    for other in peers:
        if (other["engine"], other["dtype"]) == ("torch", "f32"):
            result["to_torch_f32"] = row["texts_per_second"] / other["texts_per_second"]
    fastest = max((other for other in peers if other["dtype"] == row["dtype"]),
                  key=lambda other: other["texts_per_second"], default=None)
    if fastest:
        result.update(to_fastest_peer=row["texts_per_second"] / fastest["texts_per_second"],
                      fastest_peer=fastest["engine"])
    return result


# --- Tables --------------------------------------------------------------------------------------


def show(value, form="{:.2f}", scale=1.0):
    return "-" if value is None else form.format(value / scale)


def names(row, measured):
    """Model, contestant, type, and threads and budget where they differ between cases."""
    cells = [measured["models"][row["model"]]["name"], CONTESTANTS[row["engine"]].name,
             row["dtype"]]
    if len(measured["arguments"]["threads"]) > 1:
        cells.append(str(row["threads"]))
    if len(measured["arguments"]["budgets"]) > 1:
        cells.append(row["budget"] if row["engine"] == "waterline" else "-")
    return cells


def names_head(measured):
    return (["model", "contestant", "type"] +
            ["threads"] * (len(measured["arguments"]["threads"]) > 1) +
            ["budget"] * (len(measured["arguments"]["budgets"]) > 1))


def speed_table(measured):
    rows = [names_head(measured) + ["texts/s", "slowest - fastest", "tokens/s", "x PyTorch f32",
                                    "x fastest peer of the type", "of f32 peak", "disturbed runs"]]
    for row in measured["summary"]:
        best = row["engine"] == row["fastest_peer"]
        rows.append(names(row, measured) + [
            show(row["texts_per_second"]), f"{row['slowest']:.2f} - {row['fastest']:.2f}",
            show(row["tokens_per_second"], "{:,.0f}"), show(row["to_torch_f32"]),
            "fastest" if best else show(row["to_fastest_peer"]),
            show(row["share_of_peak"], "{:.0f} %", 0.01),
            f"{row['disturbed']} of {row['runs']}"])
    return grid(rows)


def memory_table(measured):
    rows = [names_head(measured) + ["load s", "first entity s", "peak MiB", "entities", "same",
                                    "missing", "extra", "largest score difference"]]
    for row in measured["summary"]:
        found = row["agreement"]
        rows.append(names(row, measured) + [
            show(row["load_seconds"], "{:.2f}"), show(row["first_entity_seconds"], "{:.2f}"),
            show(row["peak_bytes"], "{:,.0f}", MIB), str(found["ours"]),
            str(found["same"]), str(found["reference"] - found["same"]),
            str(found["ours"] - found["same"]), f"{found['largest_score_difference']:.1e}"])
    return grid(rows)


def document(measured):
    """Lines of Markdown."""
    about, arguments = measured["machine"], measured["arguments"]
    versions = ", ".join(f"{name} {version}" for name, version in measured["versions"].items())
    threads = " and ".join(map(str, arguments["threads"]))
    lines = [f"    {measured['command']}", "",
             f"{about['cpu']}, {about['usable_cores']} cores, {' '.join(about['flags'])}; f32 peak "
             f"of a core {measured['core_peak_gflops']:.0f} GFLOP/s; commit "
             f"{about['commit'][:10]}; "
             f"{threads} threads; medians of {arguments['rounds']} rounds"
             + (f"; {versions}." if versions else "."), ""]
    for model in measured["models"].values():
        lines.append(f"{model['name']}: {model['texts']} texts, {model['words']:,} words, "
                     f"{model['tokens']:,} tokens, {2e-9 * model['multiply_adds']:,.0f} GFLOP.")
    with_ = dict.fromkeys(row["agreement"]["with_"] for row in measured["summary"])
    lines += ["", *speed_table(measured), "", *memory_table(measured), "",
              f"Entities are compared with those of {' or '.join(with_)}."]
    lines += [f"Without {name}: {why}." for name, why in measured["skipped"].items()]
    return lines


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as read:
        print("\n".join(document(json.load(read))))
