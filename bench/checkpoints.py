"""The checkpoints that are measured: random ones, their exports for ONNX Runtime, and how many
multiplications a run over some texts takes. What is made lies in build/bench and is made once.
"""
# SPDX-License-Identifier: Apache-2.0
import hashlib
import json
import subprocess

from project import MADE, ROOT, fail, note, python_with

MAKE_CHECKPOINT = ROOT / "tools" / "make_random_checkpoint.py"
PEERS = ROOT / "bench" / "peers.py"


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()[:8]


def random_checkpoint(shape):
    """A checkpoint of the present tool."""
    directory = MADE / f"{shape}-{digest(MAKE_CHECKPOINT)}"
    if not (directory / "model.safetensors").exists():
        note(f"making {directory.relative_to(ROOT)}")
        subprocess.run([python_with("numpy", "making the random checkpoint"), MAKE_CHECKPOINT,
                        "--shape", shape, directory], check=True)
    return directory


def exported(python, directory):
    """The checkpoint as the Python package of this interpreter exports it, f32 and int8; None, and
    a note, where it cannot."""
    name = directory.name
    if directory.parent != MADE:
        name += "-" + digest(directory / "model.safetensors")
    target = MADE / (name + "-onnx")
    if not all((target / file).exists() for file in ("model.onnx", "model_quantized.onnx")):
        note(f"exporting to {target.relative_to(ROOT)}")
        partial = target.with_name(target.name + ".partial")
        done = subprocess.run([python, PEERS, "export", directory, partial], capture_output=True,
                              text=True, check=False)
        if done.returncode != 0:
            note(f"{directory.name} cannot be exported: {(done.stderr.split(chr(10)) + [''])[-2]}")
            return None
        if target.exists():
            subprocess.run(["rm", "-r", target], check=True)
        partial.rename(target)
    return target


def multiply_adds(directory, sequences, labels):
    """Multiply-adds of the matrix products of one pass over sequences of (tokens, words), each with
    `labels` labels. With D, F the widths of the encoder, H of the head, K widths of spans:

        encoder    tokens * layers * (4 D^2 + 2 D F)
        attention  tokens^2 * layers * D * terms      terms: queries by keys and values, and, of
                                                      DeBERTa, one for each kind of position
        projection (words + labels) * D H             where D differs from H
        LSTM       words * 6 H^2 a layer              both directions, width H / 2
        markers    words * 2 * (8 H^2 + 4 H^2)        two maps up and down, and the half of the
                                                      span's first map that a word needs
        labels     labels * (8 H^2 + 4 H^2)           two maps, and the span's second map folded in
        scores     words * K * labels * 4 H

    Word embeddings, norms and activations are not counted, and the head is counted as Waterline
    computes it: the span's maps are split over its two words. The Python package and its export
    apply them to each of the K spans of a word: they do more work than is counted here.
    """
    with open(directory / "gliner_config.json", encoding="utf-8") as file:
        config = json.load(file)
    encoder = config["encoder_config"]
    if config["span_mode"] != "markerV0":
        fail(f"{directory}: multiplications of the head '{config['span_mode']}' are not known")
    width, inner = encoder["hidden_size"], encoder["intermediate_size"]
    layers, head = encoder["num_hidden_layers"], config["hidden_size"]
    terms = 2 + (len(encoder["pos_att_type"]) if encoder.get("relative_attention") else 0)
    total = 0
    for tokens, words in sequences:
        total += tokens * layers * (4 * width * width + 2 * width * inner)
        total += tokens * tokens * layers * width * terms
        total += (words + labels) * width * head if width != head else 0
        total += words * 6 * head * head * config["num_rnn_layers"]
        total += words * 24 * head * head + labels * 12 * head * head
        total += words * config["max_width"] * labels * 4 * head
    return total
