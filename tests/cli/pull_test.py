#!/usr/bin/env python3
"""`waterline pull` and `waterline models` against a local server that speaks the routes of the Hugging Face hub.

    tests/cli/pull_test.py PROGRAM

The server has the default model as a repository, with its weights behind a redirect to another host, as the
hub keeps large files; it can want a token, break transfers, ignore ranges and send wrong bytes.
"""
# SPDX-License-Identifier: Apache-2.0
import hashlib
import http.server
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MODEL = ROOT / "models" / "waterline-tiny-en"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
PROGRAM = ""


def git_hash(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Hub:
    """What the handlers share: the files of each repository, what goes wrong, and what was asked for."""

    def __init__(self):
        tokenizer = {name: data for name, data in self.model_files().items()
                     if name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "config.json")}
        self.repositories = {
            "org/tiny": self.model_files(),
            "org/private": self.model_files(),
            "org/bare": {name: data for name, data in self.model_files().items() if name not in tokenizer},
            "org/backbone": dict(tokenizer, **{"model.safetensors": b"not wanted"}),
            "org/other": {"config.json": b"{}"},
        }
        config = json.loads(self.repositories["org/bare"]["gliner_config.json"])
        config["model_name"] = "org/backbone"
        self.repositories["org/bare"]["gliner_config.json"] = json.dumps(config).encode()
        self.token = None          # That org/private wants.
        self.cut = 0               # Transfers of weights that break after a third.
        self.ranges = True         # Whether Range is understood.
        self.wrong = 0             # Transfers of weights with a wrong byte.
        self.asked = []            # (method, path, Range, Authorization)

    @staticmethod
    def model_files():
        files = {path.name: path.read_bytes() for path in MODEL.iterdir() if path.is_file()}
        files["onnx/model.onnx"] = b"not wanted"
        files["training_args.bin"] = b"not wanted"
        return files


