# SPDX-License-Identifier: Apache-2.0
"""The clients of `waterline serve`, against the real program on loopback.

WATERLINE_PROGRAM names it; ./dev test python builds it and sets that.
"""

import asyncio
import contextlib
import http.server
import inspect
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

import pytest

import waterline
from checkpoints import checkpoint
from waterline import AsyncClient, Client, errors
from waterline import client as client_module

ROOT = pathlib.Path(__file__).parents[2]
PROGRAM = os.environ.get("WATERLINE_PROGRAM")
TEXTS = ["Ada Lovelace lived in London.", None, "😀 Marie Curie moved to Köln.", "", "Nothing."]
LABELS = ["person", "city"]
HUGE = "word " * 700_000  # More than the server's budget leaves for one text.

needs_program = pytest.mark.skipif(
    PROGRAM is None, reason="WATERLINE_PROGRAM is not set: it names the program to ask"
)


@contextlib.contextmanager
def serving(*arguments, scheme="http"):
    """The program on a free port, as an object with `url` and `process`."""
    process = subprocess.Popen(
        [PROGRAM, "serve", "--port", "0", "--threads", "1", "--log", "-", "--on-demand",
         "--model", f"default={ROOT / 'models' / 'waterline-tiny-en'}",
         "--model", f"relex={checkpoint('rs_dot')}",
         "--model", f"bi={checkpoint('bs_plain')}",
         "--memory-budget", "256MiB", *map(str, arguments)],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        line = process.stderr.readline()
        port = re.search(r"listening on \w+://\S+:(\d+)", line)
        assert port, line + process.stderr.read()
        process.url = f"{scheme}://127.0.0.1:{port[1]}"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.fixture(scope="module")
def server():
    with serving() as process:
        yield process


class Awaited:
    """An AsyncClient with the methods of Client."""

    def __init__(self, *args, **kwargs):
        self._loop = asyncio.new_event_loop()
        self._client = AsyncClient(*args, **kwargs)

    def __getattr__(self, name):
        return lambda *args, **kwargs: self._wait(getattr(self._client, name)(*args, **kwargs))

    def _wait(self, made):
        if not hasattr(made, "__anext__"):
            return self._loop.run_until_complete(made)
        return self._iterate(made)

    def _iterate(self, answers):
        try:
            while True:
                yield self._loop.run_until_complete(answers.__anext__())
        except StopAsyncIteration:
            pass
        finally:
            self._loop.run_until_complete(answers.aclose())

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._loop.run_until_complete(self._client.aclose())
        self._loop.close()


@pytest.fixture(params=[Client, Awaited], ids=["sync", "async"])
def kind(request):
    return request.param


@pytest.fixture
def client(kind, server):
    with kind(server.url, timeout=60) as made:
        yield made


# Answers are those of the model in the process.


@needs_program
def test_entities(client, model):
    expected = model.inference(TEXTS, LABELS)
    assert expected[0] and expected[2]
    assert client.inference(TEXTS, LABELS) == expected
    assert client.batch_predict_entities(TEXTS, LABELS, batch_size=2) == expected
    assert client.predict_entities(TEXTS[2], LABELS) == expected[2]
    first = expected[2][0]
    assert TEXTS[2][first["start"] : first["end"]] == first["text"]
    assert client.inference([], LABELS) == []
    assert client.inference(TEXTS, []) == [[]] * len(TEXTS)


@needs_program
@pytest.mark.parametrize(
    "settings",
    [
        {"threshold": 0.01},
        {"threshold": [0.01, 0.5, 0.99, 0.5, 0.5]},
        {"threshold": 0.01, "flat_ner": False},
        {"threshold": 0.01, "multi_label": True},
        {"threshold": 0.01, "labels_per_pass": 1},
    ],
    ids=str,
)
def test_settings(client, model, settings):
    assert client.inference(TEXTS, LABELS, **settings) == model.inference(TEXTS, LABELS, **settings)


@needs_program
@pytest.mark.parametrize(
    "labels",
    [
        "person",
        ("person", "city", "person"),
        {"person": "a human being", "city": ""},
        {"person": {"description": "a human being", "threshold": 0.9}, "city": {"threshold": 0.1}},
        [["person"], ["city"], {"city": "a town"}, [], ["person"]],
    ],
    ids=str,
)
def test_labels(client, model, labels):
    assert client.inference(TEXTS, labels) == model.inference(TEXTS, labels)


@needs_program
def test_more_texts_than_one_request_holds(client, model):
    texts = [""] * 1203 + TEXTS[:1]
    expected = model.inference(texts, LABELS)
    assert client.inference(texts, LABELS) == expected
    assert client.inference(texts, LABELS, batch_size=1000) == expected


@needs_program
def test_long_texts_are_read_whole_or_cut_with_a_warning(client, model):
    text = "Ada Lovelace lived in London. " * 80
    assert client.predict_entities(text, LABELS) == model.predict_entities(text, LABELS)
    with pytest.warns(UserWarning, match=r"texts\[0\]: the last \d+ words were cut"):
        cut = client.predict_entities(text, LABELS, truncate=True)
    with pytest.warns(UserWarning):
        assert cut == model.predict_entities(text, LABELS, truncate=True)


@needs_program
def test_relations(client, relation_model):
    text, ask = "Ada lived in London .", {"threshold": 0.1, "relation_threshold": 0.1}
    expected = relation_model.predict_relations(text, LABELS, ["lived in"], **ask)
    assert expected[0]
    got = client.predict_relations(text, LABELS, ["lived in"], model="relex", **ask)
    assert got == expected
    streamed = list(client.stream([text], LABELS, relations="lived in", model="relex", **ask))
    assert streamed == [expected]


@needs_program
def test_redaction(client):
    found = client.redact(TEXTS, LABELS)
    assert [each["text"] for each in found] == [
        "[PERSON] lived in [CITY].", None, "😀 [PERSON] moved to [CITY].", "", "Nothing."
    ]  # fmt: skip
    assert found[0]["redactions"][1]["new_start"] == 18
    word = client.redact(TEXTS[0], LABELS, replacement="word", word="X")
    assert word[0]["text"] == "X lived in X."
    with pytest.raises(errors.InvalidArgument):  # Not a text in which nothing was replaced.
        client.redact(TEXTS[0], [])
    with pytest.raises(errors.InvalidArgument):
        client.redact(TEXTS[0])
    (preset,) = client.redact("Write to ada@lovelace.org.", preset="pii", replacement="pseudonym")
    assert preset["text"] == "Write to EMAIL_1."
    assert preset["redactions"][0]["rule"] == "email"


@needs_program
def test_label_vectors(client, bi_encoder):
    import numpy

    expected = bi_encoder.encode_labels(LABELS)
    got = client.encode_labels(LABELS, model="bi")
    assert (got.labels, got.shape, len(got)) == (LABELS, expected.shape, 2)
    assert (numpy.asarray(got) == numpy.asarray(expected)).all()


@needs_program
def test_models_and_state(client):
    client.predict_entities("Ada", LABELS)
    assert [each["name"] for each in client.models()] == ["default", "relex", "bi"]
    stats = client.stats()
    assert stats["models"][0]["status"] == "loaded"
    assert 0 < stats["memory"]["in_use"] <= stats["memory"]["budget"] == 256 << 20
    assert client.ready()


# Streams.


@needs_program
def test_a_stream(client, model):
    expected = model.inference(TEXTS, LABELS)
    for batch_size in (1, 2, 256):
        assert list(client.stream(iter(TEXTS), LABELS, batch_size=batch_size)) == expected
    assert list(client.stream([], LABELS)) == []
    rows = [(text, i) for i, text in enumerate(TEXTS)]
    pairs = list(client.stream(rows, iter(LABELS), as_tuples=True, batch_size=2))
    assert pairs == [(answer, i) for i, answer in enumerate(expected)]


@needs_program
def test_a_stream_reads_texts_only_as_far_as_needed(client):
    read = []

    def texts():
        while True:
            read.append(len(read))
            yield "Ada"

    answers = client.stream(texts(), LABELS, batch_size=4)
    assert read == []
    next(answers)
    assert len(read) == 12  # The window that is answered, and two under way.
    for _ in range(4):
        next(answers)
    assert len(read) == 16
    answers.close()


@needs_program
def test_a_stream_of_asynchronous_texts(server, model):
    async def texts():
        for text in TEXTS:
            await asyncio.sleep(0)
            yield text

    async def ask():
        async with AsyncClient(server.url) as client:
            return [each async for each in client.stream(texts(), LABELS, batch_size=2)]

    assert asyncio.run(ask()) == model.inference(TEXTS, LABELS)


@needs_program
def test_a_stream_goes_on_after_a_text_that_is_refused(client, model):
    texts = [TEXTS[0], HUGE, TEXTS[0]]
    found = list(client.stream(texts, LABELS, return_exceptions=True))
    assert isinstance(found[1], errors.OverBudget)
    assert found[0] == found[2] == model.predict_entities(TEXTS[0], LABELS)
    with pytest.raises(errors.OverBudget):
        list(client.stream(texts, LABELS))


def test_settings_of_each_text_are_refused_in_streams(kind):
    with kind("http://127.0.0.1:1") as client:
        for texts, labels, settings in (
            ("Ada", LABELS, {}),
            (TEXTS, [["person"], ["city"]], {}),
            (TEXTS, LABELS, {"threshold": [0.5]}),
        ):
            with pytest.raises(TypeError):
                client.stream(texts, labels, **settings)
        with pytest.raises(ValueError, match="batch_size is 0"):
            client.stream(TEXTS, LABELS, batch_size=0)
        with pytest.raises(ValueError, match="batch_size is 1001"):
            client.stream(TEXTS, LABELS, batch_size=1001)


# Errors.


@needs_program
def test_fields_that_cannot_be_used(client):
    with pytest.raises(errors.InvalidArgument) as caught:
        client.predict_entities("Ada", ["person", ""])
    error = caught.value
    assert (error.status, error.field, error.text) == (422, "/labels/1", None)
    assert re.fullmatch("[0-9a-f]{32}", error.request_id)
    with pytest.raises(ValueError, match="<<ENT>>") as caught:  # Known to the engine alone.
        client.inference(["Ada", "Ada"], ["a <<ENT>>"])
    assert (caught.value.status, caught.value.field, caught.value.text) == (422, "/labels", 0)
    assert caught.value.request_id
    with pytest.raises(errors.InvalidArgument) as caught:
        client.predict_entities("Ada", LABELS, threshold=2)
    assert caught.value.field == "/threshold"


@needs_program
def test_models_that_are_not_there_or_do_not_do_this(client):
    with pytest.raises(errors.NotFound) as caught:
        client.predict_entities("Ada", LABELS, model="other")
    assert (caught.value.status, caught.value.field) == (404, "/model")
    with pytest.raises(errors.Unsupported) as caught:
        client.predict_relations("Ada", LABELS, ["knows"])
    assert (caught.value.status, caught.value.field) == (404, "/model")
    with pytest.raises(errors.Unsupported):
        client.encode_labels(LABELS)


@needs_program
def test_texts_over_the_budget(client, model):
    with pytest.raises(MemoryError) as caught:
        client.predict_entities(HUGE, LABELS)
    error = caught.value
    assert isinstance(error, errors.OverBudget)
    assert (error.status, error.field, error.text) == (413, "/text", 0)
    found = client.inference(["Ada", HUGE, TEXTS[0]], LABELS, return_exceptions=True)
    assert isinstance(found[1], errors.OverBudget) and found[1].text == 1
    assert found[2] == model.predict_entities(TEXTS[0], LABELS)


@needs_program
def test_deadlines(client):
    with pytest.raises(errors.DeadlineExceeded) as caught:
        client.inference(["Ada Lovelace lived in London . " * 100] * 100, LABELS, timeout=0.01)
    assert caught.value.status == 504


def test_lone_surrogates(kind):
    with kind("http://127.0.0.1:1") as client:
        with pytest.raises(errors.InvalidArgument, match=r"texts\[1\].* U\+D800") as caught:
            client.inference([None, "a \ud800"], LABELS)
        assert caught.value.text == 1
        with pytest.raises(errors.InvalidArgument, match="U\\+D800"):
            client.inference(["a"], ["\ud800"])
        (found,) = client.inference(["\ud800"], LABELS, return_exceptions=True)
        assert isinstance(found, errors.InvalidArgument)


def test_arguments_of_wrong_types(kind):
    with kind("http://127.0.0.1:1") as client:
        for call in (
            lambda: client.inference(5, LABELS),
            lambda: client.inference([5], LABELS),
            lambda: client.inference(["a"], [5]),
            lambda: client.inference(["a"], {5: "x"}),
            lambda: client.inference(["a"], LABELS, threshold="0.5"),
            lambda: client.inference(["a"], LABELS, unknown=1),
        ):
            with pytest.raises(TypeError):
                call()
        with pytest.raises(errors.InvalidArgument, match="timeout is 601"):
            client.inference(["a"], LABELS, timeout=601)
    for options in ({"timeout": 0}, {"retries": -1}, {"base_url": "localhost:8080"}):
        with pytest.raises(ValueError):
            Client(**options)


@needs_program
def test_keys(kind, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("alice 0123456789abcdef\n")
    with serving("--api-keys", keys) as server:
        for wrong in (None, "0123456789abcdeX"):
            with kind(server.url, api_key=wrong) as client:
                with pytest.raises(errors.Unauthorized) as caught:
                    client.predict_entities("Ada", LABELS)
                assert caught.value.status == 401 and caught.value.request_id
                assert client.ready()
        with kind(server.url, api_key="0123456789abcdef") as client:
            assert client.predict_entities(TEXTS[0], LABELS)


@needs_program
@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_tls(kind, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", key, "-out", certificate, "-days", "1", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    with serving("--tls-certificate", certificate, "--tls-key", key, scheme="https") as server:
        for trusted in (certificate, str(certificate), False):
            with kind(server.url, verify=trusted) as client:
                assert client.predict_entities(TEXTS[0], LABELS)
        with kind(server.url) as client:
            with pytest.raises(errors.Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
                client.predict_entities(TEXTS[0], LABELS)


# Servers that are busy or gone.


@contextlib.contextmanager
def full_queue(server):
    """All that one client may hold of a queue of two, held by a stream that says nothing."""
    address = server.url.removeprefix("http://").split(":")
    with socket.create_connection((address[0], int(address[1])), timeout=30) as connection:
        connection.sendall(
            b"POST /v1/entities HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
        yield connection


@needs_program
def test_a_full_queue_is_asked_again(kind, monkeypatch, model):
    pauses = []
    with serving("--max-queue", "2") as server:
        with kind(server.url, retries=0) as client, full_queue(server):
            with pytest.raises(errors.Overloaded) as caught:
                client.predict_entities(TEXTS[0], LABELS)
            assert (caught.value.status, caught.value.retry_after) == (429, 1)
            with Client(server.url, timeout=1.0) as hurried:  # It could not come again in time.
                with pytest.raises(errors.Overloaded):
                    hurried.predict_entities(TEXTS[0], LABELS)
        with kind(server.url, timeout=60) as client, full_queue(server) as connection:

            def pause(seconds):
                pauses.append(seconds)
                connection.close()
                with Client(server.url) as other:
                    while other.stats()["admitted"]["requests"]:
                        pass

            async def apause(seconds):
                pause(seconds)

            monkeypatch.setattr(client_module.time, "sleep", pause)
            monkeypatch.setattr(client_module.asyncio, "sleep", apause)
            found = client.predict_entities(TEXTS[0], LABELS)
    assert found == model.predict_entities(TEXTS[0], LABELS)
    assert len(pauses) == 1 and 1 <= pauses[0] <= 1.5


@contextlib.contextmanager
def scripted(*answers):
    """A server that gives `answers`, (status, headers, body), one after another, and keeps what
    it was sent. Of None it closes the connection, of a number it waits for so many seconds."""
    left, sent = list(answers), []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sent.append((self.headers, json.loads(body)))
            answer = left.pop(0)
            if answer is None or isinstance(answer, float):
                time.sleep(answer or 0)
                self.close_connection = True
                return
            status, headers, body = answer
            self.send_response(status)
            for name, value in {**headers, "Content-Length": len(body)}.items():
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    made.url, made.sent = f"http://127.0.0.1:{made.server_address[1]}", sent
    try:
        yield made
    finally:
        made.shutdown()
        thread.join()
        made.server_close()


BUSY = (429, {"Retry-After": "0"}, b'{"error":{"code":"queue_full","message":"come again"}}')
DOWN = (503, {}, b"<html>")
DONE = (200, {}, b'{"results":[{"entities":[]}]}')


def test_retries_are_counted(kind, monkeypatch):
    pauses = []

    async def apause(seconds):
        pauses.append(seconds)

    monkeypatch.setattr(client_module.time, "sleep", pauses.append)
    monkeypatch.setattr(client_module.asyncio, "sleep", apause)
    with scripted(BUSY, DOWN, DONE, DOWN, DOWN, DOWN) as server:
        with kind(server.url, retries=2, api_key="k", model="m", timeout=9) as client:
            assert client.predict_entities("Ada", LABELS) == []
            assert len(pauses) == 2 and 0 <= pauses[0] <= 0.1 and 0.4 <= pauses[1] <= 0.6
            headers, body = server.sent[0]
            assert headers["Authorization"] == "Bearer k"
            assert body.pop("timeout") == pytest.approx(9, abs=1)
            assert body == {"text": ["Ada"], "model": "m", "labels": LABELS, "threshold": 0.5}
            assert server.sent[2][1]["timeout"] <= 9
            with pytest.raises(errors.Overloaded, match="HTTP status 503") as caught:
                client.predict_entities("Ada", LABELS)
            assert caught.value.retry_after is None
    assert len(server.sent) == 6


def test_what_is_no_answer_of_a_server(kind):
    with scripted((200, {}, b"<html>"), (500, {}, b"")) as server, kind(server.url) as client:
        for _ in range(2):
            with pytest.raises(errors.Internal):
                client.predict_entities("Ada", LABELS)


def test_a_server_that_does_not_answer(kind, monkeypatch):
    monkeypatch.setattr(client_module, "GRACE", 0.05)
    with scripted(0.5) as server, kind(server.url, timeout=0.05) as client:
        with pytest.raises(errors.DeadlineExceeded, match="within 0.05 s"):
            client.predict_entities("Ada", LABELS)


def test_a_server_that_closes(kind):
    with scripted(None) as server, kind(server.url) as client:
        with pytest.raises(errors.Unreachable):
            client.predict_entities("Ada", LABELS)


def test_a_server_that_is_not_there(kind):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with kind(f"http://127.0.0.1:{port}") as client:
        assert not client.ready()
        with pytest.raises(ConnectionError, match="/v1/entities") as caught:
            client.predict_entities("Ada", LABELS)
        assert isinstance(caught.value, errors.Unreachable) and caught.value.status is None


@needs_program
def test_a_server_that_goes_away_inside_a_stream(kind):
    def texts():
        while True:
            yield TEXTS[0]

    with serving() as server, kind(server.url) as client:
        answers = client.stream(texts(), LABELS, batch_size=8)
        assert next(answers)
        server.kill()
        server.wait()
        with pytest.raises(errors.Unreachable):
            for _ in range(1000):
                next(answers)


# The package.


def test_both_clients_have_the_same_calls():
    def calls(kind):
        return {
            name: [(p.name, p.default) for p in inspect.signature(call).parameters.values()]
            for name, call in vars(kind).items()
            if not name.startswith("_") and name not in ("close", "aclose")
        }

    assert calls(Client) == calls(AsyncClient)


def test_httpx_is_imported_with_the_client_alone():
    program = (
        "import sys; import waterline; assert 'httpx' not in sys.modules\n"
        "sys.modules['httpx'] = None\n"
        "try: waterline.Client\n"
        "except ImportError as error: print(error)\n"
        "assert not hasattr(waterline, 'Other')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.endswith("pip install waterline[client]\n"), done.stderr
    assert waterline.Client is client_module.Client


@needs_program
@pytest.mark.parametrize("path", ["docs/server.md", "docs/python.md"])
def test_the_examples(server, path):
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / path).read_text(), re.M | re.S)
    (example,) = [block for block in blocks if "Client(" in block]
    example = example.replace("http://localhost:8080", server.url)
    done = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Ada Lovelace" in done.stdout
