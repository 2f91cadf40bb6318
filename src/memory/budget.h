// The one number a user gives: how many bytes an engine may hold at once.
//
// Everything the engine allocates is taken from a Budget first, under a name that says what it is
// for. Taking fails, it never waits and never overdraws, so the sum is below the limit at any time.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <memory_resource>
#include <mutex>
#include <utility>

namespace waterline {

enum class Use {
  kWeights,    // Packed weights, position tables, the list of tensors.
  kTokenizer,  // Vocabulary, merges, normalisation tables.
  kStaging,    // Requests in flight: words, ids, batches, results that are not handed over yet.
  kWorkspace,  // The arena blocks that forward passes run in.
  kLoading,    // Transient buffers while a checkpoint is read; zero afterwards.
  kLeased,     // Set aside for the holder of a lease.
};
inline constexpr int kUses = 6;

// The name of `use` in reports: "weights", "tokenizer", ...
const char* UseName(Use use);

// Whose limit counts: the budget's and that of the larger one it is a part of, or its own alone
// (for what the larger one counts already).
enum class Reach { kAll, kOwn };

// Thread-safe. Must outlive every Reservation and BudgetResource made from it.
class Budget {
 public:
  // With a `whole`, what is taken is taken from that too, and fails when either lacks it.
  explicit Budget(size_t limit, std::shared_ptr<Budget> whole = nullptr)
      : limit_(limit), whole_(std::move(whole)) {}
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

  // Takes `bytes` for `use`; false, with nothing taken, when that would exceed the limit.
  [[nodiscard]] bool Take(size_t bytes, Use use, Reach reach = Reach::kAll);
  // Returns `bytes` taken for `use` with the same reach.
  void Give(size_t bytes, Use use, Reach reach = Reach::kAll);
  // Ends being a part of the whole, which goes on counting what was taken so far: whoever calls
  // this gives that back there one day.
  void Leave();

  size_t limit() const { return limit_; }
  size_t in_use() const;
  size_t in_use(Use use) const;
  size_t peak() const;         // Most bytes in use at once since construction,
  size_t recent_peak() const;  // and since ResetPeak.
  size_t available() const;    // What can be taken now.
  void ResetPeak();

 private:
  const size_t limit_;
  mutable std::mutex mutex_;  // Locked before that of the whole.
  std::shared_ptr<Budget> whole_;
  size_t in_use_ = 0;
  size_t peak_ = 0;
  size_t recent_peak_ = 0;
  std::array<size_t, kUses> by_use_{};
};

// Bytes taken from a budget, given back on destruction. Movable.
class Reservation {
 public:
  Reservation() = default;
  Reservation(Budget& budget, Use use, Reach reach = Reach::kAll)
      : budget_(&budget), use_(use), reach_(reach) {}
  Reservation(Reservation&& other) noexcept;
  Reservation& operator=(Reservation&& other) noexcept;
  ~Reservation();

  // Changes the size held to `bytes`; false, with nothing changed, when the budget lacks the rest.
  [[nodiscard]] bool Resize(size_t bytes);
  // Holds `bytes` that somebody has taken from the budget and will not give back himself.
  void Adopt(size_t bytes) { bytes_ += bytes; }
  size_t bytes() const { return bytes_; }

 private:
  Budget* budget_ = nullptr;
  Use use_ = Use::kLoading;
  Reach reach_ = Reach::kAll;
  size_t bytes_ = 0;
};

// Thrown by BudgetResource. Caught where the engine's public calls begin, and reported as
// kOverBudget; a plain std::bad_alloc there means that the machine itself refused.
class OverBudget : public std::bad_alloc {
 public:
  OverBudget(size_t wanted, size_t available) : wanted_(wanted), available_(available) {}
  const char* what() const noexcept override { return "over the memory budget"; }
  size_t wanted() const { return wanted_; }
  size_t available() const { return available_; }

 private:
  size_t wanted_;
  size_t available_;
};

// Lets standard containers (std::pmr) live inside a budget: every block is taken before it is
// allocated from the heap. Throws OverBudget when the budget lacks it. Thread-safe.
class BudgetResource final : public std::pmr::memory_resource {
 public:
  BudgetResource(Budget& budget, Use use) : budget_(budget), use_(use) {}

 private:
  void* do_allocate(size_t bytes, size_t alignment) override;
  void do_deallocate(void* block, size_t bytes, size_t alignment) override;
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }

  Budget& budget_;
  const Use use_;
};

}  // namespace waterline
