// Which types the weights of a model have.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "kernels/kernels.h"
#include "waterline/engine.h"
#include "waterline/result.h"
#include "weights/weight.h"

namespace waterline {

struct LayerTypes {
  WeightType encoder = WeightType::kF32;
  WeightType head = WeightType::kF32;
};

// `precision` is not kAuto.
LayerTypes TypesOf(Precision precision);

// What a model whose weights file says `packed_as` (TensorFile::packed_as) runs as when `precision`
// is asked for. A packed one runs as it is packed: kDefault and kAuto choose that, and other types
// are refused, as the numbers that they would take are not there.
// Else `precision`; for kDefault f32, for kAuto the fastest type on `kernels` for which dtypes.json
// in the model's `directory` shows agreement with f32: an F1 within 0.1 points of it for bf16,
// and within 0.5 for int8 with inputs of as many levels as the kernels have. Without the file f32.
// Errors: kBadModel  the file is not what docs/dtypes.md describes; names the key.
//         kUnsupported  packed as another type, or as one that is not known here; f16 or tf32 on
//         a CPU.
Result<Precision> ChoosePrecision(Precision precision, const std::filesystem::path& directory,
                                  const std::string& packed_as, const Kernels& kernels);

}  // namespace waterline
