// The HTTP server: sockets, signals, and the way from start to end.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "server_options.h"
#include "waterline/result.h"

namespace waterline::server {

class Server {
 public:
  // Loads the models and listens; requests wait until Run. Errors: those of ModelPool::Open and of
  // files that are named; kIo  the address cannot be listened on; kInvalidArgument  options that
  // contradict each other.
  static Result<std::unique_ptr<Server>> Open(ServerOptions options);
  ~Server();

  uint16_t port() const;  // That it listens on.

  // Serves until SIGTERM or SIGINT; then requests that run are answered, others refused, and it
  // returns when all is done (true), or after the grace time or a second signal (false). SIGHUP
  // reads the models, the keys and the certificate again.
  bool Run();

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace waterline::server
