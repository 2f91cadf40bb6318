#!/usr/bin/env python3
"""Measures `waterline serve` under load, and beside it the Python package behind FastAPI.

    bench/server.py [--program build/waterline] [--reference PYTHON] [--seconds S] [--output FILE.json]
                    [--plot FILE.svg]

One run, in this order:
  extract     texts/s of `waterline extract` on the texts, one at a time in the order of the requests
  alone       one client: what it waits for beyond the server's own compute time
  load        64 clients, one text a request, each asking again when it is answered: texts/s
  overload    requests at 5 times that rate, answered or not, with a queue of 64: statuses, times of
              the admitted, memory; then how long until a lone request is answered as before
  idle        2,000 connections that keep silent: resident memory for each
  slow        500 clients that send a byte a second beside 8 that ask: texts/s of those
  reference   with --reference (an interpreter with gliner, fastapi and uvicorn): `load` against
              bench/server_reference.py, then --plot draws latency and memory of both over time

The clients run on the same machine and take their part of its cores: what is measured is less than
what the server does.
"""
# SPDX-License-Identifier: Apache-2.0
import argparse
import asyncio
import contextlib
import json
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import machine
import workloads

LABELS = ["person", "organization", "location", "product", "field"]
CLIENTS = 64
SLOW = 500
IDLE = 2000


