// The rule files that come with the program.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace waterline::redaction {

// "pii", "hipaa", "gdpr-basic".
std::vector<std::string> PresetNames();

// The text of that preset's file, for ParseRules; empty: there is none of that name.
std::optional<std::string_view> PresetText(std::string_view name);

}  // namespace waterline::redaction
