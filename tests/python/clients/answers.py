# SPDX-License-Identifier: Apache-2.0
"""Asks programs that are written for the package gliner, and prints what they answer as JSON.

    python answers.py CLIENT [--waterline]

With --waterline the programs run on Waterline, else on the gliner that is installed; the programs
themselves are the same, as they come from PyPI. A process asks one client, so that each meets a
Python in which nobody has imported gliner before.
"""

import argparse
import json
import logging
import os
import pathlib
import sys
import tempfile
import warnings

MODEL = pathlib.Path(__file__).parents[3] / "models" / "waterline-tiny-en"

TEXTS = [
    "Cristiano Ronaldo was born in Funchal on 5 February 1985 and played for Manchester United, "
    "Real Madrid and Juventus.",
    "Please ship the order to Anna Schmidt, 12 Rose Street, Edinburgh, and call +44 131 555 0199 "
    "or write to anna.schmidt@example.org.",
    "Marie Curie received the Nobel Prize in Physics in 1903 together with Pierre Curie and Henri "
    "Becquerel.",
    "Der Rhein fließt durch Basel, Köln und Rotterdam. 東京 and São Paulo — naïve café 😀!",
    "Nothing to see here.",
    "",
]
# Names of the hub that are asked for, whatever the model: blankit has one model, and gliner takes
# the tokenizer from the backbone's repository when gliner-spacy calls it.
MODEL_NAME = "urchade/gliner_medium-v2.1"
BACKBONE_NAME = "sentence-transformers/all-MiniLM-L6-v2"
# Longer than the chunks that the clients cut texts into.
LONG_TEXT = " ".join(TEXTS[:3] * 4)


def presidio():
    """AnalyzerEngine of presidio-analyzer with its GLiNERRecognizer, on a blank spaCy pipeline."""
    import spacy
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import SpacyNlpEngine
    from presidio_analyzer.predefined_recognizers import GLiNERRecognizer

    def analyze(recognizer):
        registry = RecognizerRegistry(recognizers=[recognizer], supported_languages=["en"])
        analyzer = AnalyzerEngine(
            registry=registry, nlp_engine=nlp_engine, supported_languages=["en"]
        )
        return [
            [
                {
                    "start": found.start,
                    "end": found.end,
                    "label": found.entity_type,
                    "score": float(found.score),
                }
                for found in sorted(
                    analyzer.analyze(text, language="en"), key=lambda found: found.start
                )
            ]
            for text in TEXTS + [LONG_TEXT]
        ]

    with tempfile.TemporaryDirectory() as pipeline:
        spacy.blank("en").to_disk(pipeline)
        nlp_engine = SpacyNlpEngine(models=[{"lang_code": "en", "model_name": pipeline}])
        nlp_engine.load()
    mapping = {"person": "PERSON", "location": "LOCATION", "phone number": "PHONE_NUMBER",
               "organization": "ORGANIZATION"}
    return {
        "entity_mapping": analyze(
            GLiNERRecognizer(model_name=str(MODEL), map_location="cpu", entity_mapping=mapping)
        ),
        "multi_label": analyze(
            GLiNERRecognizer(
                model_name=str(MODEL),
                map_location="cpu",
                entity_mapping=mapping,
                flat_ner=False,
                multi_label=True,
                threshold=0.2,
            )
        ),
    }


def gliner_spacy():
    """The components of gliner-spacy in a blank spaCy pipeline."""
    import spacy
    import gliner_spacy.pipeline  # noqa: F401  Registers the components.

    def spans(found):
        return [
            {"start": span.start_char, "end": span.end_char, "label": span.label_,
             "score": float(span._.score)}
            for span in found
        ]

    answers = {}
    for style in ("ent", "span"):
        nlp = spacy.blank("en")
        nlp.add_pipe("sentencizer")
        nlp.add_pipe(
            "gliner_spacy",
            config={"gliner_model": str(MODEL), "style": style,
                    "labels": ["person", "location", "organization", "date"], "threshold": 0.4},
        )
        documents = list(nlp.pipe(TEXTS + [LONG_TEXT]))
        answers[style] = [
            spans(document.ents if style == "ent" else document.spans["sc"])
            for document in documents
        ]
    nlp.add_pipe(
        "gliner_cat", config={"cat_data": {"people": ["person"], "places": ["location"]}}
    )
    answers["categories"] = [
        [{label: float(score) for label, score in sentence._.sent_cats.items()}
         for sentence in nlp(text).sents]
        for text in TEXTS
    ]
    return answers


def blankit():
    """The Scanner of blankit, which loads urchade/gliner_medium-v2.1."""
    from blankit.scanner import Scanner

    scanner = Scanner()
    return {
        "find_pii": [scanner.find_pii(text) for text in TEXTS],
        # It cannot redact a document in which it finds nothing.
        "redact": [list(scanner.redact(text)) for text in TEXTS[:4]],
    }


CLIENTS = {"presidio": presidio, "gliner_spacy": gliner_spacy, "blankit": blankit}


def make_hub_cache(directory):
    """A cache of the hub that has the small model under those names."""
    snapshot = "0" * 40
    for name in (MODEL_NAME, BACKBONE_NAME):
        repository = pathlib.Path(directory) / f"models--{name.replace('/', '--')}"
        (repository / "refs").mkdir(parents=True)
        (repository / "refs" / "main").write_text(snapshot)
        files = repository / "snapshots" / snapshot
        files.mkdir(parents=True)
        for file in MODEL.iterdir():
            (files / file.name).symlink_to(file)
        if name == BACKBONE_NAME:
            config = json.loads((MODEL / "gliner_config.json").read_text())["encoder_config"]
            (files / "config.json").write_text(json.dumps(config))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("client", choices=CLIENTS)
    parser.add_argument("--waterline", action="store_true")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as cache:
        make_hub_cache(cache)
        # Read when huggingface_hub is imported.
        os.environ.update(HF_HUB_CACHE=cache, HF_HUB_OFFLINE="1")
        if arguments.waterline:
            import waterline

            waterline.install_as_gliner(memory_budget="128MiB", threads=1)
        answers = CLIENTS[arguments.client]()
    if arguments.waterline != ("torch" not in sys.modules):
        sys.exit("the client did not run on what it should have run on")
    json.dump(answers, sys.stdout, ensure_ascii=False)


if __name__ == "__main__":
    main()