def request_of(text, path="/v1/entities"):
    body = json.dumps({"text": text, "labels": LABELS}).encode()
    return (f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


async def read_response(reader):
    """(status, body)"""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(re.search(rb"content-length: (\d+)", head, re.I)[1])
    return int(head[9:12]), await reader.readexactly(length)


class Server:
    """A server process on loopback, until the end of the with statement."""

    def __init__(self, command, ready):
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if found := re.search(ready, line):
                self.port = int(found[1])
                break
        else:
            sys.exit(f"{command[0]} did not start")
        self.drain = subprocess.Popen(["cat"], stdin=self.process.stderr, stdout=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.terminate()
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.drain.wait()

    def connect(self):
        return asyncio.open_connection("127.0.0.1", self.port)

    def resident(self, field="VmRSS"):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(re.search(rf"{field}:\s+(\d+) kB", status)[1]) * 1024


def waterline(arguments, *flags):
    return Server([arguments.program, "serve", "--port", "0", "--log", "-", "--memory-budget",
                   arguments.memory_budget, "--threads", str(arguments.threads), *flags],
                  r"listening on \S+:(\d+)")


def reference(arguments):
    here = pathlib.Path(__file__).parent
    return Server([arguments.reference, str(here / "server_reference.py"), arguments.model,
                   str(arguments.threads)], r"running on \S+:(\d+)")


def quantile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else None


def summary(seconds):
    return {"p50_ms": 1e3 * quantile(seconds, 0.5), "p95_ms": 1e3 * quantile(seconds, 0.95),
            "p99_ms": 1e3 * quantile(seconds, 0.99)} if seconds else {}


def run_extract(arguments, texts):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "texts.jsonl"
        path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
        stats = pathlib.Path(folder) / "stats.json"
        begin = time.perf_counter()
        subprocess.run([arguments.program, "extract", path, "--labels", ",".join(LABELS),
                        "--threads", str(arguments.threads), "--memory-budget",
                        arguments.memory_budget, "--stats-json", stats], check=True,
                       stdout=subprocess.DEVNULL)
        whole = time.perf_counter() - begin
        statistics_ = json.loads(stats.read_text(encoding="utf-8"))
    return {"texts": len(texts), "seconds_with_loading": whole,
            "texts_per_second": len(texts) / statistics_["extract_seconds"],
            "statistics": statistics_}


async def run_alone(server, texts, count):
    """What one client waits for beyond "compute_ms" of the answer."""
    reader, writer = await server.connect()
    added, whole = [], []
    for i in range(count + 20):
        begin = time.perf_counter()
        writer.write(request_of(texts[i % len(texts)]))
        _, body = await read_response(reader)
        seconds = time.perf_counter() - begin
        if i >= 20:  # Warm.
            whole.append(seconds)
            added.append(seconds - json.loads(body)["timing"]["compute_ms"] / 1e3)
    writer.close()
    return {"requests": count, "added": summary(added), "whole": summary(whole)}


async def ask_until(server, requests, end, results, start, offset):
    """Asks again and again until `end`; adds (time of the answer, seconds, status) to `results`."""
    reader, writer = await server.connect()
    i = offset
    while time.perf_counter() < end:
        begin = time.perf_counter()
        writer.write(requests[i % len(requests)])
        status, _ = await read_response(reader)
        now = time.perf_counter()
        results.append((now - start, now - begin, status))
        i += 1
    writer.close()


async def watch_memory(server, start, samples):
    while True:
        samples.append((time.perf_counter() - start, server.resident()))
        await asyncio.sleep(0.1)


async def run_load(server, texts, clients, seconds):
    requests = [request_of(text) for text in texts]
    await asyncio.gather(*(ask_until(server, requests, time.perf_counter() + min(2, seconds / 4), [],
                                     0, i * 5) for i in range(clients)))  # Warm.
    results, memory = [], []
    start = time.perf_counter()
    watching = asyncio.create_task(watch_memory(server, start, memory))
    await asyncio.gather(*(ask_until(server, requests, start + seconds, results, start, i * 5)
                           for i in range(clients)))
    took = time.perf_counter() - start
    watching.cancel()
    statuses = count_statuses(results)
    return {"clients": clients, "seconds": took, "statuses": statuses,
            "texts_per_second": statuses.get("200", 0) / took,
            **summary([r[1] for r in results]), "resident_peak": server.resident("VmHWM"),
            "answers": [(round(r[0], 3), round(r[1], 5)) for r in results], "memory": memory}


def count_statuses(results):
    counts = {}
    for result in results:
        counts[str(result[2])] = counts.get(str(result[2]), 0) + 1
    return counts


async def run_overload(server, texts, rate, seconds):
    """Requests at `rate` a second on connections of a pool that grows as needed."""
    free, results, lost = [], [], []
    start = time.perf_counter()

    async def one(i):
        try:
            reader, writer = free.pop() if free else await server.connect()
            begin = time.perf_counter()
            writer.write(request_of(texts[i % len(texts)]))
            status, _ = await read_response(reader)
            results.append((begin - start, time.perf_counter() - begin, status))
            free.append((reader, writer))
        except (OSError, asyncio.IncompleteReadError) as error:
            lost.append(str(error))

    tasks = []
    count = int(rate * seconds)
    for i in range(count):
        delay = start + i / rate - time.perf_counter()
        if delay > 0:
            await asyncio.sleep(delay)
        tasks.append(asyncio.create_task(one(i)))
        if i % 16 == 0:
            await asyncio.sleep(0)
    sending = time.perf_counter() - start
    await asyncio.gather(*tasks)
    ended = time.perf_counter()
    reader, writer = await server.connect()
    writer.write(request_of(texts[0]))
    status, _ = await read_response(reader)
    recovery = time.perf_counter() - ended
    writer.close()
    models = await get_json(server, "/v1/models")
    for _, other in free:
        other.close()
    return {"asked_rate": rate, "sent_rate": count / sending, "requests": count, "lost": len(lost),
            "statuses": count_statuses(results),
            "admitted": summary([r[1] for r in results if r[2] == 200]),
            "refused": summary([r[1] for r in results if r[2] == 429]),
            "seconds_after_the_last_request": ended - start - sending,
            "recovery_seconds": recovery, "recovery_status": status, "memory": models["memory"],
            "resident_peak": server.resident("VmHWM")}


async def get_json(server, path):
    reader, writer = await server.connect()
    writer.write(f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
    _, body = await read_response(reader)
    writer.close()
    return json.loads(body)


async def run_idle(server, texts, count):
    await run_load(server, texts, 8, 1)
    before = server.resident()
    connections = []
    for _ in range(count):
        reader, writer = await server.connect()
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: bench\r\n\r\n")
        await read_response(reader)
        connections.append(writer)
    grown = server.resident() - before
    for writer in connections:
        writer.close()
    return {"connections": count, "bytes": grown, "bytes_each": grown / count}


async def run_slow(server, texts, count, seconds):
    before = await run_load(server, texts, 8, seconds)
    writers = [(await server.connect())[1] for _ in range(count)]
    request = request_of(texts[0])

    async def drip(writer):
        for byte in request:
            with contextlib.suppress(ConnectionError):
                writer.write(bytes([byte]))
            await asyncio.sleep(1)

    dripping = [asyncio.create_task(drip(writer)) for writer in writers]
    during = await run_load(server, texts, 8, seconds)
    for task in dripping:
        task.cancel()
    for writer in writers:
        writer.close()
    return {"slow": count, "texts_per_second_without": before["texts_per_second"],
            "texts_per_second_beside": during["texts_per_second"]}


def draw(report, path):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(9, 6), sharex=True, layout="constrained")
    for name, title, colour in (("load", "Waterline", "#0b5cad"),
                                ("reference", "Python package behind FastAPI", "#d9480f")):
        run = report.get(name)
        if not run:
            continue
        times, seconds = zip(*run["answers"])
        top.scatter(times, [1e3 * s for s in seconds], s=2, alpha=0.4, color=colour,
                    label=f"{title}: {run['texts_per_second']:.1f} texts/s", rasterized=True)
        times, sizes = zip(*run["memory"])
        bottom.plot(times, [size / 2**20 for size in sizes], color=colour, label=title)
    top.set_yscale("log")
    top.set_ylabel("latency of each request, ms")
    bottom.set_ylabel("resident memory, MiB")
    bottom.set_ylim(0)
    bottom.set_xlabel(f"seconds, {CLIENTS} clients")
    for axes in (top, bottom):
        axes.grid(color="#dddddd", linewidth=0.7)
        axes.legend(loc="center right", fontsize=9)
    figure.savefig(path)


def measure(arguments):
    texts = workloads.sentences(arguments.texts)
    report = {"machine": machine.describe(arguments.program),
              "arguments": vars(arguments)}
    report["extract"] = run_extract(arguments, texts)
    with waterline(arguments) as server:
        report["alone"] = asyncio.run(run_alone(server, texts, arguments.requests))
        report["load"] = asyncio.run(run_load(server, texts, CLIENTS, arguments.seconds))
    report["load_to_extract"] = (report["load"]["texts_per_second"] /
                                 report["extract"]["texts_per_second"])
    with waterline(arguments, "--max-queue", "64") as server:
        rate = 5 * report["load"]["texts_per_second"]
        report["overload"] = asyncio.run(run_overload(server, texts, rate, arguments.seconds))
    with waterline(arguments) as server:
        report["idle"] = asyncio.run(run_idle(server, texts, IDLE))
        report["slow"] = asyncio.run(run_slow(server, texts, SLOW, arguments.seconds / 2))
    if arguments.reference:
        with reference(arguments) as server:
            report["reference"] = asyncio.run(run_load(server, texts, CLIENTS, arguments.seconds))
        report["load_to_reference"] = (report["load"]["texts_per_second"] /
                                       report["reference"]["texts_per_second"])
    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    root = pathlib.Path(__file__).resolve().parents[1]
    parser.add_argument("--program", default=str(root / "build" / "waterline"))
    parser.add_argument("--model", default=str(root / "models" / "waterline-tiny-en"))
    parser.add_argument("--reference", help="interpreter with gliner, fastapi and uvicorn")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory-budget", default="256MiB")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--texts", type=int, default=1000)
    parser.add_argument("--requests", type=int, default=300, help="of the client that is alone")
    parser.add_argument("--output")
    parser.add_argument("--plot")
    arguments = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    report = measure(arguments)
    if arguments.output:
        pathlib.Path(arguments.output).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if arguments.plot:
        draw(report, arguments.plot)
    shown = {name: {key: value for key, value in part.items() if key not in ("answers", "memory") or
                    name == "overload"} if isinstance(part, dict) else part
             for name, part in report.items()}
    print(json.dumps(shown, indent=1))


if __name__ == "__main__":
    main()
