// SPDX-License-Identifier: Apache-2.0
#include "model_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine_call.h"

namespace waterline::server {

struct ModelPool::Slot {
  ModelSource source;
  ModelStatus status = ModelStatus::kUnloaded;
  std::string error;
  std::shared_ptr<const Engine> engine;
  bool unloading = false;  // No batch may begin.
  int users = 0;           // Batches that run.
  uint64_t last_use = 0;
  bool relations = false;
  bool label_embeddings = false;
  std::unique_ptr<Batcher> batcher;  // Last: its threads use the rest.
};

namespace {

// Whether the operator has to know: the client is told no more than that.
bool IsDefect(const Error& error) {
  return error.code == Code::kBadModel || error.code == Code::kIo ||
         error.code == Code::kInternal || error.code == Code::kNotFound;
}

// Whether the model finds relations: asked of the engine, which says what it cannot do.
bool FindsRelations(const Engine& engine) {
  const std::vector<Label> labels = {{.name = "person"}};
  const std::vector<std::string> relations = {"knows"};
  const Document document{.text = "a", .labels = &labels, .relations = &relations};
  const Result<RunPlan> plan = engine.Plan(std::span(&document, 1), {});
  return plan.ok() && plan->refused.empty();
}

bool EmbedsLabels(const Engine& engine) {
  const std::vector<Label> labels = {{.name = "person"}};
  return engine.EmbedLabels(labels).ok();
}

}  // namespace

ModelPool::ModelPool(ModelPoolOptions options)
    : options_(std::move(options)), budget_(options_.engine.memory_budget) {}

ModelPool::~ModelPool() {
  for (const std::unique_ptr<Slot>& slot : slots_) slot->batcher.reset();
}

Result<std::unique_ptr<ModelPool>> ModelPool::Open(ModelPoolOptions options) {
  std::unique_ptr<ModelPool> pool(new ModelPool(std::move(options)));
  const ModelPoolOptions& given = pool->options_;
  if (given.reserved > 0) {
    Result<MemoryLease> reserved = pool->budget_.Lease(given.reserved);
    if (!reserved.ok()) return reserved.error();
    pool->reserved_ = *std::move(reserved);
  }
  for (const ModelSource& source : given.models) {
    for (const std::unique_ptr<Slot>& other : pool->slots_) {
      if (other->source.name != source.name) continue;
      return Error{
          Code::kInvalidArgument,
          fmt::format("two models are named '{}': give them names as NAME=MODEL", source.name)};
    }
    pool->slots_.push_back(std::make_unique<Slot>());
    pool->slots_.back()->source = source;
  }
  if (!given.on_demand) {
    for (const std::unique_ptr<Slot>& slot : pool->slots_) {
      std::unique_lock lock(pool->mutex_);
      slot->users = 1;  // So that none of them is unloaded for another.
      Result<Engine> engine = pool->Load(*slot, lock);
      if (!engine.ok()) return engine.error();
      pool->Install(*slot, *std::move(engine));
    }
    for (const std::unique_ptr<Slot>& slot : pool->slots_) slot->users = 0;
  }
  for (const std::unique_ptr<Slot>& slot : pool->slots_) {
    BatcherOptions batching;
    batching.calls = given.calls;
    batching.max_wait = given.max_wait;
    if (slot->engine) {
      const EngineStats stats = slot->engine->Stats();
      batching.batch_tokens = std::max<int64_t>(256, 2 * stats.threads * stats.batch_tokens);
    }
    slot->batcher = std::make_unique<Batcher>(
        batching, [pool = pool.get(), &slot = *slot](const std::vector<BatchText>& batch) {
          pool->Answer(slot, batch);
        });
  }
  return pool;
}

Batcher* ModelPool::Find(std::string_view name) {
  if (name.empty()) return slots_.front()->batcher.get();
  for (const std::unique_ptr<Slot>& slot : slots_) {
    if (slot->source.name == name) return slot->batcher.get();
  }
  return nullptr;
}

const std::string& ModelPool::NameOf(std::string_view name) const {
  for (const std::unique_ptr<Slot>& slot : slots_) {
    if (slot->source.name == name) return slot->source.name;
  }
  return slots_.front()->source.name;
}

std::vector<ModelState> ModelPool::States() const {
  std::vector<ModelState> states;
  std::vector<std::shared_ptr<const Engine>> engines;
  {
    const std::lock_guard lock(mutex_);
    for (const std::unique_ptr<Slot>& slot : slots_) {
      ModelState& state = states.emplace_back();
      state.name = slot->source.name;
      state.status = slot->status;
      state.error = slot->error;
      state.relations = slot->relations;
      state.label_embeddings = slot->label_embeddings;
      engines.push_back(slot->engine);
    }
  }
  for (size_t i = 0; i < states.size(); ++i) {
    if (engines[i]) states[i].stats = engines[i]->Stats();
    if (slots_[i]->batcher) states[i].queue = slots_[i]->batcher->State();
  }
  return states;
}

void ModelPool::Answer(Slot& slot, const std::vector<BatchText>& batch) {
  Result<std::shared_ptr<const Engine>> engine = Acquire(slot);
  if (!engine.ok()) return RefuseBatch({Code::kIo, "the model cannot be loaded now"}, batch);
  const Clock::time_point start = Clock::now();
  AnswerBatch(**engine, batch);
  ReportDefects(slot, batch);
  options_.answered(batch.size(), std::chrono::duration<double>(Clock::now() - start).count());
  *engine = std::shared_ptr<const Engine>();  // Before others are told that it is free.
  Release(slot);
}

void ModelPool::ReportDefects(const Slot& slot, const std::vector<BatchText>& batch) const {
  for (const BatchText& text : batch) {
    const Job& job = *text.job;
    const std::optional<Error>& error =
        job.settings.kind == JobKind::kExtract ? job.results[text.index].error : job.error;
    if (error && IsDefect(*error)) {
      options_.report("text_failed", slot.source.name, error->message);
    }
  }
}

Result<std::shared_ptr<const Engine>> ModelPool::Acquire(Slot& slot) {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return !slot.unloading && (slot.engine || !loading_); });
    if (slot.engine) break;
    Result<Engine> engine = Load(slot, lock);
    if (!engine.ok()) return engine.error();
    Install(slot, *std::move(engine));
  }
  ++slot.users;
  slot.last_use = ++uses_;
  return slot.engine;
}

