// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "encoder/encoder.h"

namespace waterline {

// An encoder whose hidden states are a weighted sum of those of all layers of `inner`, which is
// what `fuse_layers` asks for; see layer_fusion.cc. `weights` are those below ".layers_fuser".
std::unique_ptr<Encoder> FuseLayers(std::unique_ptr<Encoder> inner, Binder weights);

}  // namespace waterline
