// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "scores/span_layer.h"

namespace waterline {

// The span modes "conv_max", "conv_mean" and "conv_sum"; see span_conv.cc.
std::unique_ptr<SpanLayer> MakeSpanPool(const GlinerConfig& config, Pooling pooling,
                                        Binder weights);
// "conv_conv" and "conv_share".
std::unique_ptr<SpanLayer> MakeSpanConv(const GlinerConfig& config, Binder weights);
std::unique_ptr<SpanLayer> MakeSpanConvShare(const GlinerConfig& config, Binder weights);

}  // namespace waterline
