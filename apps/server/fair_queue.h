// Jobs that wait, handed out text by text so that each client gets an equal share of the tokens.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "job.h"

namespace waterline::server {

// One text of a job.
struct BatchText {
  std::shared_ptr<Job> job;
  size_t index = 0;
};

// Start-time fair queueing (Goyal, Vin, Cheng 1996) over clients, in order of arrival within one:
// who has been given the least tokens is next, and who comes new starts level with those who wait.
// Not thread-safe.
class FairQueue {
 public:
  void Push(std::shared_ptr<Job> job);  // With at least one text.

  // The texts of the next engine call: all of one CallSettings, in fair order, while their
  // estimated tokens stay within `tokens` (the first is taken in any case). Plans and label
  // embeddings come alone.
  std::vector<BatchText> Take(int64_t tokens);

  // Takes out the texts of `job` that wait. Returns whether there were any.
  bool Remove(const Job& job);

  size_t jobs() const { return jobs_; }
  int64_t tokens() const { return tokens_; }  // Estimated, of all texts that wait.
  std::optional<Clock::time_point> oldest() const;

 private:
  struct Flow {
    double start = 0;  // Virtual time at which its next text starts.
    std::list<std::shared_ptr<Job>> jobs;
  };
  using Flows = std::map<std::string, Flow, std::less<>>;

  void TakeText(Flows::iterator flow, std::vector<BatchText>& taken);

  Flows flows_;                                     // Of clients that wait.
  std::set<std::pair<double, std::string>> order_;  // Their starts.
  std::multiset<Clock::time_point> arrivals_;       // Of jobs that wait.
  double now_ = 0;                                  // Virtual time: the last start served.
  size_t jobs_ = 0;
  int64_t tokens_ = 0;
};

}  // namespace waterline::server
