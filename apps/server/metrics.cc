// SPDX-License-Identifier: Apache-2.0
#include "metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>

namespace waterline::server {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;
using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;

using Buckets = Histogram::BucketBoundaries;

const Buckets kSeconds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                          0.5,   1,      2.5,   5,    10,    30,   60};
const Buckets kTexts = {1, 2, 4, 8, 16, 32, 64, 128, 256};
const Buckets kTokens = {16, 32, 64, 128, 256, 512, 1024, 2048, 4096};

}  // namespace

struct Metrics::Series {
  prometheus::Registry registry;

  Family<Counter>& requests = BuildCounter()
                                  .Name("waterline_requests_total")
                                  .Help("Requests by route and status; status 0: the client left")
                                  .Register(registry);
  Family<Histogram>& request_seconds = BuildHistogram()
                                           .Name("waterline_request_seconds")
                                           .Help("From the last byte of a request to its answer")
                                           .Register(registry);
  Family<Histogram>& queue_seconds = BuildHistogram()
                                         .Name("waterline_queue_seconds")
                                         .Help("From admission to the first text's batch")
                                         .Register(registry);
  Family<Histogram>& compute_seconds = BuildHistogram()
                                           .Name("waterline_compute_seconds")
                                           .Help("From the first text's batch to the last's end")
                                           .Register(registry);
  Family<Histogram>& batch_texts = BuildHistogram()
                                       .Name("waterline_batch_texts")
                                       .Help("Texts of an engine call")
                                       .Register(registry);
  Family<Histogram>& batch_seconds = BuildHistogram()
                                         .Name("waterline_batch_seconds")
                                         .Help("Time of an engine call")
                                         .Register(registry);
  Family<Histogram>& pass_tokens = BuildHistogram()
                                       .Name("waterline_pass_tokens")
                                       .Help("Tokens of a pass, prompts included")
                                       .Register(registry);
  Family<Counter>& tokens = BuildCounter()
                                .Name("waterline_tokens_total")
                                .Help("Tokens encoded, prompts included")
                                .Register(registry);
  Family<Counter>& texts =
      BuildCounter().Name("waterline_texts_total").Help("Texts answered").Register(registry);
  Family<Counter>& lost_logs = BuildCounter()
                                   .Name("waterline_log_lines_lost_total")
                                   .Help("Log lines that could not be written")
                                   .Register(registry);
  Family<Counter>& refused = BuildCounter()
                                 .Name("waterline_admission_refusals_total")
                                 .Help("Requests that found the queue full")
                                 .Register(registry);
  Family<Gauge>& connections =
      BuildGauge().Name("waterline_connections").Help("Open connections").Register(registry);
  Family<Gauge>& queue = BuildGauge()
                             .Name("waterline_queue")
                             .Help(
                                 "What waits for an engine: requests, tokens (estimated), and the "
                                 "age of the oldest in seconds")
                             .Register(registry);
  Family<Gauge>& admitted = BuildGauge()
                                .Name("waterline_admitted")
                                .Help("What is held for requests: their number, bytes of bodies")
                                .Register(registry);
  Family<Gauge>& memory = BuildGauge()
                              .Name("waterline_memory_bytes")
                              .Help(
                                  "The budget of all models and the queue, what of it is in use, "
                                  "the peak; and what is resident of the process")
                              .Register(registry);
  Family<Gauge>& model_memory = BuildGauge()
                                    .Name("waterline_model_memory_bytes")
                                    .Help("Memory of a loaded model, by part")
                                    .Register(registry);
  Family<Gauge>& model_loaded =
      BuildGauge().Name("waterline_model_loaded").Help("1: loaded").Register(registry);
  Family<Gauge>& model_refusals = BuildGauge()
                                      .Name("waterline_model_refusals")
                                      .Help("Texts that did not fit, since the model was loaded")
                                      .Register(registry);

  Counter& all_tokens = tokens.Add({});
  Counter& all_texts = texts.Add({});
  Counter& all_lost = lost_logs.Add({});
  Counter& all_refused = refused.Add({});
  Gauge& all_connections = connections.Add({});
  Histogram& all_batch_texts = batch_texts.Add({}, kTexts);
  Histogram& all_batch_seconds = batch_seconds.Add({}, kSeconds);
  Histogram& all_pass_tokens = pass_tokens.Add({}, kTokens);

