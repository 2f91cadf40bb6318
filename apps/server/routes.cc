// SPDX-License-Identifier: Apache-2.0
#include "routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "json_writer.h"
#include "pages.h"

namespace waterline::server {
namespace {

// Pages load nothing and may be framed by nobody.
Response Page(std::string_view html) {
  Response response;
  response.content_type = "text/html; charset=utf-8";
  response.body = html;
  response.headers = {
      {"Content-Security-Policy",
       "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src "
       "'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"},
      {"Referrer-Policy", "no-referrer"}};
  return response;
}

Response Status(const char* status, int code = 200) {
  Response response;
  response.status = code;
  response.body = fmt::format("{{\"status\":\"{}\"}}\n", status);
  return response;
}

constexpr Route kRoutes[] = {
    {"/", "GET", true, false, [](const Routes&, Request&) -> Outcome { return Page(kIndexPage); }},
    {"/docs", "GET", true, false,
     [](const Routes&, Request&) -> Outcome { return Page(kDocsPage); }},
    {"/openapi.json", "GET", true, false,
     [](const Routes&, Request&) -> Outcome {
       Response response;
       response.body = kOpenApi;
       return response;
     }},
    {"/health/live", "GET", true, false,
     [](const Routes&, Request&) -> Outcome { return Status("live"); }},
    {"/health/ready", "GET", true, false,
     [](const Routes& routes, Request&) { return routes.Ready(); }},
    {"/metrics", "GET", false, false,
     [](const Routes& routes, Request&) { return routes.Expose(); }},
    {"/v1/models", "GET", false, false,
     [](const Routes& routes, Request&) { return routes.ListModels(); }},
    {"/v1/entities", "POST", false, true,
     [](const Routes& routes, Request& request) {
       return routes.AnswerTexts(AnswerKind::kEntities, request);
     }},
    {"/v1/relations", "POST", false, true,
     [](const Routes& routes, Request& request) {
       return routes.AnswerTexts(AnswerKind::kRelations, request);
     }},
    {"/v1/redact", "POST", false, true,
     [](const Routes& routes, Request& request) {
       return routes.AnswerTexts(AnswerKind::kRedaction, request);
     }},
    {"/v1/label-embeddings", "POST", false, false,
     [](const Routes& routes, Request& request) { return routes.AnswerLabelEmbeddings(request); }},
    {"/v1/plan", "POST", false, false,
     [](const Routes& routes, Request& request) { return routes.AnswerPlan(request); }},
};

const char* SchemaOf(AnswerKind kind, bool line) {
  switch (kind) {
    case AnswerKind::kEntities:
      return line ? "EntitiesLine" : "EntitiesRequest";
    case AnswerKind::kRelations:
      return line ? "RelationsLine" : "RelationsRequest";
    case AnswerKind::kRedaction:
      break;
  }
  return line ? "RedactLine" : "RedactRequest";
}

AnswerKind KindOf(const Route& route) {
  if (route.path == "/v1/relations") return AnswerKind::kRelations;
  return route.path == "/v1/redact" ? AnswerKind::kRedaction : AnswerKind::kEntities;
}

const char* NameOf(ModelStatus status) {
  switch (status) {
    case ModelStatus::kUnloaded:
      return "unloaded";
    case ModelStatus::kLoading:
      return "loading";
    case ModelStatus::kLoaded:
      return "loaded";
    case ModelStatus::kFailed:
      break;
  }
  return "failed";
}

void WriteModel(const ModelState& model, cli::JsonWriter& json) {
  json.StartObject();
  json.Field("name", model.name);
  json.Field("status", NameOf(model.status));
  if (model.stats) {
    const EngineStats& stats = *model.stats;
    json.Key("relations");
    json.Bool(model.relations);
    json.Key("label_embeddings");
    json.Bool(model.label_embeddings);
    json.Field("dtype", PrecisionName(stats.dtype));
    json.IntField("threads", stats.threads);
    json.Key("memory");
    json.StartObject();
    json.SizeField("budget", stats.memory_budget);
    json.SizeField("in_use", stats.in_use);
    json.SizeField("weights", stats.weights);
    json.SizeField("tokenizer", stats.tokenizer);
    json.SizeField("staging", stats.staging);
    json.SizeField("staging_in_use", stats.staging_in_use);
    json.SizeField("workspace", stats.workspace);
    json.SizeField("workspace_in_use", stats.workspace_in_use);
    json.SizeField("workspace_peak", stats.workspace_peak);
    json.SizeField("last_plan", stats.last_plan);
    json.EndObject();
  }
  json.Key("queue");
  json.StartObject();
  json.SizeField("requests", model.queue.jobs);
  json.IntField("tokens", model.queue.tokens);
  json.IntField("running", model.queue.running);
  json.EndObject();
  json.EndObject();
}

// {"model": ...}, with the members that `write` adds.
template <typename Write>
Response AnswerOf(std::string_view model, const Write& write) {
  Response response;
  cli::JsonWriter json(response.body);
  json.StartObject();
  json.Field("model", model);
  write(json);
  json.EndObject();
  response.body += '\n';
  return response;
}

}  // namespace

Routes::Routes(ModelPool& pool, const Admission& admission, const Metrics& metrics,
               RouteOptions options)
    : pool_(pool),
      admission_(admission),
      metrics_(metrics),
      options_(std::move(options)),
      schemas_(kOpenApi) {}

const Route* Routes::Find(std::string_view path) {
  for (const Route& route : kRoutes) {
    if (route.path == path) return &route;
  }
  return nullptr;
}

RequestSettings Routes::Defaults() const {
  RequestSettings settings;
  settings.timeout = options_.timeout;
  settings.redaction.key = options_.hash_key;
  return settings;
}

std::variant<Problem, Routes::Asked> Routes::Read(Request& request, const char* schema) const {
  Asked asked{std::make_shared<Job>(), {}, Defaults()};
  asked.job->client = request.client;
  asked.job->body = std::move(request.body);
  if (auto problem = ParseJson(asked.job->body, options_.json, asked.document)) return *problem;
  if (auto problem = schemas_.Check(schema, asked.document)) return *problem;
  if (auto problem = ReadSettings(asked.document, asked.settings)) return *problem;
  return asked;
}

Outcome Routes::AnswerTexts(AnswerKind kind, Request& request) const {
  auto read = Read(request, SchemaOf(kind, false));
  if (auto* problem = std::get_if<Problem>(&read)) return std::move(*problem);
  auto& [job, document, settings] = std::get<Asked>(read);
  auto preset = ApplyPreset(settings);
  if (auto* problem = std::get_if<Problem>(&preset)) return std::move(*problem);
  if (!settings.labels) return Missing("/labels");
  auto made = MakePending(job, ReadTexts(document), settings);
  if (auto* problem = std::get_if<Problem>(&made)) return std::move(*problem);
  auto& pending = std::get<Pending>(made);
  pending.finish = [format = AnswerFormat{kind, settings.call.offsets, settings.redaction,
                                          std::get<PresetPointer>(preset)},
                    one = document["text"].IsString(), model = pool_.NameOf(settings.model)](
                       const Job& done) -> std::variant<Response, Problem> {
    if (one && done.results.front().error) return ProblemOf(*done.results.front().error);
    return AnswerOf(model, [&](cli::JsonWriter& json) {
      json.Key("results");
      json.StartArray();
      for (size_t i = 0; i < done.texts.size(); ++i) {
        json.StartObject();
        WriteAnswer(format, done, i, json);
        json.EndObject();
      }
      json.EndArray();
      WriteTiming(done, json);
    });
  };
  return std::move(pending);
}

std::variant<Problem, PresetPointer> Routes::ApplyPreset(RequestSettings& settings) const {
  if (settings.preset.empty()) return PresetPointer();
  const Result<PresetPointer> preset = presets_.Find(settings.preset);
  if (!preset.ok()) return ProblemOf(preset.error());
  const redaction::Rules& rules = (*preset)->rules;
  std::vector<Label> labels;
  if (settings.labels) labels = *settings.labels;
  for (const Label& label : rules.labels) {
    const auto same = [&](const Label& one) { return one.name == label.name; };
    if (std::none_of(labels.begin(), labels.end(), same)) labels.push_back(label);
  }
  settings.labels = std::make_shared<const std::vector<Label>>(std::move(labels));
  settings.redaction.of_labels.insert(rules.replacements.begin(), rules.replacements.end());
  return *preset;
}

std::variant<Problem, Pending> Routes::MakePending(std::shared_ptr<Job> job,
                                                   const std::vector<std::string_view>& texts,
                                                   const RequestSettings& settings) const {
  if (draining_) return Problem{503, "shutting_down", "the server is shutting down"};
  Batcher* const batcher = pool_.Find(settings.model);
  if (batcher == nullptr) {
    return Problem{404, "unknown_model",
                   "there is no model of this name; GET /v1/models lists them", "/model"};
  }
  job->settings = settings.call;
  for (const std::string_view text : texts) {
    job->texts.push_back({text, settings.labels, settings.relations, settings.threshold});
  }
  return Pending{std::move(job), batcher, settings.timeout, {}};
}

Outcome Routes::AnswerPlan(Request& request) const {
  auto read = Read(request, "PlanRequest");
  if (auto* problem = std::get_if<Problem>(&read)) return std::move(*problem);
  auto& [job, document, settings] = std::get<Asked>(read);
  settings.call.kind = JobKind::kPlan;
  auto made = MakePending(job, ReadTexts(document), settings);
  if (auto* problem = std::get_if<Problem>(&made)) return std::move(*problem);
  auto& pending = std::get<Pending>(made);
  pending.finish =
      [model = pool_.NameOf(settings.model)](const Job& done) -> std::variant<Response, Problem> {
    if (done.error) return ProblemOf(*done.error);
    if (!done.plan->refused.empty()) return ProblemOf(done.plan->refused.front().error);
    return AnswerOf(model, [&](cli::JsonWriter& json) { WritePlan(*done.plan, json); });
  };
  return std::move(pending);
}

Outcome Routes::AnswerLabelEmbeddings(Request& request) const {
  auto read = Read(request, "LabelEmbeddingsRequest");
  if (auto* problem = std::get_if<Problem>(&read)) return std::move(*problem);
  auto& [job, document, settings] = std::get<Asked>(read);
  settings.call.kind = JobKind::kEmbedLabels;
  auto made = MakePending(job, {std::string_view()}, settings);
  if (auto* problem = std::get_if<Problem>(&made)) return std::move(*problem);
  auto& pending = std::get<Pending>(made);
  pending.finish =
      [model = pool_.NameOf(settings.model)](const Job& done) -> std::variant<Response, Problem> {
    if (done.error) {
      Problem problem = ProblemOf(*done.error);
      if (done.error->subject == Subject::kModel) {  // The engine's message names a directory.
        problem.message = "this model has no label encoder: it reads labels with each text";
      }
      return problem;
    }
    return AnswerOf(model, [&](cli::JsonWriter& json) { WriteLabelVectors(*done.vectors, json); });
  };
  return std::move(pending);
}

Outcome Routes::ListModels() const {
  Response response;
  cli::JsonWriter json(response.body);
  json.StartObject();
  json.Key("models");
  json.StartArray();
  for (const ModelState& model : pool_.States()) WriteModel(model, json);
  json.EndArray();
  json.Key("memory");
  json.StartObject();
  json.SizeField("budget", pool_.budget().limit());
  json.SizeField("in_use", pool_.budget().in_use());
  json.SizeField("peak", pool_.budget().peak());
  json.EndObject();
  const AdmissionState admitted = admission_.State();
  json.Key("admitted");
  json.StartObject();
  json.SizeField("requests", admitted.requests);
  json.SizeField("bytes", admitted.bytes);
  json.EndObject();
  json.EndObject();
  response.body += '\n';
  return response;
}

Outcome Routes::Expose() const {
  Response response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = metrics_.Expose(pool_.States(), admission_.State(), pool_.budget());
  return response;
}

Outcome Routes::Ready() const {
  if (draining_) return Problem{503, "shutting_down", "the server is shutting down"};
  return Status("ready");
}

LineStream::LineStream(const Routes& routes, const Route& route, std::string client)
    : routes_(routes),
      kind_(KindOf(route)),
      client_(std::move(client)),
      defaults_(routes.Defaults()) {}

std::string LineStream::Refuse(const Problem& problem, int64_t number, std::string_view id) {
  std::string line;
  cli::JsonWriter json(line);
  json.StartObject();
  if (!id.empty()) {
    json.Key("id");
    json.RawValue(id);
  }
  json.IntField("line", number);
  WriteError(problem, {}, json);
  json.EndObject();
  line += '\n';
  return line;
}

namespace {

// The "id" of a line as JSON; "" where there is none.
std::string IdOf(const rapidjson::Document& document) {
  const auto found = document.FindMember("id");
  if (found == document.MemberEnd()) return {};
  std::string id;
  cli::JsonWriter json(id);
  if (found->value.IsString()) {
    json.String({found->value.GetString(), found->value.GetStringLength()});
  } else {
    json.Int(found->value.GetInt64());
  }
  return id;
}

}  // namespace

std::variant<std::string, Pending> LineStream::Take(std::string line, int64_t number) {
  if (line.find_first_not_of(" \t") == line.npos) return std::string();
  const auto job = std::make_shared<Job>();
  job->client = client_;
  job->body = std::move(line);
  rapidjson::Document document;
  if (auto problem = ParseJson(job->body, routes_.options().json, document)) {
    return Refuse(*problem, number, {});
  }
  if (auto problem = routes_.schemas().Check(SchemaOf(kind_, true), document)) {
    return Refuse(*problem, number, {});
  }
  const std::string id = IdOf(document);
  RequestSettings settings = defaults_;
  if (auto problem = ReadSettings(document, settings)) return Refuse(*problem, number, id);
  const std::vector<std::string_view> texts = ReadTexts(document);
  if (texts.empty()) {
    defaults_ = settings;
    return std::string();
  }
  auto preset = routes_.ApplyPreset(settings);
  if (auto* problem = std::get_if<Problem>(&preset)) return Refuse(*problem, number, id);
  if (!settings.labels) return Refuse(Missing("/labels"), number, id);
  if (kind_ == AnswerKind::kRelations && !settings.relations) {
    return Refuse(Missing("/relations"), number, id);
  }
  auto made = routes_.MakePending(job, texts, settings);
  if (auto* problem = std::get_if<Problem>(&made)) return Refuse(*problem, number, id);
  auto& pending = std::get<Pending>(made);
  pending.finish = [format = AnswerFormat{kind_, settings.call.offsets, settings.redaction,
                                          std::get<PresetPointer>(preset)},
                    id, number](const Job& done) -> std::variant<Response, Problem> {
    Response response;
    cli::JsonWriter json(response.body);
    json.StartObject();
    if (!id.empty()) {
      json.Key("id");
      json.RawValue(id);
    }
    json.IntField("line", number);
    WriteAnswer(format, done, 0, json);
    json.EndObject();
    response.body += '\n';
    return response;
  };
  return std::move(pending);
}

}  // namespace waterline::server
