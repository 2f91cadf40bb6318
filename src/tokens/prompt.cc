// SPDX-License-Identifier: Apache-2.0
#include "tokens/prompt.h"

#include <fmt/format.h>

#include <algorithm>

namespace waterline {

Result<Prompt> MakePrompt(std::span<const std::string_view> labels, const PromptFormat& format,
                          const Tokenizer& tokenizer, std::pmr::memory_resource* memory) {
  Prompt prompt(memory);
  const size_t after_marker = format.embed_ent_token ? 0 : 1;
  for (const std::string_view label : labels) {
    prompt.markers.push_back(static_cast<int32_t>(prompt.ids.size() + after_marker));
    const size_t marker = prompt.ids.size();
    tokenizer.EncodeWord(format.ent_token, prompt.ids);
    if (prompt.ids.size() != marker + 1 || prompt.ids.back() != format.ent_id) {
      return Error{
          Code::kBadModel,
          fmt::format("the tokenizer splits the marker {} into {} tokens, expected the one "
                      "token {} (class_token_index)",
                      format.ent_token, prompt.ids.size() - marker, format.ent_id)};
    }
    tokenizer.EncodeWord(label, prompt.ids);
    if (!label.empty() && prompt.ids.size() == marker + 1) ++prompt.silent_labels;
    if (std::find(prompt.ids.begin() + static_cast<std::ptrdiff_t>(marker) + 1, prompt.ids.end(),
                  format.ent_id) != prompt.ids.end()) {
      return Error{
          Code::kInvalidArgument,
          fmt::format("label \"{}\" contains {}, which marks the labels of this model; choose "
                      "another wording",
                      label, format.ent_token)};
    }
  }
  tokenizer.EncodeWord(format.sep_token, prompt.ids);
  return prompt;
}

}  // namespace waterline
