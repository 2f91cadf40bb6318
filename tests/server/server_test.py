#!/usr/bin/env python3
# Starts the real `waterline serve` on loopback and asks it everything: routes, errors that name
# fields, limits, faults of clients, drain, reload, TLS, keys.
# SPDX-License-Identifier: Apache-2.0
"""tests/server/server_test.py PROGRAM [unittest arguments]"""

import concurrent.futures
import contextlib
import gzip
import http.client
import json
import os
import pathlib
import random
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import zlib

PROGRAM = pathlib.Path(sys.argv[1]).resolve()
TESTS = pathlib.Path(__file__).resolve().parents[1]
MODELS = TESTS / "golden" / "models"
TINY = MODELS / "us_markerV0" / "checkpoint"
JSON = {"Content-Type": "application/json"}
LINES = {"Content-Type": "application/x-ndjson"}
ASK = {"text": "Ada Lovelace lived in London .", "labels": ["person", "city"], "threshold": 0.1}
FLAGS = {"--port": "0", "--threads": "1", "--log": "-", "--memory-budget": "64MiB"}


def command_line(arguments):
    """`waterline serve` with `arguments`, which stand before FLAGS."""
    given = [str(argument) for argument in arguments]
    others = [part for flag, value in FLAGS.items() if flag not in given for part in (flag, value)]
    return [str(PROGRAM), "serve", *given, *others]


