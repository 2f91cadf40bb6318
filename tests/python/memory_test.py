# SPDX-License-Identifier: Apache-2.0
"""Budgets, leases and what stays of a call."""

import contextlib
import gc
import sys
import threading

import pytest

import waterline
from checkpoints import load

TEXTS = [
    "Ada Lovelace lived in London.",
    "Zoë Müller flew from Zürich to São Paulo 🎉",
    "Paul Smith flew to Berlin. " * 8,
]
LABELS = ["person", "city"]


def resident():
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * 4096


def test_the_budget_is_what_was_given(model):
    stats = model.stats()
    assert stats["memory_budget"] == 256 << 20
    assert 0 < stats["in_use"] <= stats["peak"] <= stats["memory_budget"]
    assert stats["automatic"] is False and stats["threads"] == 2 and stats["devices"] == []
    assert load("us_markerV0", memory_budget=48 << 20).stats()["memory_budget"] == 48 << 20
    assert load("us_markerV0", memory_budget=None).stats()["automatic"] is True


def test_counts_of_calls(model):
    before = model.stats()
    model.inference(TEXTS, LABELS)
    after = model.stats()
    assert after["texts"] - before["texts"] == 3
    assert after["tokens"] > before["tokens"]
    model.reset_peaks()
    assert model.stats()["workspace_peak"] == 0


def test_memory_is_flat_over_many_calls(model):
    def ask(times):
        for i in range(times):
            model.predict_entities(TEXTS[i % 2], LABELS)
            if i % 8 == 0:
                model.inference(TEXTS, [["person"], {"a": "person"}, []], threshold=[0.1, 0.2, 0.3])
            if i % 8 == 1:
                with pytest.raises(ValueError):
                    model.inference([TEXTS[0], "\ud800"], LABELS)

    ask(100)
    gc.collect()
    objects, before = len(gc.get_objects()), resident()
    ask(400)
    gc.collect()
    assert len(gc.get_objects()) - objects < 50
    assert resident() - before < 2 << 20


def test_nothing_stays_of_a_text_or_label(model):
    text, label = "Zoë Müller lives in Zürich", "Ort in der Schweiz – überall"
    size = sys.getsizeof(text), sys.getsizeof(label)
    counts = sys.getrefcount(text), sys.getrefcount(label)
    model.inference([text], [label], threshold=0.01)
    assert (sys.getsizeof(text), sys.getsizeof(label)) == size
    assert (sys.getrefcount(text), sys.getrefcount(label)) == counts


def test_trim(model):
    assert isinstance(model.trim(), int)
    assert model.stats()["trims"] >= 1
    assert model.predict_entities(TEXTS[0], LABELS)


def test_a_lease_is_taken_from_the_workspace(model):
    expected = model.inference(TEXTS, LABELS)
    with model.lease("16MiB") as lease:
        assert lease.bytes == 16 << 20
        assert model.stats()["leased"] == 16 << 20
        assert model.inference(TEXTS, LABELS, lease=lease) == expected
        assert list(model.stream(TEXTS, LABELS, lease=lease)) == expected
    assert model.stats()["leased"] == lease.bytes == 0
    with pytest.raises(ValueError, match="has been released"):
        model.inference(TEXTS, LABELS, lease=lease)
    with pytest.raises(MemoryError, match="workspace"):
        model.lease("1TiB")
    with pytest.raises(ValueError, match="0 bytes"):
        model.lease(0)


def test_a_call_waits_no_longer_than_it_may():
    model = load("us_markerV0", threads=1)
    stop = threading.Event()

    def keep_busy():
        while not stop.is_set():
            with contextlib.suppress(MemoryError):  # While the lease below has all of it.
                model.inference(TEXTS * 300, LABELS)

    thread = threading.Thread(target=keep_busy)
    thread.start()
    try:
        with pytest.raises(TimeoutError):
            for _ in range(1000):
                model.lease(model.stats()["workspace"], timeout=0).release()
    finally:
        stop.set()
        thread.join()
    with model.lease(model.stats()["workspace"], timeout=10):
        with pytest.raises(MemoryError, match="budget leaves 0"):
            model.inference(TEXTS, LABELS)
    assert model.inference(TEXTS, LABELS, timeout=10)


def test_models_share_a_budget():
    budget = waterline.MemoryBudget("96MiB")
    assert (budget.limit, budget.in_use) == (96 << 20, 0)
    first = load("us_markerV0", memory_budget="40MiB", shared_budget=budget)
    held = budget.in_use
    assert 0 < held <= 40 << 20
    second = load("ut_plain", memory_budget=budget.limit - held - 4096, shared_budget=budget)
    assert held < budget.in_use <= budget.limit
    with pytest.raises(MemoryError):
        load("us_markerV1", memory_budget="48MiB", shared_budget=budget)
    del first, second
    gc.collect()
    assert budget.in_use == 0
    assert budget.peak > held
    with budget.lease("1MiB") as lease:
        assert budget.in_use == lease.bytes == 1 << 20
    assert budget.in_use == 0
