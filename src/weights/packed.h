// How a file of weights says that it was packed, and where the scales of int8 weights are.
// docs/packing.md describes the format.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace waterline {

// The key of the safetensors metadata; its value is "bf16" or "int8".
inline constexpr const char* kPackedAs = "waterline_packed_as";

// An I8 weight N [out, in] has its scales in N + this, F32 [out]: w = scale * q, |q| <= 127.
inline constexpr const char* kScalesSuffix = "_scale";

}  // namespace waterline