class Running:
    """The program on a free port, until the end of the with statement."""

    def __init__(self, *arguments, model=TINY, tls=None):
        command = command_line(arguments)
        if model is not None:
            command += ["--model", f"tiny={model}"]
        self.tls = tls
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.port = None
        self.errors = []
        for line in self.process.stderr:
            self.errors.append(line)
            match = re.search(r"listening on \w+://\S+:(\d+)", line)
            if match:
                self.port = int(match[1])
                break
        if self.port is None:
            raise RuntimeError("the server did not start: " + "".join(self.errors))
        self.reader = threading.Thread(target=self._drain, daemon=True)
        self.reader.start()

    def _drain(self):
        for line in self.process.stderr:
            self.errors.append(line)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stderr.close()

    def connect(self):
        if self.tls:
            return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=60, context=self.tls)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)

    def request(self, method, path, body=None, headers=None):
        """(status, headers, bytes)"""
        connection = self.connect()
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def get(self, path, **headers):
        status, _, body = self.request("GET", path, headers=headers)
        return status, body

    def post(self, path, value, headers=JSON):
        """(status, JSON)"""
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        status, _, answer = self.request("POST", path, body, headers)
        return status, json.loads(answer)

    def raw(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def resident(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024

    def metric(self, name):
        text = self.get("/metrics")[1].decode()
        match = re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)
        return float(match[1]) if match else None

    def wait_running(self):
        """Until a batch runs."""
        for _ in range(3000):
            if json.loads(self.get("/v1/models")[1])["models"][0]["queue"]["running"] > 0:
                return
            time.sleep(0.01)
        raise AssertionError("nothing runs")

    def wait_idle(self):
        """Until nothing waits or runs."""
        for _ in range(3000):
            models = json.loads(self.get("/v1/models")[1])
            queue = models["models"][0]["queue"]
            if models["admitted"] == {"requests": 0, "bytes": 0} and queue["running"] == 0:
                return
            time.sleep(0.02)
        raise AssertionError("requests are left: " + json.dumps(models))

    def stop(self):
        """SIGTERM; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


def read_all(connection):
    data = b""
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(65536):
            data += piece
    return data


class Shared(unittest.TestCase):
    """Tests that leave the server as it was."""

    @classmethod
    def setUpClass(cls):
        cls.server = Running("--max-body", "256KiB", "--max-queue-bytes", "2MiB", "--http-threads", "2")

    @classmethod
    def tearDownClass(cls):
        status = cls.server.stop()
        cls.server.__exit__()
        assert status == 0, status

    def ask(self, **fields):
        return self.server.post("/v1/entities", {**ASK, **fields})

    def problem(self, status, field, path="/v1/entities", **fields):
        got, answer = self.server.post(path, {k: v for k, v in {**ASK, **fields}.items() if v is not ...})
        self.assertEqual(got, status, answer)
        self.assertEqual(answer["error"].get("field", ""), field, answer)
        self.assertTrue(answer["error"]["request_id"])
        return answer["error"]


class Routes(Shared):
    def test_entities_of_one_text(self):
        status, answer = self.ask()
        self.assertEqual(status, 200)
        self.assertEqual(answer["model"], "tiny")
        (result,) = answer["results"]
        self.assertTrue(result["entities"])
        for entity in result["entities"]:
            self.assertEqual(ASK["text"][entity["start"] : entity["end"]], entity["text"])
            self.assertIn(entity["label"], ASK["labels"])
            self.assertGreater(entity["score"], ASK["threshold"])

    def test_answers_are_those_of_extract(self):
        texts = ["Ada Lovelace lived in London .", "nothing", "", "Köln 😀 Ada"]
        _, answer = self.ask(text=texts)
        extract = subprocess.run(
            [PROGRAM, "extract", "--model", TINY, "--labels", "person,city", "--threshold", "0.1",
             "--input", "jsonl"],
            input="".join(json.dumps({"text": text}) + "\n" for text in texts),
            capture_output=True, text=True, check=True)
        expected = [json.loads(line)["entities"] for line in extract.stdout.splitlines()]
        self.assertEqual([result["entities"] for result in answer["results"]], expected)

    def test_offsets(self):
        text = "😀 Ada Lovelace in Köln"
        units = {"codepoints": text.__len__, "bytes": lambda: len(text.encode()),
                 "utf16": lambda: len(text.encode("utf-16-le")) // 2}
        found = {unit: self.ask(text=text, offsets=unit)[1]["results"][0]["entities"] for unit in units}
        self.assertTrue(found["bytes"])
        for a, b, c in zip(found["codepoints"], found["bytes"], found["utf16"]):
            self.assertEqual(text[a["start"] : a["end"]], a["text"])
            self.assertEqual(text.encode()[b["start"] : b["end"]].decode(), a["text"])
            self.assertEqual(
                text.encode("utf-16-le")[2 * c["start"] : 2 * c["end"]].decode("utf-16-le"), a["text"])

    def test_labels_in_each_form(self):
        for labels in (["person", "city"], [{"name": "person"}, "city"],
                       {"person": None, "city": {"threshold": 0.1}}):
            status, answer = self.ask(labels=labels)
            self.assertEqual(status, 200, answer)
            self.assertEqual(answer["results"], self.ask()[1]["results"])
        _, answer = self.ask(labels=[{"name": "x", "description": "person"}, "city"])
        renamed = json.loads(json.dumps(answer["results"]).replace('"x"', '"person"'))
        self.assertEqual(renamed, self.ask()[1]["results"])

    def test_nested_and_multi_label_find_more(self):
        few = len(self.ask(threshold=0)[1]["results"][0]["entities"])
        nested = len(self.ask(threshold=0, nested=True)[1]["results"][0]["entities"])
        multi = len(self.ask(threshold=0, multi_label=True)[1]["results"][0]["entities"])
        self.assertGreater(nested, few)
        self.assertGreater(multi, few)

    def test_redact(self):
        for replacement in ("label", "mask", "pseudonym", "hash", "word"):
            status, answer = self.server.post("/v1/redact", {**ASK, "replacement": replacement})
            self.assertEqual(status, 200, answer)
            (result,) = answer["results"]
            self.assertTrue(result["redactions"])
            at = 0
            rebuilt = ""
            for span in result["redactions"]:
                rebuilt += ASK["text"][at : span["start"]]
                self.assertEqual(span["new_start"], len(rebuilt))
                piece = result["text"][span["new_start"] : span["new_end"]]
                rebuilt += piece
                at = span["end"]
                original = ASK["text"][span["start"] : span["end"]]
                label = span["label"].upper()
                expected = {"label": re.escape(f"[{label}]"), "mask": r"\*" * len(original),
                            "pseudonym": rf"{label}_\d",
                            "hash": rf"\[{label}:[0-9a-f]{{16}}\]", "word": r"\[REDACTED\]"}
                self.assertRegex(piece, "^" + expected[replacement] + "$")
            self.assertEqual(rebuilt + ASK["text"][at:], result["text"])

    def test_redaction_presets(self):
        text = "Ada Lovelace, ada@lovelace.org, 192.168.0.1"
        status, answer = self.server.post("/v1/redact", {"text": [text, "nothing"], "preset": "pii"})
        self.assertEqual(status, 200, answer)
        first, second = answer["results"]
        self.assertIn("[EMAIL], [IP_ADDRESS]", first["text"])
        rules = {r["rule"]: (r["start"], r["label"]) for r in first["redactions"] if "rule" in r}
        self.assertEqual(rules, {"email": (14, "email"), "ipv4": (32, "ip address")})
        for redaction in first["redactions"]:
            self.assertNotEqual("rule" in redaction, "score" in redaction)
        self.assertFalse([r for r in second["redactions"] if "rule" in r])
        status, answer = self.server.post("/v1/redact", {"text": text})
        self.assertEqual((status, answer["error"]["field"]), (422, "/labels"))
        status, answer = self.server.post("/v1/redact", {"text": text, "preset": "ppi"})
        self.assertEqual((status, answer["error"]["field"]), (422, "/preset"))

    def test_plan(self):
        status, answer = self.server.post("/v1/plan", {"text": ASK["text"], "labels": ASK["labels"]})
        self.assertEqual(status, 200)
        self.assertEqual(answer["passes"], 1)
        self.assertEqual(max(b["offset"] + b["bytes"] for b in answer["buffers"]), answer["bytes"])

    def test_models(self):
        status, body = self.server.get("/v1/models")
        models = json.loads(body)
        self.assertEqual(status, 200)
        (model,) = models["models"]
        self.assertEqual((model["name"], model["status"]), ("tiny", "loaded"))
        self.assertLessEqual(models["memory"]["in_use"], models["memory"]["budget"])
        self.assertNotIn(str(TINY), body.decode())

    def test_health_and_pages(self):
        self.assertEqual(self.server.get("/health/live"), (200, b'{"status":"live"}\n'))
        self.assertEqual(self.server.get("/health/ready"), (200, b'{"status":"ready"}\n'))
        for page in ("/", "/docs"):
            status, headers, body = self.server.request("GET", page)
            self.assertEqual(status, 200)
            self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
            text = body.decode()
            self.assertNotRegex(text, r'(?:src|href)="(?:https?:)?//', "loads from elsewhere")
        description = json.loads(self.server.get("/openapi.json")[1])
        self.assertEqual(description["openapi"], "3.1.0")

    def test_every_described_path_is_there(self):
        description = json.loads(self.server.get("/openapi.json")[1])
        for path, operations in description["paths"].items():
            for method in ("get", "post"):
                body = b"{}" if method == "post" else None
                status, headers, _ = self.server.request(method.upper(), path, body, JSON)
                if method in operations:
                    self.assertNotIn(status, (404, 405), path)
                else:
                    self.assertEqual(status, 405, path)
                    self.assertTrue(headers["Allow"])

    def test_head_has_no_body(self):
        with self.server.raw() as connection:
            connection.sendall(b"HEAD /docs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = read_all(connection)
        self.assertRegex(answer, rb"Content-Length: [1-9]")
        self.assertTrue(answer.endswith(b"\r\n\r\n"))

    def test_metrics_count(self):
        name = 'waterline_requests_total{route="/v1/entities",status="200"}'
        before = self.server.metric(name) or 0
        texts = self.server.metric("waterline_texts_total")
        self.ask(text=["a", "b", "c"])
        self.assertEqual(self.server.metric(name), before + 1)
        self.assertEqual(self.server.metric("waterline_texts_total"), texts + 3)
        self.assertGreater(self.server.metric("waterline_tokens_total"), 0)
        self.assertLessEqual(self.server.metric('waterline_memory_bytes{what="peak"}'),
                             self.server.metric('waterline_memory_bytes{what="budget"}'))

    def test_the_dashboard_asks_for_metrics_that_there_are(self):
        self.ask()
        known = set(re.findall(r"^(waterline_\w+?)(?:{|\s)", self.server.get("/metrics")[1].decode(), re.M))
        dashboard = json.loads((TESTS.parent / "docs" / "grafana.json").read_text())
        asked = {name for panel in dashboard["panels"] for target in panel["targets"]
                 for name in re.findall(r"waterline_\w+", target["expr"])}
        self.assertGreater(len(asked), 10)
        self.assertLessEqual(asked, known)

    def test_ids_and_traces_are_passed_through(self):
        parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        _, headers, _ = self.server.request(
            "GET", "/health/live", headers={"X-Request-Id": "abc-1", "traceparent": parent})
        self.assertEqual(headers["X-Request-Id"], "abc-1")
        self.assertEqual(headers["traceparent"].split("-")[1], parent.split("-")[1])
        self.assertNotEqual(headers["traceparent"], parent)
        _, headers, _ = self.server.request("GET", "/health/live", headers={"X-Request-Id": "a b"})
        self.assertRegex(headers["X-Request-Id"], "^[0-9a-f]{32}$")

    def test_compressed_bodies(self):
        body = json.dumps(ASK).encode()
        expected = self.ask()[1]["results"]
        for coding, coded in (("gzip", gzip.compress(body)), ("deflate", zlib.compress(body))):
            status, answer = self.server.post(
                "/v1/entities", coded, {**JSON, "Content-Encoding": coding})
            self.assertEqual((status, answer.get("results")), (200, expected), answer)

    def test_keep_alive_and_pipelining(self):
        body = json.dumps(ASK).encode()
        one = b"POST /v1/entities HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        last = b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        with self.server.raw() as connection:
            connection.sendall(one * 3 + last)
            answers = read_all(connection)
        self.assertEqual(answers.count(b"HTTP/1.1 200 OK"), 4)

    def test_expect_continue(self):
        body = json.dumps(ASK).encode()
        head = b"POST /v1/entities HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: "
        with self.server.raw() as connection:
            connection.sendall(head + b"%d\r\n\r\n" % len(body))
            self.assertTrue(connection.recv(100).startswith(b"HTTP/1.1 100"))
            connection.sendall(body)
            self.assertIn(b"HTTP/1.1 200", read_all(connection))
        with self.server.raw() as connection:
            connection.sendall(head + b"99999999\r\n\r\n")
            self.assertTrue(read_all(connection).startswith(b"HTTP/1.1 413"))


class Problems(Shared):
    def test_fields_are_named(self):
        self.problem(422, "/text", text=...)
        self.problem(422, "/text", text=5)
        self.problem(422, "/text", text=[])
        self.problem(422, "/text/1", text=["a", 5])
        self.problem(422, "/labels", labels=...)
        self.problem(422, "/labels", labels=[])
        self.problem(422, "/labels", labels="person")
        self.problem(422, "/labels/1", labels=["a", ""])
        self.problem(422, "/labels/0/name", labels=[{"description": "x"}])
        self.problem(422, "/labels/0/threshold", labels=[{"name": "x", "threshold": "1"}])
        self.problem(422, "/labels/b", labels={"a": None, "b": 1})
        self.problem(422, "/threshold", threshold=-0.1)
        self.problem(422, "/offsets", offsets="lines")
        self.problem(422, "/nested", nested=1)
        self.problem(422, "/timeout", timeout=0)
        self.problem(422, "/unknown", unknown=1)
        self.problem(404, "/model", model="other")

    def test_what_the_engine_refuses_names_its_field(self):
        self.problem(422, "/labels", labels=["a <<ENT>> b"])
        self.problem(422, "/labels", labels=[{"name": "a", "description": "x"},
                                             {"name": "b", "description": "x"}])
        self.problem(404, "/model", path="/v1/relations", relations=["knows"])
        error = self.problem(404, "/model", path="/v1/label-embeddings", text=..., threshold=...)
        self.assertNotIn(str(TESTS), error["message"])

    def test_a_text_or_a_relation_that_is_refused_is_named(self):
        self.problem(422, "/text", text="x" * 60000)
        self.problem(422, "/text", path="/v1/plan", text="x" * 60000, threshold=...)
        with Running(model=MODELS / "rs_dot" / "checkpoint") as server:
            for relations, labels, field in ((["a <<REL>> b"], ["a"], "/relations"),
                                             (["knows"], ["a <<ENT>> b"], "/labels")):
                status, answer = server.post(
                    "/v1/relations", {"text": "Ada", "labels": labels, "relations": relations})
                self.assertEqual((status, answer["error"]["field"]), (422, field), answer)

    def test_one_bad_text_of_a_list_does_not_stop_the_others(self):
        # A word that takes more tokens than the model reads at once.
        status, answer = self.ask(text=["Ada Lovelace", "x" * 60000, "Ada Lovelace"])
        self.assertEqual(status, 200)
        first, bad, last = answer["results"]
        if "error" in bad:
            self.assertEqual(bad["error"]["field"], "/text")
        self.assertEqual(first, last)

    def test_malformed_json(self):
        for body in (b"", b"{", b'{"text": "\xff", "labels": ["a"]}', b'{"text": "\\ud800"}',
                     b'{"text": "a" "labels": []}', b"null", b'\x00{"a": 1}', b"[" * 100000):
            status, answer = self.server.post("/v1/entities", body)
            self.assertIn(status, (400, 413, 422), body[:40])
            self.assertTrue(answer["error"]["message"])

    def test_twice_is_a_problem(self):
        status, answer = self.server.post(
            "/v1/entities", b'{"text": "a", "text": "b", "labels": ["c"]}')
        self.assertEqual((status, answer["error"]["field"]), (422, "/text"))

    def test_depth_and_values(self):
        deep = b'{"text": "a", "labels": ' + b"[" * 50 + b"]" * 50 + b"}"
        self.assertEqual(self.server.post("/v1/entities", deep)[0], 413)
        many = b'{"text": "a", "labels": [' + b"1," * 100001 + b"1]}"
        self.assertEqual(self.server.post("/v1/entities", many)[0], 413)

    def test_bodies_that_are_too_large(self):
        limit = 256 * 1024
        big = json.dumps({**ASK, "text": "a " * limit}).encode()
        status, answer = self.server.post("/v1/entities", big)
        self.assertEqual((status, answer["error"]["limit"]), (413, limit))
        bomb = gzip.compress(b" " * (64 << 20))
        status, answer = self.server.post("/v1/entities", bomb, {**JSON, "Content-Encoding": "gzip"})
        self.assertEqual((status, answer["error"]["limit"]), (413, limit))
        connection = self.server.connect()  # No length given.
        connection.request("POST", "/v1/entities", iter([b"a" * 65536] * 8), JSON,
                           encode_chunked=True)
        self.assertEqual(connection.getresponse().status, 413)
        connection.close()

    def test_media_types_and_codings(self):
        for headers in ({}, {"Content-Type": "text/plain"}, {**JSON, "Content-Encoding": "br"}):
            self.assertEqual(self.server.post("/v1/entities", ASK, headers)[0], 415)
        for coding in ("gzip", "zstd", "deflate"):
            status, _ = self.server.post("/v1/entities", ASK, {**JSON, "Content-Encoding": coding})
            self.assertEqual(status, 400)
        cut = gzip.compress(json.dumps(ASK).encode())[:-9]
        self.assertEqual(
            self.server.post("/v1/entities", cut, {**JSON, "Content-Encoding": "gzip"})[0], 400)

    def test_paths_do_not_reach_files(self):
        for path in ("/../../etc/passwd", "/..%2f..%2fetc/passwd", "/docs/../../x", "//etc/passwd"):
            self.assertEqual(self.server.get(path)[0], 404)
        self.problem(404, "/model", model="../../golden")

    def test_cors_is_off(self):
        status, headers, _ = self.server.request(
            "OPTIONS", "/v1/entities",
            headers={"Origin": "https://example.org", "Access-Control-Request-Method": "POST"})
        self.assertEqual(status, 405)
        self.assertIsNone(headers["Access-Control-Allow-Origin"])

    def test_header_limits(self):
        with self.server.raw() as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100000 + b"\r\n\r\n")
            self.assertTrue(read_all(connection).startswith(b"HTTP/1.1 431"))

    def test_garbage_bytes(self):
        rng = random.Random(1)
        starts = [b"", b"GET / HTTP/1.1\r\n", b"POST /v1/entities HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
                  b"POST /v1/entities HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: -1\r\n\r\n",
                  b"POST /v1/entities HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
                  b"POST /v1/entities HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n"]
        for i in range(120):
            with self.server.raw() as connection:
                with contextlib.suppress(ConnectionError):
                    connection.sendall(starts[i % len(starts)] + rng.randbytes(rng.randrange(1, 2000)) + b"\r\n\r\n")
                    connection.shutdown(socket.SHUT_WR)
                answer = read_all(connection)
            if answer:
                self.assertRegex(answer, rb"^HTTP/1\.1 4\d\d ")
        self.assertEqual(self.ask()[0], 200)

    def test_half_bodies_and_clients_that_vanish(self):
        body = json.dumps(ASK).encode()
        head = b"POST /v1/entities HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        for i in range(60):
            with self.server.raw() as connection:
                connection.sendall((head + body)[: (i * 7) % (len(head + body) + 1)])
                if i % 2:  # A reset in place of an orderly end.
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.server.wait_idle()
        self.assertEqual(self.ask()[0], 200)

    def test_random_requests(self):
        """10,000 requests of random validity: each is answered, none with 5xx."""
        counts = {}
        lock = threading.Lock()

        def worker(seed):
            rng = random.Random(seed)
            connection = self.server.connect()
            for _ in range(1250):
                status = self.random_request(rng, connection)
                with lock:
                    counts[status] = counts.get(status, 0) + 1
            connection.close()

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(worker, range(8)))
        self.assertEqual(sum(counts.values()), 10000)
        self.assertGreater(counts.get(200, 0), 1000, counts)
        self.assertFalse([status for status in counts if status >= 500], counts)
        self.server.wait_idle()
        self.assertLessEqual(self.server.metric('waterline_memory_bytes{what="peak"}'),
                             self.server.metric('waterline_memory_bytes{what="budget"}'))

    @staticmethod
    def random_request(rng, connection):
        value = {"text": "Ada " * rng.randrange(12), "labels": ["a", "b", "c"][: rng.randrange(4)]}
        junk = [None, -1, 0.5, 2**70, "", "x", [], {}, ["y"], True, {"name": "z"}, "\ud83d\ude00"]
        if rng.random() < 0.5:
            fields = ["text", "labels", "threshold", "offsets", "nested", "timeout", "model", "q"]
            value[rng.choice(fields)] = rng.choice(junk)
        body = json.dumps(value).encode()
        if rng.random() < 0.1:
            at = rng.randrange(len(body))
            body = body[:at] + rng.randbytes(3) + body[at + 1 :]
        path = rng.choice(["/v1/entities"] * 6 + ["/v1/redact", "/v1/plan", "/v1/relations", "/nowhere"])
        headers = JSON if rng.random() < 0.95 else {"Content-Type": "text/x"}
        connection.request(rng.choice(["POST"] * 15 + ["GET", "PUT"]), path, body, headers)
        response = connection.getresponse()
        response.read()
        return response.status


class Streams(Shared):
    def stream(self, lines, headers=LINES, path="/v1/entities"):
        body = lines if isinstance(lines, bytes) else "".join(json.dumps(l) + "\n" for l in lines).encode()
        status, _, answer = self.server.request("POST", path, body, headers)
        return status, [json.loads(line) for line in answer.splitlines()]

    def test_lines_are_answered_in_order(self):
        texts = ["Ada Lovelace " * (i % 7) for i in range(300)]
        lines = [{"labels": ["person"], "threshold": 0.1}] + [{"id": i, "text": t} for i, t in enumerate(texts)]
        status, answers = self.stream(lines)
        self.assertEqual(status, 200)
        self.assertEqual([a["id"] for a in answers], list(range(300)))
        expected = self.ask(text=texts, labels=["person"])[1]["results"]
        self.assertEqual([a["entities"] for a in answers], [r["entities"] for r in expected])

    def test_bad_lines_are_told_and_the_rest_goes_on(self):
        body = b'{"labels":["person"]}\n{"text":"Ada"}\nnonsense\n\n{"text":3}\n{"text":"Ada","id":"z"}'
        status, answers = self.stream(body)
        self.assertEqual(status, 200)
        self.assertEqual([a["line"] for a in answers], [2, 3, 5, 6])
        self.assertEqual([("error" in a) for a in answers], [False, True, True, False])
        self.assertEqual(answers[2]["error"]["field"], "/text")

    def test_other_routes_stream_too(self):
        _, answers = self.stream([{**ASK, "replacement": "mask"}], path="/v1/redact")
        self.assertIn("*", answers[0]["text"])

    def test_a_line_that_is_too_long(self):
        lines = [ASK, {**ASK, "text": "a " * 300000}, ASK]
        _, answers = self.stream(lines)
        self.assertEqual(answers[1]["error"]["limit"], 256 * 1024)
        self.assertEqual(answers[0]["entities"], answers[2]["entities"])

    def test_compressed_lines(self):
        body = gzip.compress(b"".join(json.dumps(ASK).encode() + b"\n" for _ in range(2000)))
        status, answers = self.stream(body, {**LINES, "Content-Encoding": "gzip"})
        self.assertEqual((status, len(answers)), (200, 2000))

    def test_results_flow_while_the_rest_is_read(self):
        line = json.dumps(ASK).encode() + b"\n"
        with self.server.raw() as connection:
            connection.sendall(b"POST /v1/entities HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
            answer = b""
            for i in range(1, 4):
                connection.sendall(b"%x\r\n%s\r\n" % (len(line), line))
                while answer.count(b'"line":') < i:
                    answer += connection.recv(65536)
            connection.sendall(b"0\r\n\r\n")
            answer += read_all(connection)
        self.assertTrue(answer.endswith(b"0\r\n\r\n"))

    def test_a_stream_whose_client_vanishes_leaves_nothing(self):
        line = json.dumps({**ASK, "text": "Ada Lovelace " * 50}).encode() + b"\n"
        with self.server.raw() as connection:
            connection.sendall(b"POST /v1/entities HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nContent-Length: 99999999\r\n\r\n" + line * 200)
        self.server.wait_idle()


class Loads(unittest.TestCase):
    def test_a_full_queue_is_429_and_every_request_is_answered(self):
        with Running("--max-queue", "4") as server:
            slow = {**ASK, "text": ["Ada Lovelace lived in London . " * 20] * 20}
            with concurrent.futures.ThreadPoolExecutor(24) as pool:
                answers = list(pool.map(
                    lambda _: server.request("POST", "/v1/entities", json.dumps(slow), JSON), range(96)))
            statuses = [answer[0] for answer in answers]
            self.assertEqual(set(statuses), {200, 429})
            refused = answers[statuses.index(429)]
            self.assertGreaterEqual(int(refused[1]["Retry-After"]), 1)
            server.wait_idle()
            self.assertEqual(server.post("/v1/entities", ASK)[0], 200)

    def test_a_text_that_cannot_fit_is_413_with_both_sizes(self):
        with Running("--memory-budget", "40MiB") as server:
            status, answer = server.post("/v1/entities", {**ASK, "text": "word " * 700000})
            self.assertEqual((status, answer["error"]["field"]), (413, "/text"), answer)
            self.assertRegex(answer["error"]["message"], r"needs \d+ bytes .* leaves \d+")
            self.assertEqual(server.post("/v1/entities", ASK)[0], 200)

    def test_timeouts_are_504_and_leave_the_queue(self):
        with Running("--timeout", "10m") as server:
            big = {**ASK, "text": ["Ada Lovelace lived in London . " * 100] * 30}
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                running = [pool.submit(server.post, "/v1/entities", big) for _ in range(3)]
                server.wait_running()
                status, answer = server.post("/v1/entities", {**big, "timeout": 0.05})
                self.assertEqual((status, answer["error"]["code"]), (504, "timeout"))
                for each in running:
                    self.assertEqual(each.result()[0], 200)
            server.wait_idle()

    def test_a_client_that_leaves_takes_its_texts_along(self):
        with Running("--timeout", "10m") as server:
            big = json.dumps({**ASK, "text": ["Ada Lovelace lived in London . " * 100] * 200}).encode()
            connections = [server.connect() for _ in range(4)]
            for connection in connections:
                connection.request("POST", "/v1/entities", big, JSON)
            server.wait_running()
            for connection in connections:
                connection.close()
            server.wait_idle()
            gone = server.metric('waterline_requests_total{route="/v1/entities",status="0"}')
            self.assertEqual(gone, 4)

    def test_slow_clients_are_cut_off_and_stop_nobody(self):
        with Running("--header-timeout", "500ms", "--body-timeout", "500ms") as server:
            body = b'POST /v1/entities HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"te'
            slow = [server.raw() for _ in range(500)]
            for i, connection in enumerate(slow):
                connection.sendall(b"GET / HT" if i % 2 else body)
            for _ in range(20):
                self.assertEqual(server.post("/v1/entities", ASK)[0], 200)
            deadline = time.monotonic() + 30
            while server.metric("waterline_connections") > 1 and time.monotonic() < deadline:
                time.sleep(0.1)
            self.assertEqual(server.metric("waterline_connections"), 1)
            for connection in slow:
                connection.close()

    def test_idle_connections_cost_little(self):
        with Running() as server:
            server.post("/v1/entities", ASK)
            before = server.resident()
            idle = []
            for _ in range(500):
                connection = server.raw()
                connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
                idle.append(connection)
            for connection in idle:
                self.assertIn(b"200", connection.recv(4096))
            cost = server.resident() - before
            self.assertLess(cost, 500 * 20 * 1024)
            for connection in idle:
                connection.close()


class Life(unittest.TestCase):
    def test_sigterm_answers_what_runs_and_refuses_the_rest(self):
        with Running("--timeout", "10m", "--grace", "10m") as server:
            big = json.dumps({**ASK, "text": ["Ada Lovelace lived in London . " * 100] * 30})
            running = server.connect()
            running.request("POST", "/v1/entities", big, JSON)
            other = server.connect()
            other.request("GET", "/health/live")
            other.getresponse().read()
            server.wait_running()
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.1)
            with contextlib.suppress(ConnectionError, http.client.HTTPException):
                status, answer = server.post("/v1/entities", ASK)
                self.assertEqual((status, answer["error"]["code"]), (503, "shutting_down"))
            response = running.getresponse()
            self.assertEqual(response.status, 200)
            self.assertEqual(len(json.loads(response.read())["results"]), 30)
            self.assertEqual(server.process.wait(timeout=300), 0)

    def test_the_grace_time_ends(self):
        with Running("--grace", "1ms") as server:
            big = json.dumps({**ASK, "text": ["Ada Lovelace lived in London . " * 200] * 500})
            connection = server.connect()
            connection.request("POST", "/v1/entities", big, JSON)
            server.wait_running()
            self.assertEqual(server.stop(), 1)

    def test_sighup_drops_no_request(self):
        with Running() as server:
            expected = server.post("/v1/entities", ASK)[1]["results"]
            stop = threading.Event()

            def ask(_):
                count = 0
                while not stop.is_set():
                    status, answer = server.post("/v1/entities", ASK)
                    if (status, answer.get("results")) != (200, expected):
                        return answer
                    count += 1
                return count

            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                askers = [pool.submit(ask, i) for i in range(4)]
                for _ in range(3):
                    server.process.send_signal(signal.SIGHUP)
                    time.sleep(0.4)
                stop.set()
                for asker in askers:
                    self.assertIsInstance(asker.result(), int)
            self.assertEqual(server.stop(), 0)

    def test_kill_and_start_again_on_the_same_port(self):
        with Running() as server:
            port = server.port
            connection = server.connect()
            connection.request("POST", "/v1/entities", json.dumps(ASK), JSON)
            server.process.kill()
            server.process.wait()
            connection.close()
        with Running("--port", str(port)) as server:
            self.assertEqual(server.port, port)
            self.assertEqual(server.post("/v1/entities", ASK)[0], 200)

    def test_models_on_demand_under_one_budget(self):
        other = MODELS / "bb_bert" / "checkpoint"
        with Running("--model", f"other={other}", "--on-demand") as server:
            states = {m["name"]: m["status"] for m in json.loads(server.get("/v1/models")[1])["models"]}
            self.assertEqual(states, {"other": "unloaded", "tiny": "unloaded"})
            for name in ("tiny", "other", "tiny"):
                status, answer = server.post("/v1/entities", {**ASK, "model": name})
                self.assertEqual((status, answer.get("model")), (200, name), answer)
            memory = json.loads(server.get("/v1/models")[1])["memory"]
            self.assertLessEqual(memory["peak"], memory["budget"])

    def test_relations_and_label_embeddings_where_the_model_has_them(self):
        with Running(model=MODELS / "rs_mlp" / "checkpoint") as server:
            status, answer = server.post(
                "/v1/relations", {**ASK, "threshold": 0, "relations": ["lived in"], "relation_threshold": 0})
            self.assertEqual(status, 200, answer)
            (result,) = answer["results"]
            for relation in result["relations"]:
                head = result["entities"][relation["head"]["entity_idx"]]
                self.assertEqual(head["text"], relation["head"]["text"])
            self.assertTrue(json.loads(server.get("/v1/models")[1])["models"][0]["relations"])
        with Running(model=MODELS / "bs_plain" / "checkpoint") as server:
            status, answer = server.post("/v1/label-embeddings", {"labels": ["person", "city"]})
            self.assertEqual(status, 200, answer)
            self.assertEqual([len(v) for v in answer["vectors"]], [answer["width"]] * 2)

    def test_a_full_disk_for_logs_stops_nobody(self):
        with Running("--log", "/dev/full") as server:
            for _ in range(5):
                self.assertEqual(server.post("/v1/entities", ASK)[0], 200)
            deadline = time.monotonic() + 10  # A line is written behind its answer.
            while server.metric("waterline_log_lines_lost_total") < 5 and time.monotonic() < deadline:
                time.sleep(0.02)
            self.assertGreaterEqual(server.metric("waterline_log_lines_lost_total"), 5)

    def test_logs_are_json_without_texts(self):
        with tempfile.TemporaryDirectory() as folder:
            log = pathlib.Path(folder) / "log"
            with Running("--log", str(log)) as server:
                server.request("POST", "/v1/entities", json.dumps(ASK),
                               {**JSON, "X-Request-Id": "my-id", "Authorization": "Bearer secret"})
                server.post("/v1/entities", {**ASK, "labels": ["a <<ENT>> b"]})
                self.assertEqual(server.stop(), 0)
            text = log.read_text()
        records = [json.loads(line) for line in text.splitlines()]
        (record,) = [r for r in records if r.get("request_id") == "my-id"]
        self.assertEqual((record["route"], record["status"], record["texts"]), ("/v1/entities", 200, 1))
        for secret in ("Ada", "person", "ENT", "secret"):
            self.assertNotIn(secret, text)


class Locks(unittest.TestCase):
    def test_keys(self):
        with tempfile.TemporaryDirectory() as folder:
            keys = pathlib.Path(folder) / "keys"
            keys.write_text("news 0123456789abcdef\n")
            with Running("--api-keys", str(keys)) as server:
                for path in ("/v1/models", "/metrics"):
                    self.assertEqual(server.get(path)[0], 401)
                    self.assertEqual(server.get(path, Authorization="Bearer 0123456789abcdeF")[0], 401)
                    self.assertEqual(server.get(path, Authorization="Bearer 0123456789abcdef")[0], 200)
                for path in ("/health/live", "/health/ready", "/openapi.json", "/", "/docs"):
                    self.assertEqual(server.get(path)[0], 200)
                status, headers, _ = server.request("POST", "/v1/entities", json.dumps(ASK), JSON)
                self.assertEqual((status, headers["WWW-Authenticate"]), (401, "Bearer"))
                keys.write_text("news fedcba9876543210\n")
                server.process.send_signal(signal.SIGHUP)
                for _ in range(100):
                    if server.get("/metrics", Authorization="Bearer fedcba9876543210")[0] == 200:
                        break
                    time.sleep(0.05)
                self.assertEqual(server.get("/metrics", Authorization="Bearer 0123456789abcdef")[0], 401)

    def test_cors_for_named_origins(self):
        with Running("--cors-origin", "https://a.example") as server:
            asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
            status, headers, _ = server.request("OPTIONS", "/v1/entities", headers=asked)
            self.assertEqual((status, headers["Access-Control-Allow-Origin"]), (204, "https://a.example"))
            _, headers, _ = server.request("GET", "/v1/models", headers={"Origin": "https://b.example"})
            self.assertIsNone(headers["Access-Control-Allow-Origin"])

    @unittest.skipUnless(any(os.access(os.path.join(p, "openssl"), os.X_OK)
                             for p in os.environ["PATH"].split(":")), "needs openssl")
    def test_tls(self):
        with tempfile.TemporaryDirectory() as folder:
            certificate, key = f"{folder}/cert.pem", f"{folder}/key.pem"
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                 "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost",
                 "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
            trusted = ssl.create_default_context(cafile=certificate)
            with Running("--tls-certificate", certificate, "--tls-key", key, tls=trusted) as server:
                self.assertEqual(server.post("/v1/entities", ASK)[0], 200)
                body = b"".join(json.dumps(ASK).encode() + b"\n" for _ in range(200))
                _, _, answer = server.request("POST", "/v1/entities", body, LINES)
                self.assertEqual(len(answer.splitlines()), 200)
                with server.raw() as plain:
                    plain.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
                    self.assertNotIn(b"200 OK", read_all(plain))
                old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                old.check_hostname = False
                old.verify_mode = ssl.CERT_NONE
                old.set_ciphers("ALL:@SECLEVEL=0")
                old.maximum_version = ssl.TLSVersion.TLSv1_1
                with server.raw() as connection, self.assertRaises((ssl.SSLError, ConnectionError)):
                    old.wrap_socket(connection)
                self.assertEqual(server.stop(), 0)

    def test_it_listens_on_this_machine_alone(self):
        with Running() as server:
            inodes = pathlib.Path("/proc/net/tcp").read_text()
            self.assertIn(f"0100007F:{server.port:04X}", inodes)
            self.assertNotIn(f"00000000:{server.port:04X}", inodes)


class Starting(unittest.TestCase):
    def refuse(self, *arguments):
        done = subprocess.run(command_line(["--model", TINY, *arguments]),
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 2)
        return done.stderr

    def test_what_cannot_be_used_is_told(self):
        self.assertIn("certificate", self.refuse("--tls-certificate", "/no/such/file"))
        self.assertIn("/no/such/file", self.refuse("--api-keys", "/no/such/file"))
        self.assertIn("not an address", self.refuse("--host", "localhost.example"))
        self.assertIn("smallest", self.refuse("--memory-budget", "17MiB"))
        self.assertIn("would not fit", self.refuse("--max-body", "16MiB"))
        self.assertIn("two models", self.refuse("--model", TINY))

    def test_a_port_in_use_is_told(self):
        with Running() as server:
            self.assertIn("in use", self.refuse("--port", str(server.port)))


if __name__ == "__main__":
    del Shared
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], warnings="ignore")
