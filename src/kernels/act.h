// Activations and poolings, apart from kernels.h so that code compiled for one instruction set can
// name them without including any inline function.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace waterline {

enum class Act {
  kNone,
  kRelu,
  kGelu,      // x Phi(x), the exact erf form.
  kGeluTanh,  // The tanh approximation ("gelu_new", "gelu_pytorch_tanh").
  kTanh,
  kSilu,
};

// How several rows become one: of the sub-words of a word (config key subtoken_pooling), of the
// words of a span.
enum class Pooling { kFirst, kLast, kMean, kMax, kSum };

}  // namespace waterline
