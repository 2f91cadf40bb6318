// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "scores/span_layer.h"

namespace waterline {

// The span modes "query", "mlp" and "cat"; see span_query.cc.
std::unique_ptr<SpanLayer> MakeSpanQuery(const GlinerConfig& config, Binder weights);
std::unique_ptr<SpanLayer> MakeSpanMlp(const GlinerConfig& config, Binder weights);
std::unique_ptr<SpanLayer> MakeSpanCat(const GlinerConfig& config, Binder weights);

}  // namespace waterline
