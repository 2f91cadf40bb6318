// What an operator chooses. The defaults are safe on a machine that others use, too.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "json_body.h"
#include "model_pool.h"
#include "waterline/engine.h"

namespace waterline::server {

struct ServerOptions {
  std::vector<ModelSource> models;  // Empty: the model that ships with Waterline.
  bool on_demand = false;
  EngineOptions engine;

  std::string host = "127.0.0.1";  // An address, not a name.
  uint16_t port = 8080;            // 0: any that is free.
  int http_threads = 1;
  std::string api_keys;         // A file; "": no keys are asked for.
  std::string tls_certificate;  // PEM files; "": no TLS.
  std::string tls_key;
  std::vector<std::string> cors_origins;
  std::string hash_key_file;  // "": a random key.
  std::string log;            // A file; "": standard error, "-": none.

  std::chrono::milliseconds max_wait{5};
  size_t max_queue = 1024;                    // Requests.
  size_t max_queue_bytes = size_t{16} << 20;  // Set aside of the memory budget.
  size_t max_body = size_t{4} << 20;          // Bytes, decoded; of a line of a stream, too.
  size_t max_header = size_t{16} << 10;
  size_t max_connections = 8192;
  JsonLimits json;
  std::chrono::milliseconds timeout{30'000};         // Of requests that name none.
  std::chrono::milliseconds header_timeout{10'000};  // From its first byte,
  std::chrono::milliseconds body_timeout{30'000};    // from then on; of a stream: between pieces.
  std::chrono::milliseconds idle_timeout{75'000};    // Between requests.
  std::chrono::milliseconds write_timeout{30'000};   // Of an answer, or a piece of a stream.
  std::chrono::milliseconds grace{30'000};           // From SIGTERM to the end.
};

}  // namespace waterline::server
