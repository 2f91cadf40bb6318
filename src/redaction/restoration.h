// The way back: redacted texts with what was there before.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "waterline/result.h"

namespace waterline::redaction {

// One stretch of a redacted text.
struct ReplacedPart {
  size_t start = 0;  // In the redacted text, in code points.
  size_t end = 0;
  std::string replacement;  // What stands there,
  std::string text;         // and what stood there.
};

struct RestoredText {
  std::string text;
  // The redacted text was not the one that the parts are of, so that each replacement was looked
  // for by its name.
  bool by_name = false;
  size_t missing = 0;  // Parts whose replacement no longer occurs; only by name.
};

// Puts `parts` back into `redacted`, valid UTF-8, at their places: every replacement must stand at
// its own. With `changed` it need not (a model's answer, an edit); then each replacement is put
// back wherever it stands as a whole word, case and all. Errors: kInvalidArgument  a replacement
// does not stand at its place; with `changed`, one stands
//                           for different texts, or is a mask.
Result<RestoredText> Restore(std::string_view redacted, const std::vector<ReplacedPart>& parts,
                             bool changed = false);

}  // namespace waterline::redaction
