#!/usr/bin/env python3
"""Writes a GLiNER checkpoint with random weights: full size, real tokenizer, no download.

    tools/make_random_checkpoint.py --shape small build/bench/small

Benchmarks need the sizes of published models, not their knowledge. The shapes are those of GLiNER
v2.1 on DeBERTa-v3 small, base and large, and a tiny one for tests. The same arguments give the same
files. Needs numpy.

Weights. Every matrix keeps the variance of its input, so activations stay near 1 in every layer.
The word embedding of <<ENT>> is zero, so that a label's vector is only what attention gathers
around its marker: labels differ. Coordinate 0 of span and label vectors is constant, and their
product moves every logit, so that few spans pass the threshold of 0.5; see CALIBRATION.

Tokenizer. The structure of DeBERTa-v3 with 128,000 Unigram pieces: frequent words of bench/data,
pieces of the rarer ones, all their characters, and made-up words that no text holds. About 1.2
sub-words a word on those texts.
"""
# SPDX-License-Identifier: Apache-2.0
import argparse
import collections
import json
import math
import pathlib
import random
import re
import struct
import sys
import zlib

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
TEXTS = ROOT / "bench" / "data"
TEMPLATE = ROOT / "tests" / "golden" / "tokenizers" / "deberta_v3"

PIECES = 128_000
ADDED = ("[MASK]", "[FLERT]", "<<ENT>>", "<<SEP>>")
VOCABULARY = PIECES + len(ADDED)
ENT = PIECES + ADDED.index("<<ENT>>")

Shape = collections.namedtuple("Shape", "layers hidden heads feed_forward head_hidden")
SHAPES = {
    "tiny": Shape(2, 64, 4, 128, 64),
    "small": Shape(6, 768, 12, 3072, 512),
    "medium": Shape(12, 768, 12, 3072, 512),
    "large": Shape(24, 1024, 16, 4096, 512),
}

# Of the logits on the benchmark's joined texts: gain brings their standard deviation to 1.4, shift
# leaves about 6 spans above 0 per 100 words. bench/peer_driver.py measures both ("calibrate")
# on a checkpoint made with --raw.
Calibration = collections.namedtuple("Calibration", "gain shift")
CALIBRATION = {
    "tiny": Calibration(1.492, 6.267),
    "small": Calibration(0.4373, 3.744),
    "medium": Calibration(0.4871, 3.042),
    "large": Calibration(0.8632, 3.599),
}


# --- Tokenizer -----------------------------------------------------------------------------------


def word_counts():
    """How often each word of the benchmark's texts occurs, words as GLiNER splits them."""
    counts = collections.Counter()
    for path in sorted(TEXTS.glob("*.jsonl")):
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                for token in json.loads(line)["tokenized_text"]:
                    counts.update(re.findall(r"\w+(?:[-_]\w+)*|\S", token))
    return counts


def unigram_pieces(counts):
    """[piece, log-probability] of everything that the texts are made of, best first."""
    frequent = 4  # Words seen less often are left to pieces.
    scores = collections.Counter()
    characters = set("▁")
    for word, count in counts.items():
        text = "▁" + word
        characters.update(text)
        if count >= frequent or len(word) == 1:
            scores[text] += count
            continue
        for begin in range(len(text)):
            for end in range(begin + 2, min(begin + 12, len(text)) + 1):
                if text[begin:end] != text:
                    scores[text[begin:end]] += count / len(text)
    pieces = {piece: score for piece, score in scores.items() if score >= 0.6 and piece != "▁"}
    total = sum(pieces.values())
    ranked = [[piece, math.log(score / total)] for piece, score in pieces.items()]
    least = min(score for _, score in ranked)
    known = set(pieces)
    ranked += [[c, least - 1] for c in characters - known]
    ranked.sort(key=lambda entry: (-entry[1], entry[0]))
    return ranked


def made_up_words(known, number, start):
    """Pieces of random syllables that are not in `known`, with falling log-probabilities."""
    dice = random.Random(20)
    onsets = "b bl c ch d dr f fl g gr h j k kl l m n p pr qu r s sh st t th tr v w x z".split()
    vowels = "a e i o u ai ea ie oo ou y".split()
    codas = ["", "", "", "l", "m", "n", "r", "s", "t", "ck", "ng", "rd", "st"]
    seen = set(known)
    words = []
    while len(words) < number:
        syllables = dice.choices((1, 2, 3, 4), weights=(1, 6, 8, 4))[0]
        word = "".join(dice.choice(onsets) + dice.choice(vowels) + dice.choice(codas)
                       for _ in range(syllables))
        word = dice.choice(("▁", "▁", "")) + (word.capitalize() if dice.random() < 0.3 else word)
        if word not in seen:
            seen.add(word)
            words.append(word)
    return [[word, start - 4 * i / number] for i, word in enumerate(words)]