  std::mutex exposing;  // Gauges are set and read together.
};

Metrics::Metrics() : series_(std::make_unique<Series>()) {}
Metrics::~Metrics() = default;

void Metrics::CountRequest(const RequestRecord& record) {
  const std::string route(record.route);
  Series& s = *series_;
  s.requests.Add({{"route", route}, {"status", std::to_string(record.status)}}).Increment();
  s.request_seconds.Add({{"route", route}}, kSeconds).Observe(record.total_seconds);
  if (record.queue_seconds >= 0) {
    s.queue_seconds.Add({{"route", route}}, kSeconds).Observe(record.queue_seconds);
  }
  if (record.compute_seconds >= 0) {
    s.compute_seconds.Add({{"route", route}}, kSeconds).Observe(record.compute_seconds);
  }
}

void Metrics::CountPass(const BatchReport& report) {
  series_->all_tokens.Increment(static_cast<double>(report.tokens));
  series_->all_pass_tokens.Observe(static_cast<double>(report.tokens));
}

void Metrics::CountBatch(size_t texts, double seconds) {
  series_->all_texts.Increment(static_cast<double>(texts));
  series_->all_batch_texts.Observe(static_cast<double>(texts));
  series_->all_batch_seconds.Observe(seconds);
}

void Metrics::CountLostLog() { series_->all_lost.Increment(); }

void Metrics::CountConnection(int change) {
  if (change > 0) {
    series_->all_connections.Increment();
  } else {
    series_->all_connections.Decrement();
  }
}

int64_t Metrics::connections() const {
  return static_cast<int64_t>(series_->all_connections.Value());
}

std::string Metrics::Expose(const std::vector<ModelState>& models, const AdmissionState& admission,
                            const MemoryBudget& budget) const {
  Series& s = *series_;
  const std::lock_guard lock(s.exposing);
  size_t resident = 0;
  for (const ModelState& model : models) {
    const auto queue = [&](const char* what, double value) {
      s.queue.Add({{"model", model.name}, {"what", what}}).Set(value);
    };
    queue("requests", static_cast<double>(model.queue.jobs));
    queue("tokens", static_cast<double>(model.queue.tokens));
    queue("oldest_seconds", model.queue.oldest.count());
    const EngineStats stats = model.stats.value_or(EngineStats{});
    resident = std::max(resident, stats.resident);
    const auto part = [&](const char* what, size_t bytes) {
      s.model_memory.Add({{"model", model.name}, {"part", what}}).Set(static_cast<double>(bytes));
    };
    part("weights", stats.weights);
    part("tokenizer", stats.tokenizer);
    part("staging", stats.staging);
    part("staging_in_use", stats.staging_in_use);
    part("workspace", stats.workspace);
    part("workspace_in_use", stats.workspace_in_use);
    part("workspace_peak", stats.workspace_peak);
    part("last_plan", stats.last_plan);
    s.model_loaded.Add({{"model", model.name}}).Set(model.status == ModelStatus::kLoaded ? 1 : 0);
    s.model_refusals.Add({{"model", model.name}}).Set(static_cast<double>(stats.refusals));
  }
  s.admitted.Add({{"what", "requests"}}).Set(static_cast<double>(admission.requests));
  s.admitted.Add({{"what", "bytes"}}).Set(static_cast<double>(admission.bytes));
  s.all_refused.Increment(static_cast<double>(admission.refusals) - s.all_refused.Value());
  s.memory.Add({{"what", "budget"}}).Set(static_cast<double>(budget.limit()));
  s.memory.Add({{"what", "in_use"}}).Set(static_cast<double>(budget.in_use()));
  s.memory.Add({{"what", "peak"}}).Set(static_cast<double>(budget.peak()));
  s.memory.Add({{"what", "resident"}}).Set(static_cast<double>(resident));
  return prometheus::TextSerializer().Serialize(s.registry.Collect());
}

}  // namespace waterline::server
