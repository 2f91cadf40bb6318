// SPDX-License-Identifier: Apache-2.0
#include "serve_arguments.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <limits>
#include <string>

#include "byte_size.h"
#include "duration.h"
#include "flag_values.h"

namespace waterline::cli {
namespace {

constexpr char kExamples[] =
    R"(The server answers JSON over HTTP/1.1: GET /docs describes it, GET /openapi.json for programs,
GET / is a page to try the models on. Without --api-keys whoever reaches the port may use it; it
listens on this machine alone unless --host says otherwise.

SIGTERM: requests that run are answered, new ones refused with 503, then the program ends with 0, or
after --grace with 1. SIGHUP: models, keys and certificate are read again, no request is dropped.

Examples:
  waterline serve
  waterline serve --memory-budget 1GiB --model news=models/news --model pii=models/pii --on-demand
  waterline serve --host 0.0.0.0 --api-keys keys.txt --tls-certificate cert.pem --tls-key key.pem
  curl -s localhost:8080/v1/entities -H 'Content-Type: application/json' \
    -d '{"text": "Ada Lovelace lived in London.", "labels": ["person", "city"]}')";

// "NAME=MODEL", or a model whose name is the last part of its path.
std::string ReadModel(const std::string& text, server::ServerOptions& options) {
  const size_t equals = text.find('=');
  server::ModelSource source;
  source.path = equals == text.npos ? text : text.substr(equals + 1);
  if (equals != text.npos) {
    source.name = text.substr(0, equals);
  } else {
    std::string path = text;
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    source.name = path.substr(path.rfind('/') + 1);
  }
  if (source.name.empty() || source.path.empty()) {
    return "'" + text + "' is not a model or NAME=MODEL";
  }
  options.models.push_back(source);
  return {};
}

CLI::Option* AddSize(CLI::App& command, const std::string& names, const std::string& help,
                     size_t& size) {
  return AddParsed(command, names, help,
                   [&size](const std::string& text) {
                     const Result<size_t> bytes = ParseByteSize(text);
                     if (!bytes.ok()) return bytes.error().message;
                     size = *bytes;
                     return std::string();
                   })
      ->option_text("B");
}

CLI::Option* AddTime(CLI::App& command, const std::string& names, const std::string& help,
                     std::chrono::milliseconds least, std::chrono::milliseconds& time) {
  return AddParsed(command, names, help,
                   [&time, least](const std::string& text) {
                     const Result<std::chrono::milliseconds> parsed = ParseDuration(text);
                     if (!parsed.ok()) return parsed.error().message;
                     if (*parsed < least) return "'" + text + "' is too short";
                     time = *parsed;
                     return std::string();
                   })
      ->option_text("TIME");
}

void AddModelFlags(CLI::App& command, ServeArguments& arguments) {
  AddParsed(command, "--model,-m",
            "Directory of a GLiNER checkpoint, or a hub id in the local Hugging Face\n"
            "cache, as MODEL or NAME=MODEL; may be given several times, and requests\n"
            "that name none get the first; without it the model that ships with Waterline",
            [&arguments](const std::string& text) { return ReadModel(text, arguments.server); })
      ->option_text("M")
      ->expected(1, std::numeric_limits<int>::max())
      ->allow_extra_args(false)
      ->trigger_on_parse()
      ->group("Model");
  command
      .add_flag("--on-demand", arguments.server.on_demand,
                "Load a model when it is first asked for, and unload the one that was not\n"
                "used for longest when there is no room; without it all are loaded first")
      ->group("Model");
  AddEngineFlags(command, arguments.run);
  AddParsed(command, "--idle-trim",
            "After this long without a text give the workspace back to the system; 0,\n"
            "the default: never",
            [&arguments](const std::string& text) {
              const Result<std::chrono::milliseconds> time = ParseDuration(text);
              if (!time.ok()) return time.error().message;
              arguments.run.engine.idle_trim = *time;
              return std::string();
            })
      ->option_text("TIME")
      ->group("Model");
}

void AddListenFlags(CLI::App& command, server::ServerOptions& options) {
  const char* group = "Listening";
  command.add_option("--host", options.host, "Address to listen on (127.0.0.1)")
      ->option_text("A")
      ->group(group);
  AddParsed(command, "--port,-p", "Port to listen on (8080); 0: any that is free",
            [&options](const std::string& text) {
              int port = 0;
              const std::string wrong = ReadInteger(text, 0, port);
              if (!wrong.empty() || port > std::numeric_limits<uint16_t>::max()) {
                return "'" + text + "' is not a port from 0 to 65535";
              }
              options.port = static_cast<uint16_t>(port);
              return std::string();
            })
      ->option_text("N")
      ->group(group);
  AddInteger(command, "--http-threads", "Threads for HTTP and JSON, beside --threads (1)", 1,
             options.http_threads)
      ->option_text("N")
      ->group(group);
  command
      .add_option("--api-keys", options.api_keys,
                  "File of lines NAME KEY: who may ask, with Authorization: Bearer KEY")
      ->option_text("F")
      ->group(group);
  command.add_option("--tls-certificate", options.tls_certificate, "PEM file: serve HTTPS")
      ->option_text("F")
      ->group(group);
  command.add_option("--tls-key", options.tls_key, "PEM file: the key of the certificate")
      ->option_text("F")
      ->group(group);
  command
      .add_option("--cors-origin", options.cors_origins,
                  "Origin of pages that may ask, as https://example.org; may be given several\n"
                  "times; without it browsers let no other page ask")
      ->option_text("O")
      ->allow_extra_args(false)
      ->group(group);
  command
      .add_option("--redact-key", options.hash_key_file,
                  "File of 32 bytes or more that the hashes of /v1/redact depend on; without\n"
                  "it they change with every start")
      ->option_text("F")
      ->group(group);
  command
      .add_option("--log", options.log,
                  "File for one line of JSON for each request; -: none; without it standard\n"
                  "error")
      ->option_text("F")
      ->group(group);
}

void AddLimitFlags(CLI::App& command, server::ServerOptions& options) {
  using std::chrono::milliseconds;
  const char* group = "Limits";
  AddTime(command, "--max-wait",
          "While the engine is busy, how long a batch that is not full waits (5ms)",
          milliseconds(0), options.max_wait)
      ->group(group);
  AddInteger<size_t>(command, "--max-queue", "Most requests that wait or run (1024)", 2,
                     options.max_queue)
      ->option_text("N")
      ->group(group);
  AddSize(command, "--max-queue-bytes",
          "Most bytes of their bodies, set aside of the memory budget (16MiB)",
          options.max_queue_bytes)
      ->group(group);
  AddSize(command, "--max-body", "Most bytes of a body, or a line of a stream, decoded (4MiB)",
          options.max_body)
      ->group(group);
  AddInteger<size_t>(command, "--max-connections", "Most open connections (8192)", 1,
                     options.max_connections)
      ->option_text("N")
      ->group(group);
  AddTime(command, "--timeout", "For requests that set none (30s)", milliseconds(1),
          options.timeout)
      ->group(group);
  AddTime(command, "--header-timeout", "Most time for a header to come (10s)", milliseconds(1),
          options.header_timeout)
      ->group(group);
  AddTime(command, "--body-timeout",
          "Most time for a body to come, or for the next piece of a stream (30s)", milliseconds(1),
          options.body_timeout)
      ->group(group);
  AddTime(command, "--idle-timeout", "Most time between requests of a connection (75s)",
          milliseconds(1), options.idle_timeout)
      ->group(group);
  AddTime(command, "--write-timeout", "Most time for an answer to be taken (30s)", milliseconds(1),
          options.write_timeout)
      ->group(group);
  AddTime(command, "--grace", "Most time from SIGTERM to the end (30s)", milliseconds(0),
          options.grace)
      ->group(group);
}

}  // namespace

void AddServeFlags(CLI::App& command, ServeArguments& arguments) {
  AddListenFlags(command, arguments.server);
  AddLimitFlags(command, arguments.server);
  AddModelFlags(command, arguments);
  command.footer(kExamples);
}

}  // namespace waterline::cli
