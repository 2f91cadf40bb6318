// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string_view>

#include "ops/binder.h"
#include "ops/ops.h"

namespace waterline {

// Two linear maps with a ReLU between them (gliner modeling/layers.py, create_projection_layer).
struct Mlp {
  Weight up, down;

  static Mlp Bind(Binder& binder, std::string_view name, int64_t in, int64_t middle, int64_t out) {
    return {.up = binder.Linear(fmt::format("{}.0", name), middle, in),
            .down = binder.Linear(fmt::format("{}.3", name), out, middle)};
  }

  Mat Forward(Ops& ops, MatView x, const char* name) const {
    return ops.FeedForward(x, up, Act::kRelu, down, name);
  }
};

}  // namespace waterline
