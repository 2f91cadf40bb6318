// Text inside HTML and SVG.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace waterline::cli {

// `text` as content of an element, or as an attribute between double quotes.
std::string EscapeMarkup(std::string_view text);

}  // namespace waterline::cli
