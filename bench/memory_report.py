#!/usr/bin/env python3
"""Table and picture of what bench/memory.py measured.

    bench/memory_report.py FILE.json PICTURE.svg      # draws what --json wrote
"""
# SPDX-License-Identifier: Apache-2.0
import json
import statistics
import sys

from report import MIB, MOST_DISTURBANCE, grid

NAMES = {"tight": "Waterline, tight budget", "lean": "Waterline, lean budget",
         "roomy": "Waterline, roomy budget", "torch": "Python package, PyTorch", "onnx": "Python package, ONNX Runtime"}


# --- Table ---------------------------------------------------------------------------------------


def after_batches(run):
    return [line for line in run["lines"] if line["batch"] > 0]


def rate(run, batches, report_only=False):
    """Texts/s over the batches that were done."""
    done = [(batches[line["batch"] - 1]["texts"], line["seconds"]) for line in after_batches(run)
            if batches[line["batch"] - 1]["report"] or not report_only]
    return sum(texts for texts, _ in done) / sum(s for _, s in done) if done else None


def describe(run):
    lines = run["lines"]
    end = f"died in batch {lines[-1]['batch'] + 1}, {run['died']}" if run["died"] else \
        f"{lines[-1]['rss'] / MIB:.0f} MiB after {lines[-1]['batch']} batches"
    return (f"{run['model']}, {NAMES[run['kind']]}: {end}; others took "
            f"{100 * run['others_share']:.0f} % of the cores")


def row(runs, batches):
    """One contestant, all rounds."""
    def most(value):
        return f"{max(map(value, runs)) / MIB:,.0f}"

    def median(values):
        found = [value for value in values if value is not None]
        return f"{statistics.median(found):.2f}" if found else "-"

    first = runs[0]
    done = [run for run in runs if after_batches(run)]
    if not done:
        return [first["model"], NAMES[first["kind"]]] + ["-"] * 10 + [first["died"] or ""]

    def growth(key):
        return lambda run: after_batches(run)[-1][key] - after_batches(run)[0][key]

    died = next((run for run in runs if run["died"]), None)
    remarks = [f"died in batch {died['lines'][-1]['batch'] + 1}, {died['died']}"] if died else []
    disturbed = sum(run["others_share"] > MOST_DISTURBANCE for run in runs)
    remarks += [f"{disturbed} of {len(runs)} runs disturbed"] if disturbed else []
    return [first["model"], NAMES[first["kind"]],
            f"{first['budget'] / MIB:,.0f}" if first["budget"] else "-",
            most(lambda run: run["lines"][0]["rss"]),
            most(lambda run: max(line["peak"] for line in after_batches(run))),
            most(lambda run: after_batches(run)[-1]["rss"]),
            most(growth("rss")), most(growth("file")),
            median(rate(run, batches) for run in runs),
            median(rate(run, batches, report_only=True) for run in runs),
            str(sum(line["entities"] for line in after_batches(done[0]))),
            str(sum(line.get("refused", 0) for line in after_batches(done[0]))),
            "; ".join(remarks)]


def table(measured):
    """Lines of Markdown, memory in MiB."""
    contestants = {}
    for run in measured["runs"]:
        contestants.setdefault((run["model"], run["kind"]), []).append(run)
    rows = [["model", "contestant", "budget", "after load", "peak", "last", "growth",
             "of it file pages", "texts/s", "texts/s, 28 x 380", "entities", "refused", "remarks"]]
    rows += [row(runs, measured["batches"]) for runs in contestants.values()]
    return grid(rows)


def planning(measured):
    """What Waterline spends beside its passes, a line a run. The time between passes has words and
    tokens, order and results, and at more than one thread waiting for the last pass of a batch."""
    for run in measured["runs"]:
        lines = after_batches(run)
        if not lines or "planning_seconds" not in lines[-1]:
            continue
        wall = sum(line["seconds"] for line in lines) * measured["arguments"]["threads"]
        last = lines[-1]
        yield (f"{run['model']}, {NAMES[run['kind']]}: {last['passes']} passes, "
               f"{1e6 * last['planning_seconds'] / last['passes']:.0f} us each to pack and plan "
               f"({100 * last['planning_seconds'] / wall:.2f} % of the workers' time), "
               f"{100 * (1 - last['pass_seconds'] / wall):.2f} % between passes")


