// What the server answers, path by path, without sockets: pages/openapi.json describes it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "admission.h"
#include "answer_format.h"
#include "http_message.h"
#include "json_body.h"
#include "metrics.h"
#include "model_pool.h"
#include "redaction_presets.h"
#include "request_settings.h"

namespace waterline::server {

struct RouteOptions {
  std::chrono::milliseconds timeout{30'000};  // Of requests that name none.
  std::string hash_key;                       // Of the replacement "hash".
  JsonLimits json;
};

// What a path takes.
struct Route {
  std::string_view path;
  std::string_view method;  // GET routes answer HEAD, too.
  bool open = false;        // Needs no key.
  bool lines = false;       // Takes a stream of JSON lines, too.
  Outcome (*answer)(const class Routes& routes, Request& request) = nullptr;
};

// Thread-safe. What it refers to must outlive it.
class Routes {
 public:
  Routes(ModelPool& pool, const Admission& admission, const Metrics& metrics, RouteOptions options);

  static const Route* Find(std::string_view path);

  // Requests for inference are refused from now on, and readiness is.
  void Drain() { draining_ = true; }
  bool draining() const { return draining_; }

  const RouteOptions& options() const { return options_; }
  const Schemas& schemas() const { return schemas_; }

  // The request in the JSON `body` of one of the routes for texts.
  Outcome AnswerTexts(AnswerKind kind, Request& request) const;
  Outcome AnswerPlan(Request& request) const;
  Outcome AnswerLabelEmbeddings(Request& request) const;
  Outcome ListModels() const;
  Outcome Expose() const;
  Outcome Ready() const;

  // What holds for requests that do not say it themselves.
  RequestSettings Defaults() const;
  // A job for texts, or for one line of a stream: see LineStream.
  std::variant<Problem, Pending> MakePending(std::shared_ptr<Job> job,
                                             const std::vector<std::string_view>& texts,
                                             const RequestSettings& settings) const;
  // Adds to `settings` what its preset looks for, and returns the preset; nullptr: it has none.
  std::variant<Problem, PresetPointer> ApplyPreset(RequestSettings& settings) const;

 private:
  // What a body asks for. Texts are views of the job's body.
  struct Asked {
    std::shared_ptr<Job> job;
    rapidjson::Document document;
    RequestSettings settings;
  };
  // Takes the body, which has to fit the schema of this name. Problem: 400, 413 or 422.
  std::variant<Problem, Asked> Read(Request& request, const char* schema) const;

  mutable RedactionPresets presets_;
  ModelPool& pool_;
  const Admission& admission_;
  const Metrics& metrics_;
  const RouteOptions options_;
  const Schemas schemas_;
  std::atomic<bool> draining_ = false;
};

// The lines of one streamed request. A line is an object with the fields of the route's JSON, of
// which "text" is one string, and an "id" that comes back; one without "text" sets what later lines
// do not set themselves. For one thread.
class LineStream {
 public:
  LineStream(const Routes& routes, const Route& route, std::string client);

  // What line `number` asks for: an answer line at once ("" where there is none to give), or a job
  // whose response's body is the answer line.
  std::variant<std::string, Pending> Take(std::string line, int64_t number);

  // The answer to a line that has a problem.
  static std::string Refuse(const Problem& problem, int64_t number, std::string_view id);

 private:
  const Routes& routes_;
  AnswerKind kind_;
  std::string client_;
  RequestSettings defaults_;
};

}  // namespace waterline::server
