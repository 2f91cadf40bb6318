# SPDX-License-Identifier: Apache-2.0
"""Models by their hub ids: from the local cache, or fetched by huggingface_hub (a stand-in)."""

import shutil
import sys
import types

import pytest

from checkpoints import checkpoint
from waterline import GLiNER

ID = "acme/tiny"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def fill(cache):
    """A cache laid out as huggingface_hub does."""
    repository = cache / "models--acme--tiny"
    shutil.copytree(checkpoint("us_markerV0"), repository / "snapshots" / COMMIT)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    return repository / "snapshots" / COMMIT


@pytest.fixture
def no_hub(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)


def test_the_cache_of_the_environment(tmp_path, monkeypatch, no_hub):
    snapshot = fill(tmp_path)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert GLiNER.from_pretrained(ID).directory == str(snapshot)
    assert GLiNER.from_pretrained(ID, revision=COMMIT).directory == str(snapshot)
    with pytest.raises(FileNotFoundError, match="v9"):
        GLiNER.from_pretrained(ID, revision="v9")


def test_a_cache_that_is_given(tmp_path, monkeypatch, no_hub):
    snapshot = fill(tmp_path / "own")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "empty"))
    assert GLiNER.from_pretrained(ID, cache_dir=tmp_path / "own").directory == str(snapshot)
    with pytest.raises(FileNotFoundError, match="acme/tiny"):
        GLiNER.from_pretrained(ID)


def test_what_is_missing_is_fetched_where_it_may_be(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "empty"))
    calls = []

    def snapshot_download(name, **settings):
        calls.append((name, settings))
        return str(checkpoint("us_markerV0"))

    hub = types.ModuleType("huggingface_hub")
    hub.snapshot_download = snapshot_download
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    with pytest.raises(FileNotFoundError):
        GLiNER.from_pretrained(ID, local_files_only=True)
    assert calls == []
    model = GLiNER.from_pretrained(ID, revision="v1", token="secret")
    assert model.directory == str(checkpoint("us_markerV0"))
    assert calls == [
        (ID, {"revision": "v1", "cache_dir": None, "force_download": False, "token": "secret"})
    ]


def test_a_forced_download_needs_the_hub(no_hub):
    with pytest.raises(NotImplementedError, match="huggingface_hub"):
        GLiNER.from_pretrained(ID, force_download=True)
