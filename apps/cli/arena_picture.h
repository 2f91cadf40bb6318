// The workspace of one pass as a picture: time across, bytes up, a rectangle for each buffer.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "waterline/engine.h"

namespace waterline::cli {

// An SVG document. `batch` has its buffers; `model` is the name in the title, `workspace` the bytes
// that the pass may have. Buffers of one name have one colour, the names with the most bytes times
// steps the most distinct ones. Names stand in the rectangles that have room; every rectangle has a
// tooltip with its name, bytes and lifetime; a legend has every name. Texts are escaped.
std::string DrawArena(const BatchPlan& batch, const std::string& model, size_t workspace);

}  // namespace waterline::cli