def make_handler(hub, cdn):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def reply(self, status, body=b"", **headers):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            if "Content_Length" not in headers:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def do_HEAD(self):
            self.do_GET()

        def do_GET(self):
            authorization = self.headers.get("Authorization")
            hub.asked.append((self.command, self.path, self.headers.get("Range"), authorization))
            parts = self.path.strip("/").split("/")
            if parts[:2] == ["api", "models"]:
                self.repository("/".join(parts[2:4]), parts[-1], authorization)
            elif len(parts) > 4 and parts[2] == "resolve":
                self.resolve("/".join(parts[:2]), parts[3], "/".join(parts[4:]), authorization)
            elif parts[0] == "cdn":
                self.send_bytes(hub.repositories["/".join(parts[1:3])]["/".join(parts[3:])])
            else:
                self.reply(404)

        def refused(self, name, authorization):
            if name == "org/private" and authorization != f"Bearer {hub.token}":
                self.reply(401, X_Error_Message="Invalid username or password.")
            elif name not in hub.repositories:
                self.reply(404, X_Error_Code="RepoNotFound")
            else:
                return False
            return True

        def repository(self, name, revision, authorization):
            if name == "org/old":  # It has another name now.
                self.reply(307, Location=f"/api/models/org/tiny/revision/{revision}")
            elif not self.refused(name, authorization):
                if revision not in ("main", "v1", COMMIT):
                    self.reply(404, X_Error_Code="RevisionNotFound")
                    return
                siblings = [{"rfilename": file} for file in hub.repositories[name]]
                self.reply(200, json.dumps({"id": name, "sha": COMMIT, "siblings": siblings}).encode())

        def resolve(self, name, commit, file, authorization):
            if name == "org/old":
                self.reply(307, Location=f"/org/tiny/resolve/{commit}/{file}")
                return
            if self.refused(name, authorization):
                return
            data = hub.repositories[name].get(file)
            if data is None or commit != COMMIT:
                self.reply(404, X_Error_Code="EntryNotFound")
            elif file.endswith(".safetensors"):
                self.reply(302, Location=f"{cdn()}/cdn/{name}/{file}", X_Repo_Commit=COMMIT,
                           X_Linked_Size=str(len(data)),
                           X_Linked_Etag=f'"{hashlib.sha256(data).hexdigest()}"', ETag='"something-else"')
            else:
                self.reply(200, data, X_Repo_Commit=COMMIT, ETag=f'"{git_hash(data)}"')

        def send_bytes(self, data):
            first, status = 0, 200
            asked = self.headers.get("Range")
            if asked and hub.ranges:
                first, status = int(asked.removeprefix("bytes=").rstrip("-")), 206
                if first >= len(data):
                    self.reply(416)
                    return
            body = data[first:]
            if hub.wrong > 0:
                hub.wrong -= 1
                body = body[:-1] + bytes([body[-1] ^ 1])
            if hub.cut > 0:
                hub.cut -= 1
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[:len(body) // 3])
                self.close_connection = True
                return
            self.reply(status, body)

    return Handler


class PullTest(unittest.TestCase):
    def setUp(self):
        self.hub = Hub()
        self.servers = []
        for host in ("127.0.0.1", "localhost"):  # Two names: tokens are of the first alone.
            server = http.server.ThreadingHTTPServer((host, 0), make_handler(self.hub, lambda: self.urls[1]))
            threading.Thread(target=server.serve_forever, daemon=True).start()
            self.servers.append(server)
        self.urls = [f"http://{host}:{server.server_address[1]}"
                     for host, server in zip(("127.0.0.1", "localhost"), self.servers)]
        self.home = tempfile.TemporaryDirectory()
        self.cache = pathlib.Path(self.home.name) / "hub"

    def tearDown(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()
        self.home.cleanup()

    def run_program(self, *arguments, **variables):
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(("HF_", "HUGGINGFACE_", "WATERLINE_")) and "proxy" not in name.lower()}
        environment.update({"HF_ENDPOINT": self.urls[0], "HF_HOME": self.home.name, "HOME": self.home.name,
                            "WATERLINE_CONFIG": "", **variables})
        return subprocess.run([PROGRAM, *arguments], env=environment, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, check=False)

    def pull(self, *arguments, **variables):
        done = self.run_program("pull", *arguments, **variables)
        self.assertEqual(done.returncode, 0, done.stderr)
        return pathlib.Path(done.stdout.rstrip("\n"))

    def assert_refused(self, message, *arguments, **variables):
        done = self.run_program("pull", *arguments, **variables)
        self.assertEqual(done.returncode, 2)
        self.assertIn(message, done.stderr)

    def repository(self, name):
        return self.cache / ("models--" + name.replace("/", "--"))

    def test_lays_out_the_cache_as_huggingface_hub_does(self):
        snapshot = self.pull("org/tiny")
        repository = self.repository("org/tiny")
        self.assertEqual(snapshot, repository / "snapshots" / COMMIT)
        self.assertEqual((repository / "refs" / "main").read_text(), COMMIT)
        weights = (MODEL / "model.safetensors").read_bytes()
        link = snapshot / "model.safetensors"
        self.assertEqual(os.readlink(link), "../../blobs/" + hashlib.sha256(weights).hexdigest())
        self.assertEqual(link.read_bytes(), weights)
        self.assertFalse((snapshot / "onnx").exists())
        self.assertFalse((snapshot / "training_args.bin").exists())
        self.assertEqual([path for path in repository.rglob("*") if path.name.endswith(".incomplete")], [])
        found = self.run_program("inspect", "org/tiny")
        self.assertEqual(found.returncode, 0, found.stderr)
        # Nothing is loaded again.
        self.hub.asked.clear()
        self.pull("org/tiny")
        self.assertEqual([path for _, path, _, _ in self.hub.asked], ["/api/models/org/tiny/revision/main"])

    def test_knows_revisions_and_renamed_repositories(self):
        self.pull("org/tiny@v1")
        self.assertEqual((self.repository("org/tiny") / "refs" / "v1").read_text(), COMMIT)
        self.assertTrue((self.pull("org/old") / "model.safetensors").exists())
        self.assert_refused("org/tiny@v9: there is no such revision", "org/tiny@v9")

    def test_goes_on_where_a_transfer_broke(self):
        self.hub.cut = 2
        self.pull("org/tiny")
        weights = (MODEL / "model.safetensors").stat().st_size
        ranges = [asked for _, path, asked, _ in self.hub.asked if path.startswith("/cdn/")]
        self.assertEqual(ranges[0], None)
        self.assertEqual(ranges[1], f"bytes={weights // 3}-")
        self.assertEqual(len(ranges), 3)

    def test_goes_on_in_a_later_process(self):
        blobs = self.repository("org/tiny") / "blobs"
        blobs.mkdir(parents=True)
        weights = (MODEL / "model.safetensors").read_bytes()
        incomplete = blobs / (hashlib.sha256(weights).hexdigest() + ".incomplete")
        incomplete.write_bytes(weights[:1000])
        self.pull("org/tiny")
        self.assertIn("bytes=1000-", [asked for _, _, asked, _ in self.hub.asked])

    def test_begins_anew_where_ranges_are_not_understood(self):
        self.hub.cut, self.hub.ranges = 1, False
        snapshot = self.pull("org/tiny")
        self.assertEqual((snapshot / "model.safetensors").read_bytes(), (MODEL / "model.safetensors").read_bytes())

    def test_takes_no_wrong_bytes(self):
        self.hub.wrong = 1
        self.pull("org/tiny")  # Once is tried again,
        self.hub.wrong = 100
        self.hub.repositories["org/tiny"]["model.safetensors"] = b"other weights"
        for path in self.repository("org/tiny").rglob("model.safetensors"):
            path.unlink()
        self.assert_refused("and the hub says", "org/tiny")  # and twice is told.
        self.assertFalse((self.repository("org/tiny") / "snapshots" / COMMIT / "model.safetensors").exists())

    def test_sends_the_token_to_the_hub_alone(self):
        self.hub.token = "hf_secret"
        self.assert_refused("it wants a token: set HF_TOKEN", "org/private")
        self.assert_refused("the token in use gives no access", "org/private", HF_TOKEN="hf_wrong")
        (pathlib.Path(self.home.name) / "token").write_text("hf_secret\n")
        self.pull("org/private")
        for _, path, _, authorization in self.hub.asked[-20:]:
            if path.startswith("/cdn/"):
                self.assertIsNone(authorization)

    def test_brings_the_tokenizer_of_the_backbone(self):
        self.pull("org/bare")
        backbone = self.repository("org/backbone") / "snapshots" / COMMIT
        self.assertTrue((backbone / "tokenizer.json").exists())
        self.assertFalse((backbone / "model.safetensors").exists())
        listed = self.run_program("models", "--json")
        models = {model["id"]: model for model in map(json.loads, listed.stdout.splitlines())}
        self.assertEqual(models["org/bare"]["kind"], "GLiNER")
        self.assertNotIn("trouble", models["org/bare"])
        self.assertEqual(models["org/backbone"]["kind"], "other")
        self.assertEqual(models["org/bare"]["revision"], "main")

    def test_says_what_is_not_there(self):
        self.assert_refused("org/none: it is not there", "org/none")
        self.assert_refused("is no GLiNER checkpoint", "org/other")
        self.assert_refused("has not the form of a hub id", "../x")
        self.assert_refused("127.0.0.1:1", "org/tiny", HF_ENDPOINT="http://127.0.0.1:1")

    def test_asks_nobody_when_offline(self):
        self.assert_refused("is not in the Hugging Face cache", "org/tiny", "--offline")
        snapshot = self.pull("org/tiny")
        self.hub.asked.clear()
        self.assertEqual(self.pull("org/tiny", "--offline"), snapshot)
        self.assertEqual(self.pull("org/tiny", HF_HUB_OFFLINE="1"), snapshot)
        self.assertEqual(self.hub.asked, [])


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=1)
