// What a Prometheus server reads: counters and histograms that are kept, gauges that are asked for.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "admission.h"
#include "model_pool.h"
#include "waterline/engine.h"

namespace waterline::server {

// How a request went.
struct RequestRecord {
  std::string_view route;  // A path of openapi.json, or "other".
  int status = 0;          // 0: the client was gone before there was an answer.
  double total_seconds = 0;
  double queue_seconds = -1;  // Of requests that an engine answered; else negative.
  double compute_seconds = -1;
};

// Thread-safe.
class Metrics {
 public:
  Metrics();
  ~Metrics();

  void CountRequest(const RequestRecord& record);
  void CountPass(const BatchReport& report);
  void CountBatch(size_t texts, double seconds);
  void CountLostLog();
  void CountConnection(int change);
  int64_t connections() const;

  // The text exposition format. `models`, `admission` and `budget` are what they are now.
  std::string Expose(const std::vector<ModelState>& models, const AdmissionState& admission,
                     const MemoryBudget& budget) const;

 private:
  struct Series;
  std::unique_ptr<Series> series_;
};

}  // namespace waterline::server
