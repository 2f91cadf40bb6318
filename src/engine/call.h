// One call of Extract or Plan: its texts in groups that staging holds, each group in passes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <memory_resource>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/engine_state.h"
#include "engine/request.h"
#include "waterline/engine.h"

namespace waterline {

// The texts of a call, however they were given.
class Documents {
 public:
  Documents(std::span<const Document> documents) : documents_(documents) {}  // NOLINT
  Documents(std::span<const std::string_view> texts) : texts_(texts) {}      // NOLINT

  size_t size() const { return documents_.size() + texts_.size(); }  // One of them is empty.
  Document operator[](size_t i) const {
    return documents_.empty() ? Document{.text = texts_[i]} : documents_[i];
  }

 private:
  std::span<const Document> documents_;
  std::span<const std::string_view> texts_;
};

// Allocates nothing but results outside of staging.
class Call {
 public:
  // Views must live as long as the call.
  Call(Engine::Impl& engine, Documents documents, std::span<const Label> labels,
       const ExtractOptions& options);

  // Runs the passes in memory of a lease.
  void UseWorkspace(Workspace& workspace);

  // Both may throw OverBudget and std::bad_alloc. Errors: as Engine::Extract.
  Result<std::vector<Extraction>> Extract();
  Result<RunPlan> Plan();
  // The labels of the call.
  Result<LabelVectors> EmbedLabels();

 private:
  // Documents [begin, end), whose words and tokens are in staging together.
  struct Group {
    size_t begin;
    size_t end;
    size_t bytes;  // What they may take, with their labels.
  };
  // In a pass of the turnstile; `alone` when nobody else is in it.
  struct Texts {
    explicit Texts(std::pmr::memory_resource* memory)
        : shared(LabelSets(memory)), own(memory), requests(memory) {}
    Result<LabelSets> shared;
    // Each pair of lists of documents once; nullptr: that of the call.
    std::pmr::map<std::pair<const std::vector<Label>*, const std::vector<std::string>*>,
                  Result<LabelSets>>
        own;
    std::pmr::vector<Request> requests;
    bool alone = false;
  };

  Result<void> Check() const;
  Result<void> CheckWindowWords() const;
  Result<void> CheckLabelVectors() const;
  Group NextGroup(size_t begin) const;
  Result<LabelSets> MakeLabels(std::span<const Label> labels,
                               std::span<const std::string> relations, bool alone) const;
  Result<void> FillVectors(bool alone, LabelSet& set) const;
  Result<void> MakeRequests(const Group& group, Texts& texts) const;
  void AddRequest(const Document& document, Texts& texts) const;
  void Prepare(Texts& texts) const;
  void PrepareOne(Request& request) const;
  void RunSequences(Texts& texts) const;
  void Run(Texts& texts) const;
  // Runs `fn` for 0 ... count - 1 on the workers, or one after another.
  void ForEach(int64_t count, bool in_order, FunctionRef<void(int64_t)> fn) const;
  Result<void> ExtractGroup(const Group& group, bool alone, std::span<Extraction> results,
                            std::vector<size_t>& starved) const;
  Result<void> PlanGroup(const Group& group, bool alone, RunPlan& plan,
                         std::vector<size_t>& starved);

  Engine::Impl& engine_;
  const LoadedModel& model_;
  const Documents documents_;
  const std::span<const Label> labels_;
  const ExtractOptions& options_;
  std::pmr::memory_resource* const staging_;
  PassSetup setup_;
};

}  // namespace waterline
