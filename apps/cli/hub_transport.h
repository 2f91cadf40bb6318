// HTTP, with libcurl. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "waterline/result.h"

namespace waterline::cli {

struct HttpReply {
  long status = 0;
  std::map<std::string, std::string> headers;  // Of the last response; names in lower case.
  std::string body;                            // Unless it went elsewhere.

  // "" for a header that is not there.
  std::string Header(const std::string& name) const;
};

// libcurl is loaded when it is needed first: it brings two dozen libraries, which would double the
// start of every command. For one thread.
class HubTransport {
 public:
  // Errors: kNotFound  libcurl.so.4 is not installed.
  static Result<HubTransport> Open();

  HubTransport(HubTransport&&) noexcept;
  HubTransport& operator=(HubTransport&&) noexcept;
  ~HubTransport();

  struct Request {
    std::string url;
    std::string token =
        {};               // Sent to the host of `url` alone, not where that redirects to; "": none.
    bool head = false;    // Headers alone.
    bool follow = false;  // Redirects are followed.
    uint64_t offset = 0;  // Of the first byte that is wanted.
    // Gets the body of a response that is no error, piece by piece, and its status; false: stop.
    std::function<bool(long status, std::string_view piece)> sink = {};
  };

  // Errors: kIo  no connection, or it broke; names the host and libcurl's words. HTTP's own errors
  // are replies. kCancelled  the sink said so.
  Result<HttpReply> Do(const Request& request);

 private:
  struct State;
  explicit HubTransport(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace waterline::cli
