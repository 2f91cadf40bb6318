// Label texts through the label encoder, of bi-encoders.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <string_view>
#include <vector>

#include "base/function_ref.h"
#include "engine/model.h"
#include "engine/pass.h"
#include "waterline/result.h"

namespace waterline {

// Label texts as token ids, template included.
struct LabelTokens {
  std::pmr::vector<int32_t> ids;
  std::pmr::vector<int32_t> begins;  // [labels + 1]

  explicit LabelTokens(std::pmr::memory_resource* memory) : ids(memory), begins(1, 0, memory) {}
  size_t size() const { return begins.size() - 1; }
};

// Errors: kInvalidArgument  a label of more than `longest` tokens; names it.
//         kBadModel         a token id that the label encoder's vocabulary has no row for.
Result<LabelTokens> TokenizeLabels(std::span<const std::string_view> texts,
                                   const Checkpoint& checkpoint, int64_t longest,
                                   std::pmr::memory_resource* memory);

// Where the vectors of labels go: [labels, hidden_size] each; nullptr where they are not wanted.
struct LabelOutput {
  float* encoded = nullptr;   // As the label encoder makes them,
  float* prepared = nullptr;  // and as Head::Forward takes them.
};

// How passes run: `for_each` calls its function for 0 ... count - 1 in any order, on any thread.
struct LabelPasses {
  const PassSetup& setup;
  int64_t batch_tokens;
  FunctionRef<void(int64_t count, FunctionRef<void(int64_t)> fn)> for_each;
};

// Encodes labels in passes of up to `batch_tokens` tokens.
// Errors: kOverBudget, kDeadline, kCancelled, kIo  as passes over texts.
Result<void> EncodeLabels(const LabelPasses& passes, const LabelTokens& labels,
                          const LabelOutput& output);

// Rows of Network::stored_labels -> `to` [rows, width]. Errors and throws as PrepareLabels.
Result<void> ReadStoredLabels(Sites& sites, std::span<const int64_t> rows, float* to,
                              const WaitLimit& wait, std::pmr::memory_resource* memory);
// Prepares label vectors that are there: `encoded` [count, width] -> `prepared`.
// Errors: as Sites::Acquire, RunStage. Throws as RunStage.
Result<void> PrepareLabels(Sites& sites, const float* encoded, int64_t count, float* prepared,
                           const WaitLimit& wait, std::pmr::memory_resource* memory);

}  // namespace waterline
