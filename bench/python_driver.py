"""The Python package for bench/python.py; the same requests as batches_driver.cc.

    python python_driver.py MODEL THREADS SIZE LABELS CALLERS

With CALLERS above 1 so many threads call at once; the seconds are those from the first call to the
end of the last. The request "memory N" makes N calls and prints the resident bytes after each tenth.
"""
# SPDX-License-Identifier: Apache-2.0
import itertools
import sys
import threading
import time

from waterline import GLiNER


def resident():
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


def main():
    path, threads, size, labels, callers = sys.argv[1:]
    model = GLiNER.from_pretrained(path, threads=int(threads))
    size, labels, callers = int(size), labels.split(","), int(callers)
    texts = [sys.stdin.readline().rstrip("\n") for _ in range(int(sys.stdin.readline()))]
    around = itertools.cycle(texts)
    take = threading.Lock()

    def call():
        with take:
            batch = list(itertools.islice(around, size))
        return sum(map(len, model.inference(batch, labels)))

    def run(deadline, counts, who):
        done = entities = 0
        while time.perf_counter() < deadline:
            entities += call()
            done += size
        counts[who] = done, entities

    print("ready", flush=True)
    for line in sys.stdin:
        if line.startswith("memory"):
            calls = int(line.split()[1])
            for i in range(calls):
                call()
                if (i + 1) % (calls // 10) == 0:
                    print(resident(), end=" ")
            print(flush=True)
            continue
        counts = [None] * callers
        begin = time.perf_counter()
        deadline = begin + float(line)
        workers = [threading.Thread(target=run, args=(deadline, counts, who))
                   for who in range(callers)]
        for worker in workers[1:]:
            worker.start()
        run(deadline, counts, 0)
        for worker in workers[1:]:
            worker.join()
        seconds = time.perf_counter() - begin
        print(sum(done for done, _ in counts), seconds, sum(found for _, found in counts),
              flush=True)


if __name__ == "__main__":
    main()
