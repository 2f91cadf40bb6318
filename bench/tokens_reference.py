#!/usr/bin/env python3
"""The `tokenizers` package for bench/tokens.py: takes the requests of bench/tokens_driver.cc.

    PYTHON bench/tokens_reference.py DIRECTORY TEXTS.jsonl [--fast]

Texts go through encode_batch in batches of 8, as many as GLiNER gives it at once; with --fast
through encode_batch_fast, which keeps no offsets. One thread: the caller sets RAYON_NUM_THREADS.
The first line of standard output is the version of the package.
"""
# SPDX-License-Identifier: Apache-2.0
import json
import pathlib
import sys
import time

import tokenizers

BATCH = 8


class Driver:
    def __init__(self, directory, texts, fast):
        self.file = str(pathlib.Path(directory) / "tokenizer.json")
        with open(texts, encoding="utf-8") as lines:
            self.words = [json.loads(line) for line in lines]
        self.texts = [" ".join(words) for words in self.words]
        self.fast = fast
        self.tokenizer = None

    def load(self, count):
        least = float("inf")
        for _ in range(count):
            begin = time.perf_counter()
            self.tokenizer = tokenizers.Tokenizer.from_file(self.file)
            least = min(least, time.perf_counter() - begin)
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        return least

    def encode(self, kind):
        """The encodings, a batch at a time."""
        if self.tokenizer is None:
            self.load(1)
        encode = self.tokenizer.encode_batch_fast if self.fast else self.tokenizer.encode_batch
        data = self.texts if kind == "text" else self.words
        for begin in range(0, len(data), BATCH):
            yield encode(data[begin:begin + BATCH], is_pretokenized=kind != "text",
                         add_special_tokens=False)

    def time(self, kind, rounds):
        if self.tokenizer is None:
            self.load(1)
        begin = time.perf_counter()
        for _ in range(rounds):
            for _ in self.encode(kind):
                pass
        return time.perf_counter() - begin

    def write_ids(self, kind, path):
        count = 0
        with open(path, "w", encoding="ascii") as file:
            for batch in self.encode(kind):
                for encoding in batch:
                    count += len(encoding.ids)
                    file.write(" ".join(map(str, encoding.ids)) + "\n")
        return count


def main():
    driver = Driver(sys.argv[1], sys.argv[2], "--fast" in sys.argv[3:])
    print(tokenizers.__version__, flush=True)
    for line in sys.stdin:
        what, *rest = line.split()
        if what == "load":
            print(f"{driver.load(int(rest[0])):.9f}", flush=True)
        elif what == "time":
            print(f"{driver.time(rest[0], int(rest[1])):.9f}", flush=True)
        else:
            print(driver.write_ids(rest[0], rest[1]), flush=True)


if __name__ == "__main__":
    main()
