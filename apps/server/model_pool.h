// The models of a server, under one budget: loaded at the start or when they are asked for, and
// unloaded, the least recently used first, when another needs the room.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "batcher.h"
#include "waterline/engine.h"
#include "waterline/memory.h"

namespace waterline::server {

struct ModelSource {
  std::string name;  // As requests say.
  std::string path;  // As Engine::Load takes it.
};

struct ModelPoolOptions {
  std::vector<ModelSource> models;  // At least one; the first is what requests without a name mean.
  EngineOptions engine;             // memory_budget: of all models and `reserved`.
  size_t reserved = 0;              // Bytes of the budget that the server holds for requests.
  bool on_demand = false;           // Load each when it is first asked for.
  int calls = 2;                    // As BatcherOptions, of each model.
  std::chrono::milliseconds max_wait{5};
  // A batch of `texts` has been answered in `seconds`. By several threads at once.
  std::function<void(size_t texts, double seconds)> answered = [](size_t, double) {};
  // Something that an operator wants to know; no text. Must not call the pool.
  std::function<void(const std::string& event, const std::string& model,
                     const std::string& message)>
      report = [](const std::string&, const std::string&, const std::string&) {};
};

enum class ModelStatus { kUnloaded, kLoading, kLoaded, kFailed };

struct ModelState {
  std::string name;
  ModelStatus status = ModelStatus::kUnloaded;
  std::string error;                 // Of kFailed.
  std::optional<EngineStats> stats;  // Of kLoaded.
  bool relations = false;            // Whether it finds them, once it has been loaded;
  bool label_embeddings = false;     // whether it has a label encoder.
  BatcherState queue;
};

// Thread-safe.
class ModelPool {
 public:
  // Loads the models, unless they are loaded on demand. Errors: those of Engine::Load; kOverBudget
  // also when the models do not fit beside each other; kInvalidArgument  two of one name.
  static Result<std::unique_ptr<ModelPool>> Open(ModelPoolOptions options);
  ~ModelPool();

  // nullptr: there is no such model. "" is the first.
  Batcher* Find(std::string_view name);
  // The name that `name` stands for, of a model that there is.
  const std::string& NameOf(std::string_view name) const;

  std::vector<ModelState> States() const;
  const MemoryBudget& budget() const { return budget_; }

  // Loads the loaded models again, one after the other, from their files. Batches that run keep the
  // old one until they end; requests wait and none is dropped. A model that cannot be loaded again
  // stays what it was, unless both did not fit beside each other.
  void Reload();

 private:
  struct Slot;
  explicit ModelPool(ModelPoolOptions options);

  void Answer(Slot& slot, const std::vector<BatchText>& batch);
  void ReportDefects(const Slot& slot, const std::vector<BatchText>& batch) const;
  Result<std::shared_ptr<const Engine>> Acquire(Slot& slot);
  void Release(Slot& slot);
  Result<Engine> Load(Slot& slot, std::unique_lock<std::mutex>& lock);
  bool UnloadOldest(const Slot& except, std::unique_lock<std::mutex>& lock);
  void Unload(Slot& slot, std::unique_lock<std::mutex>& lock);
  void Install(Slot& slot, Engine engine);

  const ModelPoolOptions options_;
  MemoryBudget budget_;
  MemoryLease reserved_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool loading_ = false;  // One at a time.
  uint64_t uses_ = 0;
  std::vector<std::unique_ptr<Slot>> slots_;
};

}  // namespace waterline::server
