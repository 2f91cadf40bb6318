// The texts of a call, made ready for passes: labels as prompts, words and tokens, windows.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory_resource>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "batch/batch.h"
#include "engine/pass.h"
#include "text/icu_words.h"
#include "text/windows.h"
#include "tokens/prompt.h"
#include "tokens/token_text.h"
#include "waterline/engine.h"
#include "waterline/result.h"

namespace waterline {

// How texts are cut for the model.
struct TextLimits {
  int64_t max_words = 0;   // max_len
  int64_t max_tokens = 0;  // Of a sequence, prompt and specials included.
  int64_t max_width = 0;   // Widest span in words.
  int64_t vocabulary = 0;  // Rows of the word embeddings: every token id is below.
};

// Words that windows share at least, so that each span lies whole in one of them.
inline int64_t OverlapWords(const TextLimits& limits) {
  return std::max<int64_t>(2 * limits.max_width, 32);
}

// Fewest words that ExtractOptions::window_words may be: half of such a window is overlap.
inline int64_t LeastWindowWords(const TextLimits& limits) {
  return std::min(2 * OverlapWords(limits), limits.max_words);
}

// The labels (and relations) of a text as one pass reads them. Stays where it is while sequences
// refer to it.
struct LabelSet {
  Prompt prompt;                       // Names no labels where their vectors are given.
  std::pmr::vector<int32_t> label;     // Of each label that is read: index into the caller's list.
  std::pmr::vector<int32_t> relation;  // The same of each relation.
  std::pmr::vector<std::string_view> texts;  // [label] what the model reads for it. Views.
  std::pmr::vector<float> thresholds;        // [label] of its own, or NaN; empty: none has one.
  std::pmr::vector<float> vectors;           // [label, width], where they are given,
  GivenLabels given;                         // and the view of them.

  explicit LabelSet(std::pmr::memory_resource* memory)
      : prompt(memory),
        label(memory),
        relation(memory),
        texts(memory),
        thresholds(memory),
        vectors(memory) {}
  int64_t labels() const { return static_cast<int64_t>(label.size()); }
};

// What a text asks for, in as many sets as its labels take; each is read in passes of its own.
struct LabelSets {
  std::pmr::vector<LabelSet> parts;
  int64_t prompt_tokens = 0;  // Of the longest prompt.

  explicit LabelSets(std::pmr::memory_resource* memory) : parts(memory) {}
  int64_t labels() const;
};

// What labels are made for.
struct LabelRequest {
  std::span<const Label> labels;
  std::span<const std::string> relations;
  LabelSource source = LabelSource::kPrompt;
  std::span<const std::string> stored;  // LabelSource::kStored: the labels that there are.
  int64_t per_pass = 0;  // Most labels of one set; 0: as many as leave half of the tokens for text.
};

// Makes the sets of `request`: the first of equal names stands for all. Vectors that are given are
// filled in elsewhere.
// Errors: kInvalidArgument  invalid UTF-8; two names with one description; a marker inside a label;
//                           a threshold that is not a number;
//                           a prompt that leaves no room for text; a label that is not stored;
//                           relations where the model finds none. kBadModel: as MakePrompt.
Result<LabelSets> MakeLabelSets(const LabelRequest& request, const PromptFormat& format,
                                const Tokenizer& tokenizer, const SequenceTemplate& around,
                                const TextLimits& limits, std::pmr::memory_resource* memory);

// One text on its way through the engine.
struct Request {
  Document document;
  const LabelSets* labels = nullptr;
  TokenText text;
  Query query;
  std::pmr::vector<std::pair<int32_t, int32_t>> allowed;
  std::pmr::vector<Window> windows;
  int64_t words_cut = 0;
  bool reference_alignment = false;
  std::optional<Error> error;
  bool starved = false;  // The error is a lack of staging beside other texts: alone it may do.
  std::pmr::vector<SequenceResult> results;  // [windows, label sets]

  explicit Request(std::pmr::memory_resource* memory)
      : text(memory), allowed(memory), windows(memory), results(memory) {}

  // Notes that staging lacked memory for `what`.
  void Starve(const OverBudget& over, const char* what);
};

// What texts are read with. Views.
struct TextReading {
  const IcuSplitter* splitter = nullptr;  // nullptr: SplitWords.
  const Tokenizer& tokenizer;
  SequenceTemplate around;
  const TextLimits& limits;
};

// Splits, tokenises and windows the text of `request`; sets its error when it cannot be used.
// Throws OverBudget when staging lacks memory for it.
void PrepareText(Request& request, const ExtractOptions& options, const TextReading& reading,
                 std::pmr::memory_resource* memory);

// What the windows of `request` found, as entities of its text. Allocates the result alone outside
// of `memory`.
Extraction Finish(Request& request, const ExtractOptions& options,
                  std::pmr::memory_resource* memory);

}  // namespace waterline
