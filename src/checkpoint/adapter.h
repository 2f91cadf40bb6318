// adapter_config.json: the LoRA adapter that a backbone was trained with.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "waterline/result.h"

namespace waterline {

// Low-rank updates of linear maps (Hu et al. 2021, "LoRA", arXiv:2106.09685): W + scale B A, with
// A [r, in] and B [out, r].
struct Adapter {
  double alpha = 8;              // lora_alpha
  bool rank_stabilised = false;  // use_rslora

  double scale(int64_t rank) const;  // alpha / r, or alpha / sqrt(r)
};

// Parses `directory`/adapter_config.json; nullopt when there is none.
// Errors: kBadModel     not JSON, a key of the wrong type.
//         kUnsupported  an adapter of another kind (peft_type, use_dora, rank_pattern, ...).
Result<std::optional<Adapter>> ReadAdapter(const std::filesystem::path& directory);

}  // namespace waterline