# --- Picture -------------------------------------------------------------------------------------

SHORT_NAMES = {"tight": "Waterline, tight", "lean": "Waterline, lean", "roomy": "Waterline, roomy",
               "torch": "PyTorch", "onnx": "ONNX Runtime"}
COLOURS = {"tight": "#0b5cad", "lean": "#1b7f8c", "roomy": "#3aa0e0", "torch": "#d9480f",
           "onnx": "#7b2d8b"}


def spread(wanted, least):
    """Positions near the wanted ones that are `least` apart, none lowered below the first."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    places = list(wanted)
    for before, i in zip(order, order[1:]):
        places[i] = max(places[i], places[before] + least)
    return places


def draw_model(axes, model, runs, batches):
    top = max(line["peak"] for run in runs for line in after_batches(run)) / MIB
    ends = []
    for run in runs:
        lines, colour = after_batches(run), COLOURS[run["kind"]]
        x = [line["batch"] for line in lines]
        axes.plot(x, [line["peak"] / MIB for line in lines], color=colour, linewidth=1, alpha=0.55)
        axes.plot([0] + x, [line["rss"] / MIB for line in run["lines"]], color=colour, linewidth=2.2,
                  solid_capstyle="round")
        if run["died"]:
            axes.plot(x[-1:], [lines[-1]["rss"] / MIB], "x", color=colour, markersize=9)
        if run["budget"]:
            axes.axhline(run["budget"] / MIB, color=colour, linewidth=1, linestyle=(0, (5, 3)))
        ends.append((lines[-1]["rss"] / MIB, x[-1], colour, run))
    axes.set_xlim(0, len(batches))
    axes.set_ylim(0, 1.06 * top)
    for place, (y, x, colour, run) in zip(spread([e[0] for e in ends], 0.085 * top), ends):
        text = f"{SHORT_NAMES[run['kind']]}: {y:,.0f} MiB"
        if run["budget"]:
            text += f" (budget {run['budget'] / MIB:,.0f})"
        if run["died"]:
            text += f" (died in batch {x + 1})"
        axes.annotate(text, (x, y), (1.015, place / (1.06 * top)), textcoords="axes fraction",
                      color=colour, va="center", fontsize=10, annotation_clip=False)
    report = [i for i, batch in enumerate(batches, 1) if batch["report"]]
    axes.plot(report, [0.985] * len(report), "v", color="#444444", markersize=6, clip_on=False,
              transform=axes.get_xaxis_transform())
    axes.set_title(f"random weights, gliner_{model} shape", loc="left", fontsize=11, pad=10)
    axes.set_ylabel("resident MiB")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.grid(axis="y", color="#dddddd", linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def draw(measured, path):
    """The curves of the first round, one model above another. The same numbers give the same SVG."""
    import matplotlib
    matplotlib.use("svg" if str(path).endswith(".svg") else "agg")
    matplotlib.rcParams.update({"svg.hashsalt": "waterline", "svg.fonttype": "path",
                                "font.family": "DejaVu Sans", "font.size": 10})
    from matplotlib import pyplot
    from matplotlib.ticker import MaxNLocator

    runs = [run for run in measured["runs"] if run["round"] == 1 and after_batches(run)]
    models = list(dict.fromkeys(run["model"] for run in runs))
    figure, all_axes = pyplot.subplots(len(models), 1, figsize=(10, 0.6 + 3.1 * len(models)),
                                       sharex=True, squeeze=False)
    for axes, model in zip(all_axes[:, 0], models):
        draw_model(axes, model, [run for run in runs if run["model"] == model],
                   measured["batches"])
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    all_axes[-1, 0].set_xlabel("batch (0: loaded)   \N{BLACK DOWN-POINTING TRIANGLE} 28 texts of 380 "
                               "tokens   thick: after the batch   thin: most during it   "
                               "dashed: budget", loc="left")
    figure.subplots_adjust(left=0.08, right=0.69, top=1 - 0.35 / figure.get_figheight(),
                           bottom=0.55 / figure.get_figheight(), hspace=0.22)
    figure.savefig(path, facecolor="white", metadata={"Date": None}
                   if str(path).endswith(".svg") else None)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as read:
        draw(json.load(read), sys.argv[2])
