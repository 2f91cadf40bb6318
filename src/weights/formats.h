// Readers of the two container formats, over bytes in memory.
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
// to exactly one tensor. Aliases are added as tensors of their own. Views point into `bytes`;
// `file` names it in messages. Errors: kBadModel.
Result<TensorTable> ReadSafetensors(const std::string& file, std::span<const std::byte> bytes);

// Reads the zip container of torch.save (torch 1.6 and later). Views point into `bytes`.
// Errors: kBadModel, kUnsupported.
Result<TensorTable> ReadTorchArchive(const std::string& file, std::span<const std::byte> bytes);

}  // namespace waterline
