// The tensors of a weight file, by name, as views into the mapped file.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mapped_file.h"
#include "waterline/result.h"
#include "weights/dtype.h"

namespace waterline {

// A view of one stored tensor: contiguous, row-major, little-endian, anywhere aligned. Lives as long
// as its TensorFile.
struct StoredTensor {
  Dtype type = Dtype::kF32;
  std::vector<int64_t> shape;  // Empty for a scalar.
  const std::byte* data = nullptr;

  int64_t elements() const;  // Product of the shape.
  size_t bytes() const { return static_cast<size_t>(elements()) * DtypeBytes(type); }
};

// "[768, 3072]".
std::string ShapeText(const std::vector<int64_t>& shape);

// Reads `model.safetensors` (https://github.com/huggingface/safetensors, format section of its
// README) and `pytorch_model.bin` (the zip container torch.save writes: a pickle of a dict of
// tensors beside their raw storages). The file is mapped; tensor bytes are not copied. The pickle is
// interpreted by a small machine that knows the few opcodes a state dict needs and refuses every
// other one, so no code of the file is ever run.
class TensorFile {
 public:
  // Opens `path`, telling the two formats apart by their content.
  // Errors: kNotFound  no such file.
  //         kBadModel  truncated, a header that lies about lengths, offsets that overlap or leave the
  //                    file, an unknown dtype, a pickle that needs more than tensors; says which.
  //         kIo        not readable.
  static Result<TensorFile> Open(const std::filesystem::path& path);

  // The tensor called `name`; aliases of the safetensors metadata (omitted name -> stored name, as
  // the reference writes for tensors that share storage) resolve here. nullptr when there is none.
  const StoredTensor* Find(std::string_view name) const;

  // All names in the file, aliases included, sorted.
  const std::map<std::string, StoredTensor, std::less<>>& tensors() const { return tensors_; }
  const std::filesystem::path& path() const { return path_; }
  const MappedFile& file() const { return *file_; }

 private:
  TensorFile() = default;
  friend Result<TensorFile> ReadSafetensors(const std::filesystem::path&, MappedFile);
  friend Result<TensorFile> ReadTorchArchive(const std::filesystem::path&, MappedFile);

  std::filesystem::path path_;
  std::unique_ptr<MappedFile> file_;
  std::map<std::string, StoredTensor, std::less<>> tensors_;
};

}  // namespace waterline