void ModelPool::Release(Slot& slot) {
  {
    const std::lock_guard lock(mutex_);
    --slot.users;
  }
  changed_.notify_all();
}

// Loads the model of `slot`, without the lock, and unloads others for it. Requires !loading_.
Result<Engine> ModelPool::Load(Slot& slot, std::unique_lock<std::mutex>& lock) {
  loading_ = true;
  const ModelStatus before = slot.status;
  if (!slot.engine) slot.status = ModelStatus::kLoading;
  EngineOptions options = options_.engine;
  options.shared_budget = budget_;
  // An equal part each; a model that needs more may take what is left.
  const size_t all = budget_.limit() - options_.reserved;
  options.memory_budget = all / slots_.size();
  std::optional<Result<Engine>> loaded;
  while (true) {
    lock.unlock();
    loaded.emplace(Engine::Load(slot.source.path, options));
    lock.lock();
    if (loaded->ok() || loaded->error().code != Code::kOverBudget) break;
    if (UnloadOldest(slot, lock)) continue;
    const size_t left = budget_.limit() - budget_.in_use();
    if (left <= options.memory_budget) break;
    options.memory_budget = left;
  }
  loading_ = false;
  if (!loaded->ok()) {
    slot.error = loaded->error().message;
    slot.status = slot.engine ? before : ModelStatus::kFailed;
    options_.report("model_failed", slot.source.name, slot.error);
  }
  changed_.notify_all();
  return *std::move(loaded);
}

// Unloads the model that was not used for longest, of those in `slots_` that no batch uses for
// good.
bool ModelPool::UnloadOldest(const Slot& except, std::unique_lock<std::mutex>& lock) {
  if (!options_.on_demand) return false;
  Slot* oldest = nullptr;
  for (const std::unique_ptr<Slot>& slot : slots_) {
    if (slot.get() == &except || !slot->engine || slot->unloading) continue;
    if (oldest == nullptr || slot->last_use < oldest->last_use) oldest = slot.get();
  }
  if (oldest == nullptr) return false;
  Unload(*oldest, lock);
  options_.report("model_unloaded", oldest->source.name, "to make room for " + except.source.name);
  return true;
}

void ModelPool::Unload(Slot& slot, std::unique_lock<std::mutex>& lock) {
  slot.unloading = true;
  changed_.wait(lock, [&] { return slot.users == 0; });
  slot.engine.reset();
  slot.status = ModelStatus::kUnloaded;
  slot.unloading = false;
  changed_.notify_all();
}

void ModelPool::Install(Slot& slot, Engine engine) {
  slot.relations = FindsRelations(engine);
  slot.label_embeddings = EmbedsLabels(engine);
  slot.engine = std::make_shared<const Engine>(std::move(engine));
  slot.status = ModelStatus::kLoaded;
  slot.error.clear();
  slot.last_use = ++uses_;
  options_.report("model_loaded", slot.source.name, "");
}

void ModelPool::Reload() {
  for (const std::unique_ptr<Slot>& slot : slots_) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !loading_ && !slot->unloading; });
    if (!slot->engine) continue;
    Result<Engine> engine = Load(*slot, lock);
    if (!engine.ok() && engine.error().code == Code::kOverBudget) {
      Unload(*slot, lock);
      changed_.wait(lock, [&] { return !loading_; });
      if (slot->engine) continue;  // A request was faster.
      engine = Load(*slot, lock);
    }
    if (engine.ok()) Install(*slot, *std::move(engine));
  }
}

}  // namespace waterline::server
