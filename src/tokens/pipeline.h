// The parts of a tokenizer put together: what a tokenizer.json (or a fallback for it) describes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <memory_resource>
#include <optional>
#include <vector>

#include "tokens/added_tokens.h"
#include "tokens/normalizer.h"
#include "tokens/pre_tokenizer.h"
#include "tokens/subword_model.h"
#include "tokens/tokenizer.h"

namespace waterline {

struct Pipeline {
  explicit Pipeline(std::pmr::memory_resource* memory)
      : added(memory), prefix(memory), suffix(memory) {}

  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  std::unique_ptr<SubwordModel> model;
  AddedTokens added;
  std::pmr::vector<int32_t> prefix;
  std::pmr::vector<int32_t> suffix;
  std::optional<int64_t> max_length;
};

// Requires a model.
std::unique_ptr<Tokenizer> MakeTokenizer(Pipeline pipeline);

}  // namespace waterline
