#!/usr/bin/env python3
"""Draws what bench/end_to_end.py measured: texts/s of every contestant as ratios to PyTorch f32,
grouped by number type, one model above another.

    bench/plot.py FILE.json PICTURE.svg
"""
# SPDX-License-Identifier: Apache-2.0
import json
import sys

from contestants import DTYPES

NAMES = {"waterline": "Waterline", "torch": "PyTorch", "onnx": "ONNX Runtime",
         "fast-gliner": "fast-gliner", "gliner-cpp": "gliner-cpp"}
COLOURS = {"waterline": "#0b5cad", "torch": "#d9480f", "onnx": "#7b2d8b", "fast-gliner": "#8a8f98",
           "gliner-cpp": "#5b6b4e"}


def bars(summary, model, measured):
    """[type, [rows]] of the cases with the most threads and the automatic budget."""
    threads = max(measured["arguments"]["threads"])
    rows = [row for row in summary if row["model"] == model and row["threads"] == threads and
            row["budget"] == "auto" and row["to_torch_f32"]]
    return [(dtype, [row for row in rows if row["dtype"] == dtype]) for dtype in DTYPES
            if any(row["dtype"] == dtype for row in rows)]


def draw_model(axes, title, groups):
    """Bars from the top down, a gap between types; thin lines from the slowest to the fastest
    round."""
    place, places, labels = 0.0, [], []
    longest = 0.0
    for dtype, rows in groups:
        middle = place + (len(rows) - 1) / 2
        axes.text(-0.2, middle, dtype, transform=axes.get_yaxis_transform(), fontsize=11,
                  fontweight="bold", va="center")
        for row in rows:
            ratio, unit = row["to_torch_f32"], row["to_torch_f32"] / row["texts_per_second"]
            colour = COLOURS[row["engine"]]
            axes.barh(place, ratio, height=0.78, color=colour)
            most = unit * row["fastest"]
            if row["fastest"] > row["slowest"]:
                axes.plot([unit * row["slowest"], most], [place, place], color="#222222",
                          linewidth=0.9)
            rate = row["texts_per_second"]
            axes.annotate(f"{ratio:.2f}   ({rate:.{1 if rate >= 10 else 2}f} texts/s)",
                          (max(ratio, most), place), (5, 0), textcoords="offset points",
                          va="center", fontsize=9, color="#333333")
            places.append(place)
            labels.append(NAMES[row["engine"]])
            longest = max(longest, ratio, most)
            place += 1
        place += 0.7
    axes.axvline(1, color="#444444", linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set_yticks(places, labels)
    axes.set_ylim(place - 1.1, -0.7)
    axes.set_xlim(0, 1.22 * longest)
    axes.set_title(title, loc="left", fontsize=11, pad=8)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#dddddd", linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def draw(measured, path):
    """The same numbers give the same SVG."""
    import matplotlib
    matplotlib.use("svg" if str(path).endswith(".svg") else "agg")
    matplotlib.rcParams.update({"svg.hashsalt": "waterline", "svg.fonttype": "path",
                                "font.family": "DejaVu Sans", "font.size": 10})
    from matplotlib import pyplot

    models = {key: bars(measured["summary"], key, measured) for key in measured["models"]}
    models = {key: groups for key, groups in models.items() if groups}
    if not models:
        sys.exit("bench: nothing to draw: PyTorch f32 was not measured")
    heights = [sum(len(rows) + 0.7 for _, rows in groups) for groups in models.values()]
    inches = 0.25 * sum(heights) + 0.75 * len(models) + 0.3
    figure, all_axes = pyplot.subplots(len(models), 1, figsize=(10, inches), squeeze=False,
                                       height_ratios=heights)
    for axes, (key, groups) in zip(all_axes[:, 0], models.items()):
        title = "default model" if key == "default" else f"random weights, gliner_{key} shape"
        draw_model(axes, title, groups)
    threads = max(measured["arguments"]["threads"])
    all_axes[-1, 0].set_xlabel(f"texts/s, PyTorch f32 = 1   ({measured['machine']['cpu']}, "
                               f"{threads} threads; lines: slowest to fastest round)", loc="left")
    figure.subplots_adjust(left=0.18, right=0.98, top=1 - 0.4 / inches, bottom=0.6 / inches,
                           hspace=0.75 * len(models) / (0.25 * sum(heights)))
    figure.savefig(path, facecolor="white", metadata={"Date": None}
                   if str(path).endswith(".svg") else None)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as read:
        draw(json.load(read), sys.argv[2])
