"""Tables and comparisons of what bench/end_to_end.py and bench/quality.py measured.

A case has model, engine ("waterline" or "reference"), threads and budget; a sample is a dictionary
of what one run took.
"""
# SPDX-License-Identifier: Apache-2.0
import collections
import statistics


# Share of the cores that other processes may take during a run.
MOST_DISTURBANCE = 0.05


def disturbed(sample):
    return sample["others_share"] > MOST_DISTURBANCE


def median(samples, key):
    values = [sample[key] for sample in samples if key in sample]
    return statistics.median(values) if values else None


def describe(case):
    threads = f"{case.threads} thread" + ("s" if case.threads > 1 else "")
    return f"{case.model}, {case.engine}, {threads}" + (f", {case.budget}" if case.budget else "")


def grid(rows):
    """Lines of a Markdown table; the first row is its head."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
             for row in rows]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|"] + lines[1:]


def table(models, results):
    """Rows of text, one a case."""
    rows = [("model", "texts", "program", "threads", "budget", "texts/s", "slowest", "tokens/s",
             "load s", "first entity s", "VmHWM MiB", "engine's peak MiB", "disturbed runs")]

    def show(value, form="{:.2f}", scale=1.0):
        return "-" if value is None else form.format(value / scale)

    for case, samples in results.items():
        model = models[case.model]
        tokens = median([s for c, found in results.items() for s in found
                         if c.model == case.model], "tokens")
        rate = median(samples, "texts_per_second")
        rows.append((model.name, str(len(model.texts)), case.engine, str(case.threads),
                     case.budget or "-", show(rate),
                     show(min(s["texts_per_second"] for s in samples)),
                     show(tokens and rate * tokens / len(model.texts), "{:.0f}"),
                     show(median(samples, "load_seconds"), "{:.3f}"),
                     show(median(samples, "first_entity_seconds"), "{:.3f}"),
                     show(median(samples, "peak_bytes"), "{:.0f}", 1 << 20),
                     show(median(samples, "engine_peak_bytes"), "{:.0f}", 1 << 20),
                     f"{sum(map(disturbed, samples))} of {len(samples)}"))
    return grid(rows)


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


def agreements(entities):
    """[case, base, comparison]: every case with the reference, or with its model's first one."""
    rows = []
    for key in dict.fromkeys(case.model for case in entities):
        cases = [case for case in entities if case.model == key]
        base = next((case for case in cases if case.engine == "reference"), cases[0])
        rows += [(case, base, compare(entities[case], entities[base]))
                 for case in cases if case != base]
    return rows


def tell(case, base, found):
    return (f"{describe(case)} against {base.engine}: {found['ours']} entities, {found['same']} of "
            f"{found['reference']} the same, scores differ by at most "
            f"{found['largest_score_difference']:.1e}")


def speedups(results):
    lines = []
    for case, samples in results.items():
        if case.engine != "reference":
            continue
        for other, found in results.items():
            if other.engine == "waterline" and other.model == case.model and not other.budget and \
                    other.threads == case.threads:
                ratio = median(found, "texts_per_second") / median(samples, "texts_per_second")
                lines.append(f"{describe(other)}: {ratio:.2f} times the texts/s of the reference")
    return lines