def tokenizer_files():
    """Contents of the tokenizer's three files."""
    with open(TEMPLATE / "tokenizer.json", encoding="utf-8") as file:
        tokenizer = json.load(file)
    vocabulary = [["[PAD]", 0.0], ["[CLS]", 0.0], ["[SEP]", 0.0], ["[UNK]", 0.0]]
    vocabulary += unigram_pieces(word_counts())
    known = [piece for piece, _ in vocabulary]
    vocabulary += made_up_words(known, PIECES - len(vocabulary), vocabulary[-1][1] - 1)
    tokenizer["model"] = {"type": "Unigram", "unk_id": 3, "vocab": vocabulary,
                          "byte_fallback": False}
    first = {token["content"]: token for token in tokenizer["added_tokens"]}
    tokenizer["added_tokens"] = [first[t] for t in ("[PAD]", "[CLS]", "[SEP]", "[UNK]")]
    tokenizer["added_tokens"] += [dict(first["[MASK]"], id=PIECES + i, content=token)
                                  for i, token in enumerate(ADDED)]
    with open(TEMPLATE / "tokenizer_config.json", encoding="utf-8") as file:
        config = json.load(file)
    config["added_tokens_decoder"] = {
        str(token["id"]): {key: value for key, value in token.items() if key != "id"}
        for token in tokenizer["added_tokens"]}
    with open(TEMPLATE / "special_tokens_map.json", encoding="utf-8") as file:
        special = json.load(file)
    return {"tokenizer.json": tokenizer, "tokenizer_config.json": config,
            "special_tokens_map.json": special}


# --- Weights -------------------------------------------------------------------------------------


def config(name, shape):
    return {
        "model_name": "microsoft/deberta-v3-" + name, "name": "random " + name, "model_type": None,
        "class_token_index": ENT, "vocab_size": VOCABULARY, "embed_ent_token": True,
        "ent_token": "<<ENT>>", "sep_token": "<<SEP>>", "words_splitter_type": "whitespace",
        "max_len": 384, "max_width": 12, "max_types": 25, "hidden_size": shape.head_hidden,
        "num_rnn_layers": 1, "span_mode": "markerV0", "subtoken_pooling": "first",
        "fuse_layers": False, "fine_tune": True, "dropout": 0.4, "post_fusion_schema": "",
        "encoder_config": {
            "model_type": "deberta-v2", "vocab_size": VOCABULARY, "hidden_size": shape.hidden,
            "num_hidden_layers": shape.layers, "num_attention_heads": shape.heads,
            "intermediate_size": shape.feed_forward, "hidden_act": "gelu", "layer_norm_eps": 1e-7,
            "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1,
            "max_position_embeddings": 512, "max_relative_positions": -1, "position_buckets": 256,
            "relative_attention": True, "share_att_key": True, "pos_att_type": ["p2c", "c2p"],
            "norm_rel_ebd": "layer_norm", "position_biased_input": False, "type_vocab_size": 0,
            "pad_token_id": 0, "initializer_range": 0.02, "pooler_hidden_size": shape.hidden,
            "pooler_dropout": 0, "pooler_hidden_act": "gelu"},
    }


