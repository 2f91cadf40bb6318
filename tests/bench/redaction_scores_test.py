#!/usr/bin/env python3
"""What bench/redaction_scores.py counts, on texts small enough to count by hand."""
# SPDX-License-Identifier: Apache-2.0
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "bench"))

from redaction_scores import Scores  # pylint: disable=wrong-import-position

TEXT = "Ada Byron, call 555-0142 today."
GOLD = [[0, 9, "person"], [16, 24, "phone number"]]


def score(*redactions, text=TEXT, gold=None, right=lambda gold, shown: gold == shown):
    scores = Scores()
    scores.add({"id": "1", "kind": "chat", "text": text, "entities": GOLD if gold is None else gold},
               [{"start": start, "end": end, "label": label} for start, end, label in redactions], right)
    return scores


class ScoresTest(unittest.TestCase):
    def test_nothing_replaced_is_all_leaked(self):
        figures = score().figures()
        self.assertEqual(figures["all"]["leaked"], 2)
        self.assertEqual(figures["all"]["missed"], 2)
        self.assertEqual(figures["all"]["recall_of_characters"], 0)
        self.assertIsNone(figures["precision"])
        self.assertIsNone(figures["all"]["label_right"])
        self.assertEqual(figures["clean_texts"], 0)

    def test_whole_spans_under_the_right_labels(self):
        figures = score((0, 9, "person"), (16, 24, "phone number")).figures()
        self.assertEqual(figures["all"]["recall_of_characters"], 1)
        self.assertEqual(figures["all"]["recall_of_spans"], 1)
        self.assertEqual(figures["all"]["label_right"], 1)
        self.assertEqual(figures["precision"], 1)
        self.assertEqual(figures["clean_texts"], 1)

    def test_the_space_between_two_names_may_stay(self):
        self.assertEqual(score((0, 3, "person"), (4, 9, "person"), gold=GOLD[:1]).figures()["all"]["leaked"], 0)

    def test_a_part_is_a_leak_and_no_miss(self):
        figures = score((4, 9, "person")).figures()
        self.assertEqual(figures["labels"]["person"]["recall_of_characters"], 5 / 8)
        self.assertEqual(figures["labels"]["person"]["leaked"], 1)
        self.assertEqual(figures["labels"]["person"]["missed"], 0)

    def test_leaks_show_what_was_left(self):
        self.assertEqual(score((4, 9, "person"), (16, 24, "x")).leaks,
                         [("chat", "person", "Ada Byron", "Ada _____", "1")])

    def test_any_label_keeps_it_from_leaking_but_is_told(self):
        figures = score((0, 9, "city"), (16, 24, "phone")).figures()
        self.assertEqual(figures["all"]["recall_of_spans"], 1)
        self.assertEqual(figures["all"]["label_right"], 0)
        same = score((0, 9, "city"), (16, 24, "phone"), right=lambda gold, shown: gold.startswith(shown))
        self.assertEqual(same.figures()["all"]["label_right"], 0.5)

    def test_precision_is_of_letters_and_digits(self):
        # " call " beside the name: four letters of twelve.
        figures = score((0, 15, "person")).figures()
        self.assertEqual(figures["characters_needless"], 4)
        self.assertEqual(figures["precision"], 8 / 12)
        self.assertEqual(figures["needless_by_label"], {"person": 4})

    def test_redactions_may_overlap(self):
        self.assertEqual(score((0, 9, "person"), (0, 3, "first name")).figures()["characters_replaced"], 8)

    def test_offsets_are_code_points(self):
        figures = score((2, 6, "person"), text="\U0001f600 Æsop", gold=[[2, 6, "person"]]).figures()
        self.assertEqual(figures["all"]["leaked"], 0)

    def test_texts_add_up(self):
        scores = score((0, 9, "person"), (16, 24, "phone number"))
        scores.add({"id": "2", "kind": "form", "text": "Bo", "entities": [[0, 2, "person"]]}, [],
                   lambda gold, shown: True)
        figures = scores.figures()
        self.assertEqual((figures["texts"], figures["clean_texts"]), (2, 1))
        self.assertEqual(figures["labels"]["person"]["spans"], 2)
        self.assertEqual(figures["kinds"]["form"]["missed"], 1)
        self.assertEqual(figures["all"]["spans"], 3)


if __name__ == "__main__":
    unittest.main()
