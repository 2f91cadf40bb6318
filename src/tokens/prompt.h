// The prompt of a label set: [ENT, label 1, ENT, label 2, ..., SEP], as sub-word ids.
// Source: gliner/data_processing/processor.py, prepare_inputs; spec 4.5.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory_resource>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokens/tokenizer.h"
#include "waterline/result.h"

namespace waterline {

// What the tokenizer's template puts around every sequence.
struct SequenceTemplate {
  std::span<const int32_t> prefix;
  std::span<const int32_t> suffix;
  int64_t size() const { return static_cast<int64_t>(prefix.size() + suffix.size()); }
};

struct Prompt {
  std::pmr::vector<int32_t> ids;      // Without the template's prefix.
  std::pmr::vector<int32_t> markers;  // [C] index into ids of the token that stands for each label.
  int32_t silent_labels = 0;          // Labels that are not empty but have no sub-words.

  explicit Prompt(std::pmr::memory_resource* memory) : ids(memory), markers(memory) {}
  int64_t labels() const { return static_cast<int64_t>(markers.size()); }
};

struct PromptFormat {
  std::string ent_token;
  std::string sep_token;
  int32_t ent_id = -1;          // class_token_index
  bool embed_ent_token = true;  // False: the token after the marker stands for the label.
};

// Tokenises `labels` (what goes into the prompt: descriptions where there are some) into a prompt.
// An empty label adds its marker alone. Errors: kInvalidArgument  a label that contains the model's
// marker: it would shift all labels after
//                           it; names the label.
//         kBadModel         the tokenizer does not turn ent_token into ent_id.
Result<Prompt> MakePrompt(std::span<const std::string_view> labels, const PromptFormat& format,
                          const Tokenizer& tokenizer, std::pmr::memory_resource* memory);

}  // namespace waterline
