"""How much of what should have gone a redaction left, and what it took besides.

Characters are letters and digits: whether the space between two names went does not matter. A gold span is
[start, end, label]; a redaction {"start", "end", "label", ...}; both in code points of the text.
"""
# SPDX-License-Identifier: Apache-2.0
import collections

# Of one gold label, or of all: spans, and of these those that are whole (each character was replaced) or
# missed (none was), the others being in part; whole ones that a redaction of the right label touches;
# characters, and those that were replaced.
FIELDS = ("spans", "whole", "missed", "right", "characters", "replaced")


class Scores:
    """Sums over texts."""

    def __init__(self):
        self.labels = {}  # {gold label: Counter of FIELDS}
        self.kinds = {}   # {kind of text: Counter of FIELDS}
        self.texts = 0
        self.clean = 0       # Texts of which no span was left or left in part.
        self.replaced = 0    # Characters that were replaced,
        self.needless = 0    # and those of them in no gold span;
        self.of_needless = collections.Counter()  # by the label that the redaction shows.
        self.text_characters = 0
        self.leaks = []      # (kind, label, text of the span, what of it was left, id)

    def add(self, record, redactions, right):
        """`record` has id, kind, text and entities; `right` tells of a gold label and one that a redaction
        shows whether they mean the same."""
        text = record["text"]
        covers = [None] * len(text)
        for redaction in redactions:
            for at in range(redaction["start"], redaction["end"]):
                covers[at] = redaction["label"]
        gold, clean = set(), True
        for start, end, label in record["entities"]:
            places = [at for at in range(start, end) if text[at].isalnum()]
            gold.update(places)
            gone = [at for at in places if covers[at] is not None]
            whole = len(gone) == len(places)
            clean = clean and whole
            counts = {"spans": 1, "whole": whole, "missed": not gone, "characters": len(places),
                      "right": whole and any(right(label, covers[at]) for at in places),
                      "replaced": len(gone)}
            self.labels.setdefault(label, collections.Counter()).update(counts)
            self.kinds.setdefault(record.get("kind", ""), collections.Counter()).update(counts)
            if not whole:
                left = "".join("_" if covers[at] is not None else text[at] for at in range(start, end))
                self.leaks.append((record.get("kind", ""), label, text[start:end], left, record.get("id")))
        self.texts += 1
        self.clean += clean
        for at, character in enumerate(text):
            if not character.isalnum():
                continue
            self.text_characters += 1
            if covers[at] is not None:
                self.replaced += 1
                if at not in gold:
                    self.needless += 1
                    self.of_needless[covers[at]] += 1

    def all(self):
        total = collections.Counter(dict.fromkeys(FIELDS, 0))
        for counts in self.labels.values():
            total.update(counts)
        return total

    def figures(self):
        """What JSON knows."""
        return {"texts": self.texts, "clean_texts": self.clean, "characters_replaced": self.replaced,
                "characters_needless": self.needless, "characters": self.text_characters,
                "precision": share(self.replaced - self.needless, self.replaced),
                "all": shares(self.all()),
                "labels": {label: shares(counts) for label, counts in sorted(self.labels.items())},
                "kinds": {kind: shares(counts) for kind, counts in sorted(self.kinds.items())},
                "needless_by_label": dict(self.of_needless.most_common())}


def share(part, whole):
    return part / whole if whole else None


def shares(counts):
    return {**{field: int(counts[field]) for field in FIELDS},
            "leaked": int(counts["spans"] - counts["whole"]),
            "recall_of_characters": share(counts["replaced"], counts["characters"]),
            "recall_of_spans": share(counts["whole"], counts["spans"]),
            "label_right": share(counts["right"], counts["whole"])}
