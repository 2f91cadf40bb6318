// The texts of a call, made ready for passes: labels as prompts, words and tokens, windows.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory_resource>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "batch/batch.h"
#include "engine/pass.h"
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

// A label list as the model reads it.
struct LabelSet {
  Prompt prompt;
  std::pmr::vector<int32_t> label;  // Of each prompt entry: index into the caller's list.
  explicit LabelSet(std::pmr::memory_resource* memory) : prompt(memory), label(memory) {}
};

// Makes the prompt of `labels`: the first of equal names stands for all.
// Errors: kInvalidArgument  invalid UTF-8; two names with one description; a marker inside a label;
//                           a prompt that leaves no room for text. kBadModel: as MakePrompt.
Result<LabelSet> MakeLabelSet(std::span<const Label> labels, const PromptFormat& format,
                              const Tokenizer& tokenizer, const SequenceTemplate& around,
                              const TextLimits& limits, std::pmr::memory_resource* memory);

// One text on its way through the engine.
struct Request {
  Document document;
  const LabelSet* labels = nullptr;
  TokenText text;
  Query query;
  std::pmr::vector<std::pair<int32_t, int32_t>> allowed;
  std::pmr::vector<Window> windows;
  int64_t words_cut = 0;
  bool reference_alignment = false;
  std::optional<Error> error;
  bool starved = false;  // The error is a lack of staging beside other texts: alone it may do.
  std::pmr::vector<SequenceResult> results;  // One a window.

  explicit Request(std::pmr::memory_resource* memory)
      : text(memory), allowed(memory), windows(memory), results(memory) {}

  // Notes that staging lacked memory for `what`.
  void Starve(const OverBudget& over, const char* what);
};

// Splits, tokenises and windows the text of `request`; sets its error when it cannot be used.
// Throws OverBudget when staging lacks memory for it.
void PrepareText(Request& request, const ExtractOptions& options, const Tokenizer& tokenizer,
                 const SequenceTemplate& around, const TextLimits& limits,
                 std::pmr::memory_resource* memory);

// What the windows of `request` found, as entities of its text. Allocates the result alone outside
// of `memory`.
Extraction Finish(Request& request, const ExtractOptions& options,
                  std::pmr::memory_resource* memory);

}  // namespace waterline
