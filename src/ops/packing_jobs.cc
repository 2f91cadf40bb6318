// SPDX-License-Identifier: Apache-2.0
#include "ops/packing_jobs.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <new>
#include <optional>

#include "base/thread_pool.h"
#include "memory/budget.h"

namespace waterline {
namespace {

constexpr int64_t kLineFloats = 16;  // 64 bytes.
constexpr int kMostThreads = 16;     // Beyond which memory is the limit, not arithmetic.

float* Aligned(std::pmr::vector<float>& floats) {
  const auto address = reinterpret_cast<uintptr_t>(floats.data());
  return reinterpret_cast<float*>((address + 63) / 64 * 64);
}

// Scratch for at most `threads` threads, at least for one.
std::pmr::vector<std::pmr::vector<float>> TakeScratch(int threads, int64_t floats,
                                                      std::pmr::memory_resource* memory) {
  std::pmr::vector<std::pmr::vector<float>> scratch(memory);
  try {
    scratch.reserve(static_cast<size_t>(threads));
    while (static_cast<int>(scratch.size()) < threads) {
      scratch.emplace_back(static_cast<size_t>(floats + kLineFloats));
    }
  } catch (const OverBudget&) {
    if (scratch.empty()) throw;
  }
  return scratch;
}

}  // namespace

size_t PackingJobs::KeptBytes(int64_t floats) {
  // With the vector that holds it, and what allocators round up to.
  return static_cast<size_t>(floats + kLineFloats) * sizeof(float) + 256;
}

float* PackingJobs::Keep(int64_t floats) {
  return Aligned(kept_.emplace_back(static_cast<size_t>(floats + kLineFloats)));
}

void PackingJobs::Run(int threads, int64_t scratch_floats, std::vector<std::string>& problems) {
  std::pmr::vector<std::pmr::vector<float>> scratch =
      TakeScratch(std::clamp(threads, 1, kMostThreads), scratch_floats, memory_);
  const auto workers = static_cast<int64_t>(scratch.size());
  std::optional<ThreadPool> pool;
  if (workers > 1) pool.emplace(static_cast<int>(workers), nullptr);

  struct Problem {
    int64_t piece = 0;
    std::string text;
  };
  std::mutex mutex;
  std::atomic<bool> refused = false;
  for (std::vector<Job>& jobs : stages_) {
    std::vector<int64_t> ends;  // Pieces of the jobs up to each.
    int64_t pieces = 0;
    for (const Job& job : jobs) ends.push_back(pieces += job.pieces);
    std::vector<Problem> found(jobs.size());
    std::atomic<int64_t> next = 0;
    const auto work = [&](int64_t worker) {
      float* memory = Aligned(scratch[static_cast<size_t>(worker)]);
      for (int64_t i; !refused && (i = next++) < pieces;) {
        const auto job =
            static_cast<size_t>(std::upper_bound(ends.begin(), ends.end(), i) - ends.begin());
        const int64_t piece = i - (ends[job] - jobs[job].pieces);
        try {
          std::string text = jobs[job].run(piece, memory);
          if (text.empty()) continue;
          const std::lock_guard lock(mutex);
          // Of the first piece that has one, whichever thread was first.
          if (found[job].text.empty() || piece < found[job].piece) {
            found[job] = {piece, std::move(text)};
          }
        } catch (const std::bad_alloc&) {
          refused = true;
        }
      }
    };
    if (pool) {
      pool->For(workers, work);
    } else {
      work(0);
    }
    if (refused) throw std::bad_alloc();
    for (Problem& problem : found) {
      const bool known =
          std::find(problems.begin(), problems.end(), problem.text) != problems.end();
      if (!problem.text.empty() && !known) problems.push_back(std::move(problem.text));
    }
    jobs.clear();
  }
}

}  // namespace waterline
