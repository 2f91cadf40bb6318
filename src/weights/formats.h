// Readers of the headers of the two container formats.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "waterline/result.h"
#include "weights/dtype.h"
#include "weights/tensor_file.h"

namespace waterline {

// Product of `shape`; nullopt when a dimension is negative or the product leaves int64_t.
std::optional<int64_t> CountElements(const std::vector<int64_t>& shape);

// Reads the header of a safetensors file by the rules of the official reader (`validate` in
// safetensors/src/tensor.rs): at most 100,000,000 bytes of header, and every byte behind it belongs
// to exactly one tensor. Aliases are added as tensors of their own. Errors: kBadModel, kIo.
Result<TensorTable> ReadSafetensors(const File& file);

// Reads the zip container of torch.save (torch 1.6 and later).
// Errors: kBadModel, kUnsupported, kIo.
Result<TensorTable> ReadTorchArchive(const File& file);

}  // namespace waterline
