# SPDX-License-Identifier: Apache-2.0
"""Threads, event loops and other processes that use one model."""

import asyncio
import concurrent.futures
import multiprocessing
import pickle
import signal
import subprocess
import sys
import threading
import time

import pytest

import waterline
from checkpoints import load

TEXTS = [
    "Ada Lovelace lived in London.",
    "Marie Curie moved from Warsaw to Paris.",
    "Paul Smith flew to Berlin.",
]
LABELS = ["person", "city"]


@pytest.fixture(scope="module")
def expected(model):
    return model.inference(TEXTS, LABELS)


def test_many_threads(model, expected):
    def ask(i):
        return model.predict_entities(TEXTS[i % 3], LABELS) == expected[i % 3]

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, range(320)))


def test_other_threads_run_while_the_engine_works(model):
    turns, done = 0, threading.Event()

    def ask():
        model.inference(TEXTS * 100, LABELS)
        done.set()

    thread = threading.Thread(target=ask)
    thread.start()
    while not done.is_set():
        turns += 1
        time.sleep(0.001)
    thread.join()
    assert turns > 20


def test_asyncio(model, expected):
    async def ask():
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        ticking = asyncio.create_task(tick())
        answers = await asyncio.gather(*(model.apredict(text, LABELS) for text in TEXTS * 5))
        batch = await model.apredict(TEXTS, LABELS, threshold=0.5)
        ticking.cancel()
        return answers, batch, ticks

    answers, batch, ticks = asyncio.run(ask())
    assert answers == expected * 5 and batch == expected and ticks > 20
    with pytest.raises(TypeError, match="labels is None"):
        asyncio.run(model.apredict(TEXTS, None))


def ask_global(text):
    return GLOBAL.predict_entities(text, LABELS)


def ask_given(model, text):
    return model.predict_entities(text, LABELS)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # Of fork beside threads.
def test_a_model_works_after_fork(model, expected):
    global GLOBAL
    GLOBAL = model
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map_async(ask_global, TEXTS).get(60) == expected
    assert model.inference(TEXTS, LABELS) == expected


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_ends(model, expected):
    process = multiprocessing.get_context("fork").Process(target=model.trim)
    process.start()
    process.join(60)
    assert process.exitcode == 0


def test_a_model_is_sent_to_a_spawned_process(model, expected):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.starmap_async(ask_given, [(model, text) for text in TEXTS]).get(120)
    assert found == expected


def test_a_pickled_model_keeps_its_settings():
    model = load("us_markerV0", dtype="bf16", truncate=True)
    copy = pickle.loads(pickle.dumps(model))
    assert copy.stats()["dtype"] == "bf16"
    assert copy.stats()["memory_budget"] == 64 << 20
    assert copy.directory == model.directory
    with pytest.warns(UserWarning, match="truncated"):
        copy.predict_entities("word " * 5000, LABELS)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_shared_budget_ends_at_the_process(capfd):
    budget = waterline.MemoryBudget("64MiB")
    model = load("us_markerV0", memory_budget=None, shared_budget=budget)
    with pytest.raises(TypeError, match="shared budget"):
        pickle.dumps(model)
    process = multiprocessing.get_context("fork").Process(
        target=model.predict_entities, args=("Ada", LABELS)
    )
    process.start()
    process.join(60)
    assert process.exitcode == 1
    assert "does not reach across processes" in capfd.readouterr().err


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_lease_ends_at_the_process(model, capfd):
    with model.lease("8MiB") as lease:
        process = multiprocessing.get_context("fork").Process(
            target=model.predict_entities, args=("Ada", LABELS), kwargs={"lease": lease}
        )
        process.start()
        process.join(60)
    assert process.exitcode == 1
    assert "before this process was forked" in capfd.readouterr().err


def test_a_model_that_is_a_global_ends_quietly():
    program = (
        "import waterline\n"
        "model = waterline.GLiNER.from_pretrained(memory_budget='256MiB')\n"
        "encoded, answers = model.stream, model.predict_entities('Ada', ['person'])\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout == run.stderr == ""


def test_an_interrupt_ends_a_long_call(model):
    def interrupt():
        time.sleep(0.5)
        signal.raise_signal(signal.SIGINT)

    # A process that was started in the background ignores it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            model.inference(TEXTS * 20_000, LABELS)
    finally:
        thread.join()
        signal.signal(signal.SIGINT, before)
