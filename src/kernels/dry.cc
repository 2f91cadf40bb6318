// Sizes come from the kernels that will run.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/dry.h"

namespace waterline {

size_t DryKernels::PackedBytes(WeightType type, int64_t out, int64_t in) const {
  return like_.PackedBytes(type, out, in);
}

Rounding DryKernels::InputRounding(WeightType type) const { return like_.InputRounding(type); }

size_t DryKernels::LinearScratchBytes(int64_t rows, const Weight& w) const {
  return like_.LinearScratchBytes(rows, w);
}

size_t DryKernels::PackedLstmFloats(int64_t hidden) const { return like_.PackedLstmFloats(hidden); }

size_t DryKernels::AttentionScratchBytes(int64_t longest, int64_t head_width,
                                         const RelativeTerms* relative) const {
  return like_.AttentionScratchBytes(longest, head_width, relative);
}

size_t DryKernels::LstmScratchBytes(int64_t hidden, int64_t sequences) const {
  return like_.LstmScratchBytes(hidden, sequences);
}

size_t DryKernels::MixScratchBytes(int64_t layers, int64_t middle) const {
  return like_.MixScratchBytes(layers, middle);
}

size_t DryKernels::SpanScoreScratchBytes(int64_t features, int64_t widths,
                                         int64_t most_labels) const {
  return like_.SpanScoreScratchBytes(features, widths, most_labels);
}

}  // namespace waterline