def tensors(shape):
    """{name: (dimensions, standard deviation, mean)}."""
    D, F, H = shape.hidden, shape.feed_forward, shape.head_hidden
    all_tensors = {}

    def linear(name, out, into, gain=1.0):
        all_tensors[name + ".weight"] = ((out, into), gain / math.sqrt(into), 0.0)
        all_tensors[name + ".bias"] = ((out,), 0.02, 0.0)

    def norm(name, width):
        all_tensors[name + ".weight"] = ((width,), 0.02, 1.0)
        all_tensors[name + ".bias"] = ((width,), 0.02, 0.0)

    def mlp(name, out, into):
        linear(name + ".0", 4 * H, into, gain=math.sqrt(2))
        linear(name + ".3", out, 4 * H)

    backbone = "token_rep_layer.bert_layer.model."
    all_tensors[backbone + "embeddings.word_embeddings.weight"] = ((VOCABULARY, D), 0.5, 0.0)
    norm(backbone + "embeddings.LayerNorm", D)
    all_tensors[backbone + "encoder.rel_embeddings.weight"] = ((512, D), 0.5, 0.0)
    norm(backbone + "encoder.LayerNorm", D)
    for i in range(shape.layers):
        layer = f"{backbone}encoder.layer.{i}."
        # Sharp attention of moderate weight: else all tokens of a deep random model become alike.
        linear(layer + "attention.self.query_proj", D, D, gain=2)
        linear(layer + "attention.self.key_proj", D, D, gain=2)
        linear(layer + "attention.self.value_proj", D, D, gain=0.7)
        linear(layer + "attention.output.dense", D, D, gain=0.7)
        norm(layer + "attention.output.LayerNorm", D)
        linear(layer + "intermediate.dense", F, D)
        linear(layer + "output.dense", D, F)
        norm(layer + "output.LayerNorm", D)
    if D != H:
        linear("token_rep_layer.projection", H, D)
    for direction in ("", "_reverse"):
        for side, into in (("ih", H), ("hh", H // 2)):
            all_tensors[f"rnn.lstm.weight_{side}_l0{direction}"] = ((2 * H, into),
                                                                   1 / math.sqrt(into), 0.0)
            all_tensors[f"rnn.lstm.bias_{side}_l0{direction}"] = ((2 * H,), 0.02, 0.0)
    mlp("span_rep_layer.span_rep_layer.project_start", H, H)
    mlp("span_rep_layer.span_rep_layer.project_end", H, H)
    mlp("span_rep_layer.span_rep_layer.out_project", H, 2 * H)
    mlp("prompt_rep_layer", H, H)
    return dict(sorted(all_tensors.items()))


def values(name, spec, calibration):
    """The f32 values of one tensor: uniform, of a stream of its own."""
    dimensions, deviation, mean = spec
    stream = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
    x = stream.random(dimensions, dtype=np.float32)
    x -= np.float32(0.5)
    x *= np.float32(deviation * math.sqrt(12))
    x += np.float32(mean)
    if name.endswith("word_embeddings.weight"):
        x[ENT] = 0
    constant = math.sqrt(abs(calibration.shift))
    if name.startswith("span_rep_layer.span_rep_layer.out_project.3."):
        x *= np.float32(calibration.gain)
        x[0] = -math.copysign(constant, calibration.shift) if name.endswith("bias") else 0
    if name.startswith("prompt_rep_layer.3."):
        x[0] = constant if name.endswith("bias") else 0
    return x


def write_weights(path, shape, dtype, calibration):
    specs = tensors(shape)
    size = 4 if dtype == "f32" else 2
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, (dimensions, _, _) in specs.items():
        length = size * math.prod(dimensions)
        header[name] = {"dtype": dtype.upper(), "shape": list(dimensions),
                        "data_offsets": [offset, offset + length]}
        offset += length
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, spec in specs.items():
            x = values(name, spec, calibration)
            file.write(x.astype("<f4" if dtype == "f32" else "<f2").tobytes())
    return sum(math.prod(dimensions) for dimensions, _, _ in specs.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--shape", choices=SHAPES, default="small")
    parser.add_argument("--dtype", choices=("f32", "f16"), default="f32", help="stored type")
    parser.add_argument("--raw", action="store_true", help="without gain and shift, to calibrate")
    arguments = parser.parse_args()
    if not (TEMPLATE / "tokenizer.json").exists():
        sys.exit(f"make_random_checkpoint: {TEMPLATE} is missing: the structure of the tokenizer")
    shape = SHAPES[arguments.shape]
    calibration = Calibration(1.0, 0.0) if arguments.raw else CALIBRATION[arguments.shape]
    arguments.directory.mkdir(parents=True, exist_ok=True)
    files = dict(tokenizer_files(), **{"gliner_config.json": config(arguments.shape, shape)})
    for name, content in files.items():
        with open(arguments.directory / name, "w", encoding="utf-8") as file:
            json.dump(content, file, ensure_ascii=False)
    # Last: a directory with weights is complete.
    partial = arguments.directory / "model.safetensors.partial"
    parameters = write_weights(partial, shape, arguments.dtype, calibration)
    partial.rename(arguments.directory / "model.safetensors")
    print(f"{arguments.directory}: {arguments.shape}, {parameters:,} parameters, {arguments.dtype}",
          file=sys.stderr)


if __name__ == "__main__":
    main()
