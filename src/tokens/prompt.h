// The prompt of a label set: [ENT, label 1, ENT, label 2, ..., SEP], and with relations
// [..., SEP, REL, relation 1, REL, relation 2, ..., SEP], as sub-word ids.
// Source: gliner/data_processing/processor.py, prepare_inputs; spec 4.5.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory_resource>
#include <optional>
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
  std::pmr::vector<int32_t> relation_markers;  // [R] the same for each relation.
  // Labels and relations that are not empty but have no sub-words, and empty relations.
  int32_t silent_labels = 0;

  explicit Prompt(std::pmr::memory_resource* memory)
      : ids(memory), markers(memory), relation_markers(memory) {}
  int64_t labels() const { return static_cast<int64_t>(markers.size()); }
  int64_t relations() const { return static_cast<int64_t>(relation_markers.size()); }
};

// What stands before each label.
struct Marker {
  std::string token;
  int32_t id = -1;
  bool embed = true;  // False: the token after the marker stands for the label.
};

struct PromptFormat {
  Marker label;                    // ent_token, class_token_index
  std::optional<Marker> relation;  // rel_token, rel_token_index; of models that find relations.
  std::string sep_token;
};

// Tokenises `labels` (what goes into the prompt: descriptions where there are some) and `relations`
// into a prompt. An empty label adds its marker alone.
// Errors: kInvalidArgument  a label or relation that contains a marker of the model: it would shift
//                           all that come after it; names it.
//         kBadModel         the tokenizer does not turn a marker into its id.
Result<Prompt> MakePrompt(std::span<const std::string_view> labels,
                          std::span<const std::string_view> relations, const PromptFormat& format,
                          const Tokenizer& tokenizer, std::pmr::memory_resource* memory);

}  // namespace waterline
