// Who may ask: the keys of a file.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "waterline/result.h"

namespace waterline::server {

// Immutable; safe from any thread.
class ApiKeys {
 public:
  // A line is "NAME KEY": the name of a client, which logs and metrics may show, white space, and
  // its key of 16 bytes or more, without white space. Blank lines and those that begin with # do
  // not count. A name may have several keys.
  // Errors: kInvalidArgument  a line of another form (names it, not its content), a key twice, no
  //         key at all.
  static Result<ApiKeys> Parse(std::string_view file);
  // The same of a file. Errors: kNotFound, kIo  it cannot be read.
  static Result<ApiKeys> Read(const std::string& path);

  // The client whose key this is. Takes the same time whichever key it is, or none.
  std::optional<std::string> ClientOf(std::string_view key) const;

 private:
  using Digest = std::array<unsigned char, 32>;  // SHA-256: keys themselves are not kept.
  struct Entry {
    Digest digest;
    std::string client;
  };
  std::vector<Entry> entries_;
};

}  // namespace waterline::server
