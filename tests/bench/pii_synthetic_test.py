#!/usr/bin/env python3
"""bench/data/pii_synthetic.jsonl is what bench/data/pii_texts.py says it is."""
# SPDX-License-Identifier: Apache-2.0
import collections
import json
import pathlib
import re
import unittest

DATA = pathlib.Path(__file__).resolve().parent.parent.parent / "bench" / "data"
RECORDS = [json.loads(line) for line in (DATA / "pii_synthetic.jsonl").read_text(encoding="utf-8").splitlines()]


class SyntheticTest(unittest.TestCase):
    def test_spans_lie_in_their_texts_in_order_and_apart(self):
        for record in RECORDS:
            at = 0
            for start, end, label in record["entities"]:
                self.assertLessEqual(at, start, record["id"])
                self.assertLess(start, end, record["id"])
                self.assertLessEqual(end, len(record["text"]), record["id"])
                span = record["text"][start:end]
                self.assertEqual(span, span.strip(), record["id"])
                self.assertTrue(label and any(map(str.isalnum, span)), record["id"])
                at = end

    def test_each_template_has_the_same_number_of_texts_in_one_half(self):
        templates = len(re.findall("^---", (DATA / "pii_templates.txt").read_text(encoding="utf-8"), re.MULTILINE))
        texts, halves = collections.Counter(), collections.defaultdict(set)
        for record in RECORDS:
            template = record["id"].partition("-")[0]
            texts[template] += 1
            halves[template].add(record["half"])
        self.assertEqual(len(texts), templates)
        self.assertEqual(len(set(texts.values())), 1)
        self.assertTrue(all(len(half) == 1 for half in halves.values()))
        self.assertEqual(len({record["id"] for record in RECORDS}), len(RECORDS))

    def test_addresses_of_mail_are_of_domains_for_examples(self):
        for record in RECORDS:
            for start, end, label in record["entities"]:
                if label == "email":
                    self.assertRegex(record["text"][start:end], r"[@.]example(\.(com|org|net|edu))?$")


if __name__ == "__main__":
    unittest.main()
