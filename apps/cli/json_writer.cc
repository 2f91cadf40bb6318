// SPDX-License-Identifier: Apache-2.0
#include "json_writer.h"

#include <fmt/format.h>

namespace waterline::cli {

std::string FormatDouble(double value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

}  // namespace waterline::cli
