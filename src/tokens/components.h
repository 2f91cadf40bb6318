// Building normalisers, pre-tokenizers and templates from the JSON that describes them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <simdjson.h>

#include <memory_resource>
#include <string>
#include <vector>

#include "tokens/normalizer.h"
#include "tokens/pipeline.h"
#include "tokens/pre_tokenizer.h"
#include "waterline/result.h"

namespace waterline {

// Each appends the component `json` to what is there; null appends nothing. `key` is where it
// stands in the file, for messages. Errors: kUnsupported  a type, or an option of it, that is not
// known; names it.
//         kBadModel     a key that is missing or of another type, a broken precompiled map, more
//         than
//                       16 sequences inside each other.
Result<void> AddNormalizer(const simdjson::dom::element& json, const std::string& key,
                           std::pmr::memory_resource* memory, Normalizer& normalizer);
Result<void> AddPreTokenizer(const simdjson::dom::element& json, const std::string& key,
                             std::pmr::memory_resource* memory, PreTokenizer& pre_tokenizer);

// Appends the special tokens that the post-processor `json` puts before and behind one sequence.
// Errors: as above; kUnsupported also for a template that holds the sequence not exactly once.
Result<void> ReadPostProcessor(const simdjson::dom::element& json, const std::string& key,
                               Pipeline& pipeline);

// Reads the list of added tokens.
Result<std::vector<AddedToken>> ReadAddedTokens(const simdjson::dom::element& json,
                                                const std::string& key);

}  // namespace waterline
