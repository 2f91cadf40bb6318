// SPDX-License-Identifier: Apache-2.0
#include "serve_command.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "diagnostics.h"
#include "exit_status.h"
#include "server.h"

namespace waterline::cli {

int RunServe(const ServeArguments& arguments) {
  server::ServerOptions options = arguments.server;
  options.engine = arguments.run.engine;
  if (options.models.empty()) options.models.push_back({"default", ""});
  const std::string scheme = options.tls_certificate.empty() ? "http" : "https";
  const std::string host =
      options.host.find(':') == std::string::npos ? options.host : "[" + options.host + "]";
  Result<std::unique_ptr<server::Server>> opened = server::Server::Open(std::move(options));
  if (!opened.ok()) {
    PrintError(opened.error().message);
    return kFatal;
  }
  PrintNote(fmt::format("listening on {}://{}:{}", scheme, host, (*opened)->port()));
  return (*opened)->Run() ? kSuccess : 1;
}

}  // namespace waterline::cli
