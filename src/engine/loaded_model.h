// A checkpoint in memory, held once a process however many engines run it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "device/device.h"
#include "engine/model.h"
#include "engine/request.h"
#include "engine/sizing.h"
#include "memory/block.h"
#include "memory/budget.h"
#include "waterline/result.h"

namespace waterline {

// Immutable once it is made; safe from any thread. What it holds is counted in `memory` and, while
// it is loaded, in the budget of the engine that loads it.
struct LoadedModel {
  LoadedModel(size_t limit, std::shared_ptr<Budget> loader) : memory(limit, std::move(loader)) {}

  Budget memory;
  BudgetResource weights_memory{memory, Use::kWeights};
  BudgetResource tokenizer_memory{memory, Use::kTokenizer};
  Checkpoint checkpoint;
  Measure measure;
  // The network with its weights in one memory: the host's, or each device's of `settings`.
  struct Placement {
    Device* device = nullptr;        // nullptr: the host.
    std::unique_ptr<Budget> memory;  // Of a device; counts, and limits nothing.
    Block weights;
    Network network;
  };
  std::vector<Placement> placements;  // At least one.
  size_t in_file = 0;
  TextLimits limits;
  int64_t longest_label = 0;  // Tokens of a label of a model with a label encoder.

  // For what does not depend on where it runs.
  const Network& network() const { return placements.front().network; }
  SequenceTemplate around() const { return TemplateOf(*checkpoint.tokenizer); }
};

// An engine's hold on a model: what the model takes is counted in the engine's budget, and once in
// the budget that the engine shares with others that hold the same model.
class ModelShare {
 public:
  const LoadedModel& operator*() const { return *model_; }
  const LoadedModel* operator->() const { return model_.get(); }

 private:
  friend struct ModelLoader;
  struct Charge;
  // In this order, so that memory is given up before it stops being counted.
  std::shared_ptr<Budget> own_;
  Reservation weights_, tokenizer_;  // In own_.
  std::shared_ptr<Charge> whole_;    // In the shared budget; nullptr without one.
  std::shared_ptr<LoadedModel> model_;
};

// The checkpoint `name` (as Engine::Load takes it) for the kernels of `settings`: the one that the
// process holds, or a new one. `own` is the engine's budget, a part of `whole` unless that is
// nullptr. With settings.plan_only it is always a new one, without weights.
// Errors: as Engine::Load; kOverBudget and OverBudget when `own` lacks what it takes.
Result<ModelShare> ObtainModel(const std::string& name, const Settings& settings,
                               const std::shared_ptr<Budget>& own,
                               const std::shared_ptr<Budget>& whole);

}  // namespace waterline
