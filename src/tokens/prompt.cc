// SPDX-License-Identifier: Apache-2.0
#include "tokens/prompt.h"

#include <fmt/format.h>

#include <algorithm>

namespace waterline {

namespace {

// Appends the marker of a name and the name; `markers` gets the index of the token that stands for
// it.
Result<void> Append(std::string_view name, Subject what, const Marker& marker,
                    const PromptFormat& format, const Tokenizer& tokenizer, Prompt& prompt,
                    std::pmr::vector<int32_t>& markers) {
  const size_t at = prompt.ids.size();
  markers.push_back(static_cast<int32_t>(at) + (marker.embed ? 0 : 1));
  tokenizer.EncodeWord(marker.token, prompt.ids);
  if (prompt.ids.size() != at + 1 || prompt.ids.back() != marker.id) {
    return Error{Code::kBadModel,
                 fmt::format("the tokenizer splits the marker {} into {} tokens, expected the one "
                             "token {} (class_token_index, rel_token_index)",
                             marker.token, prompt.ids.size() - at, marker.id)};
  }
  tokenizer.EncodeWord(name, prompt.ids);
  const auto first = prompt.ids.begin() + static_cast<std::ptrdiff_t>(at) + 1;
  for (const Marker* known : {&format.label, format.relation ? &*format.relation : nullptr}) {
    if (known == nullptr || std::find(first, prompt.ids.end(), known->id) == prompt.ids.end()) {
      continue;
    }
    return Error{Code::kInvalidArgument,
                 fmt::format("{} \"{}\" contains {}, which marks the {}s of this model; choose "
                             "another wording",
                             what == Subject::kLabels ? "label" : "relation", name, known->token,
                             known == &format.label ? "label" : "relation"),
                 what};
  }
  return {};
}

}  // namespace

Result<Prompt> MakePrompt(std::span<const std::string_view> labels,
                          std::span<const std::string_view> relations, const PromptFormat& format,
                          const Tokenizer& tokenizer, std::pmr::memory_resource* memory) {
  Prompt prompt(memory);
  for (const std::string_view label : labels) {
    const size_t before = prompt.ids.size();
    const Result<void> appended =
        Append(label, Subject::kLabels, format.label, format, tokenizer, prompt, prompt.markers);
    if (!appended.ok()) return appended.error();
    if (!label.empty() && prompt.ids.size() == before + 1) ++prompt.silent_labels;
  }
  tokenizer.EncodeWord(format.sep_token, prompt.ids);
  if (!format.relation) return prompt;
  for (const std::string_view relation : relations) {
    const size_t before = prompt.ids.size();
    const Result<void> appended = Append(relation, Subject::kRelations, *format.relation, format,
                                         tokenizer, prompt, prompt.relation_markers);
    if (!appended.ok()) return appended.error();
    if (prompt.ids.size() == before + 1) ++prompt.silent_labels;
  }
  tokenizer.EncodeWord(format.sep_token, prompt.ids);  // Also without relations, as the reference.
  return prompt;
}

}  // namespace waterline
