// Token ids -> hidden states. One file per backbone.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <memory_resource>
#include <optional>
#include <string>

#include "batch/batch.h"
#include "checkpoint/config.h"
#include "ops/binder.h"
#include "ops/ops.h"
#include "waterline/result.h"

namespace waterline {

// Where positions are relative no length is too long for the mathematics; this bounds the tables of
// distances and angles and keeps the quadratic cost of one sequence in sight. Longer texts are
// processed in windows.
inline constexpr int64_t kLongestSequence = 8192;

// Sees the hidden states of every layer as they are made.
class LayerTap {
 public:
  virtual ~LayerTap() = default;
  // Hidden states [T, width()] after the next layer, of all tokens, as transformers numbers them
  // (hidden_states[1], ...).
  virtual void Take(Ops& ops, MatView hidden) = 0;
};

// Immutable; safe from any thread.
class Encoder {
 public:
  virtual ~Encoder() = default;

  // Hidden states [R, width()] of the tokens batch.read.
  Mat Forward(Ops& ops, const Batch& batch) const { return Forward(ops, batch, nullptr); }
  // With a tap the last layer too is computed for all tokens, and what is returned is empty or
  // anything: all there is to read is what the tap has taken.
  virtual Mat Forward(Ops& ops, const Batch& batch, LayerTap* tap) const = 0;
  virtual int64_t width() const = 0;
  // How many hidden states a tap takes.
  virtual int64_t layers() const = 0;
  // Most tokens one sequence may have.
  virtual int64_t longest() const = 0;
};

// The encoder that `config` describes, with the weights below `weights`. Problems with tensors are
// noted in the binder's report. Tables of the encoder's own live in `memory`.
// Errors: kUnsupported  a backbone or an option of it that is not known here; names key and value.
Result<std::unique_ptr<Encoder>> MakeEncoder(const BackboneConfig& config, Binder weights,
                                             std::pmr::memory_resource* memory);

// The activation that a config calls `name` ("gelu", "relu", ...); nullopt when it is not known.
std::optional<Act> ParseAct(const std::string& name);

}  // namespace waterline
