// SPDX-License-Identifier: Apache-2.0
#include "http_message.h"

#include "json_writer.h"

namespace waterline::server {
namespace {

// What of the request `error` is about, as a JSON pointer; "" for none.
const char* FieldOf(const Error& error) {
  if (error.code == Code::kOverBudget && error.subject == Subject::kNone) return "/text";
  switch (error.subject) {
    case Subject::kText:
      return "/text";
    case Subject::kLabels:
      return "/labels";
    case Subject::kRelations:
      return "/relations";
    case Subject::kThreshold:
      return "/threshold";
    case Subject::kModel:
      return "/model";
    case Subject::kNone:
      break;
  }
  return "";
}

}  // namespace

Problem ProblemOf(const Error& error) {
  int status = 500;
  switch (error.code) {
    case Code::kInvalidArgument:
    case Code::kUnsupported:
      // A model that cannot do what is asked is not there for it.
      status = error.subject == Subject::kModel ? 404 : 422;
      break;
    case Code::kOverBudget:
      status = 413;
      break;
    case Code::kDeadline:
      status = 504;
      break;
    case Code::kCancelled:
    case Code::kIo:
    case Code::kNotFound:
      status = 503;
      break;
    case Code::kBadModel:
    case Code::kInternal:
      break;
  }
  // What went wrong inside names files, which are nobody's business but the operator's.
  const bool inside = status == 500 || error.code == Code::kIo || error.code == Code::kNotFound;
  return {status, CodeName(error.code),
          inside ? "the server could not answer: its log says more" : error.message,
          FieldOf(error)};
}

void WriteError(const Problem& problem, std::string_view request_id, cli::JsonWriter& json) {
  json.Key("error");
  json.StartObject();
  json.Field("code", problem.code);
  json.Field("message", problem.message);
  if (!problem.field.empty()) json.Field("field", problem.field);
  if (problem.limit) json.SizeField("limit", *problem.limit);
  if (!request_id.empty()) json.Field("request_id", request_id);
  json.EndObject();
}

Response ToResponse(const Problem& problem, std::string_view request_id) {
  Response response;
  response.status = problem.status;
  cli::JsonWriter json(response.body);
  json.StartObject();
  WriteError(problem, request_id, json);
  json.EndObject();
  response.body += '\n';
  if (problem.status == 429 || problem.status == 503)
    response.headers.emplace_back("Retry-After", "1");
  if (problem.status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

}  // namespace waterline::server
