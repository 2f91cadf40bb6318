// Requests and responses as routes see them: without sockets.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "job.h"
#include "json_writer.h"

namespace waterline::server {

class Batcher;

struct Request {
  std::string method;
  std::string path;  // Without the query.
  std::string client;
  std::string body;  // Decoded.
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers = {};
};

// Why a request was not served.
struct Problem {
  int status = 400;
  std::string code;                  // "invalid_argument"; of a Code, or of HTTP.
  std::string message;               // One sentence.
  std::string field = {};            // JSON pointer into the body; "" for none.
  std::optional<size_t> limit = {};  // What was exceeded.
};

// The status is that of the code, the field that of the subject.
Problem ProblemOf(const Error& error);
// "error": why, with the id of the request where there is one.
void WriteError(const Problem& problem, std::string_view request_id, cli::JsonWriter& json);
Response ToResponse(const Problem& problem, std::string_view request_id);

// An answer that a batcher has to compute.
struct Pending {
  std::shared_ptr<Job> job;
  Batcher* batcher = nullptr;
  std::chrono::milliseconds timeout{0};
  // The answer, when the job is done; not after its cancellation.
  std::function<std::variant<Response, Problem>(const Job& job)> finish;
};

using Outcome = std::variant<Response, Problem, Pending>;

}  // namespace waterline::server
