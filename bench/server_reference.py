#!/usr/bin/env python3
"""The Python package behind FastAPI, as teams put it there: one model, one request after another on
a thread pool of one, f32. For bench/server.py, by an interpreter with gliner, fastapi and uvicorn.

    PYTHON bench/server_reference.py MODEL THREADS
"""
# SPDX-License-Identifier: Apache-2.0
import os
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import asyncio
import concurrent.futures

import fastapi
import pydantic
import torch
import uvicorn
from gliner import GLiNER


class Question(pydantic.BaseModel):
    text: str
    labels: list[str]
    threshold: float = 0.5


def make_app(directory):
    app = fastapi.FastAPI()
    model = GLiNER.from_pretrained(directory)
    worker = concurrent.futures.ThreadPoolExecutor(1)

    @app.post("/v1/entities")
    async def entities(question: Question):
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            worker, lambda: model.predict_entities(question.text, question.labels,
                                                   threshold=question.threshold))
        return {"results": [{"entities": found}]}

    return app


def main():
    directory, threads = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(threads)
    uvicorn.run(make_app(directory), host="127.0.0.1", port=0, log_level="info", access_log=False)


if __name__ == "__main__":
    main()
