// What one forward pass works on: sequences packed end to end, without padding.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory_resource>
#include <span>
#include <vector>

#include "kernels/kernels.h"
#include "tokens/prompt.h"
#include "tokens/token_text.h"

namespace waterline {

// Label vectors that were computed before: `count` rows of `width` floats, end to end. rows is
// nullptr when nothing is computed.
struct GivenLabels {
  const float* rows = nullptr;
  int64_t count = 0;
  int64_t width = 0;
};

// One sequence to encode: the prompt of a label set, then words [word_begin, word_end) of a text. A
// text is one sequence, or several overlapping ones when it is long.
struct Sequence {
  const Prompt* prompt = nullptr;
  const GivenLabels* given = nullptr;  // Not nullptr: these labels, and the prompt names none.
  const TokenText* text = nullptr;
  int32_t word_begin = 0;
  int32_t word_end = 0;
  int32_t own_begin = 0;  // Spans that start in [own_begin, own_end) are found in this sequence.
  int32_t own_end = 0;
  int32_t alone_begin = 0;  // As Window::alone_begin.
  // Word vectors shift as in the Python package when words or labels have no sub-words
  // (spec/gliner-data-and-decoding.md A3). false: every word has its own, zero without sub-words.
  bool reference_alignment = false;

  int64_t words() const { return word_end - word_begin; }
  int64_t labels() const { return given != nullptr ? given->count : prompt->labels(); }
  // Tokens with the prompt and the template's specials.
  int64_t tokens(const SequenceTemplate& around) const;
};

// Counts decide how much memory a pass needs: two batches with equal begins and equally many rows
// that are read have equal plans.
struct Batch {
  std::pmr::vector<int32_t> ids;        // [T]
  std::pmr::vector<int32_t> positions;  // [T] index in the own sequence.
  std::pmr::vector<int32_t> begins;     // [B + 1] over tokens.
  // [R] the tokens whose hidden states the head reads, ascending, each a range of one. The last
  // layer of an encoder computes these alone: they are the rows of its hidden states.
  std::pmr::vector<RowRange> read;
  std::pmr::vector<RowRange> words;            // [W] rows of the hidden states that make each word.
  std::pmr::vector<int32_t> word_begins;       // [B + 1] over words.
  std::pmr::vector<RowRange> labels;           // [C] row that stands for each label; or none, and
  std::pmr::vector<const GivenLabels*> given;  // the C rows of these, end to end.
  // [B] the labels of each sequence; sequences with the same given labels may share them.
  std::pmr::vector<RowRange> label_groups;
  std::pmr::vector<int32_t> label_begins;      // [B + 1] over labels; with BatchRules::own_labels.
  std::pmr::vector<RowRange> relations;        // [R] row that stands for each relation.
  std::pmr::vector<RowRange> relation_groups;  // [B]
  // [B + 1] over scores: words * channels * labels of each.
  std::pmr::vector<int64_t> score_begins;

  explicit Batch(std::pmr::memory_resource* memory);
  int64_t tokens() const { return static_cast<int64_t>(ids.size()); }
  // Labels of all sequences; those that share labels count them each.
  int64_t label_rows() const;
};

// What a head asks of the batches it reads.
struct BatchRules {
  Pooling pooling = Pooling::kFirst;  // How a word is made of the hidden states of its tokens.
  int64_t channels = 1;               // Scores of one word and label.
  bool own_labels = false;            // Sequences do not share the rows of given labels.
};

// Packs `sequences` in the order given.
Batch MakeBatch(std::span<const Sequence* const> sequences, const SequenceTemplate& around,
                const BatchRules& rules, std::pmr::memory_resource* memory);

}  // namespace waterline
