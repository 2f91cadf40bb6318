// The tensors of a weight file, by name, as views into the mapped file.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mapped_file.h"
#include "waterline/result.h"
#include "weights/dtype.h"

namespace waterline {

// A view of one stored tensor: contiguous, row-major, little-endian, anywhere aligned. Lives as
// long as its TensorFile.
struct StoredTensor {
  Dtype type = Dtype::kF32;
  std::vector<int64_t> shape;  // Empty for a scalar.
  const std::byte* data = nullptr;

  int64_t elements() const;  // Product of the shape.
  size_t bytes() const { return static_cast<size_t>(elements()) * DtypeBytes(type); }
};

// "[768, 3072]".
std::string ShapeText(const std::vector<int64_t>& shape);

// What a file's header says: the tensors, and what it holds besides under a name, in words ("a
// tensor of type F8_E4M3").
struct TensorTable {
  std::map<std::string, StoredTensor, std::less<>> tensors;
  std::map<std::string, std::string, std::less<>> unreadable;
};

// Reads `model.safetensors` (https://github.com/huggingface/safetensors, format section of its
// README) and `pytorch_model.bin` (the zip container torch.save writes: a pickle of a dict of
// tensors beside their raw storages). The file is mapped; tensor bytes are neither copied nor read
// (so checksums of storages are not verified). The pickle is interpreted by a small machine that
// knows the few opcodes a state dict needs and refuses every other one, so no code of the file is
// ever run.
//
// A tensor of a number type outside Dtype (F8_E4M3, U32, ...) does not stop the file from opening,
// as a model may never use it: it is kept by name, and Require says why it cannot be read.
//
// Immutable after Open, so any number of threads may use one. Movable; pointers to tensors and to
// their data stay valid.
class TensorFile {
 public:
  // Opens `path`, telling the two formats apart by their content. Costs the parse of the header:
  // about a millisecond for a few hundred tensors, whatever their size. Errors: kNotFound     no
  // such file.
  //         kBadModel     empty, truncated, neither format, a header that lies about lengths,
  //         offsets
  //                       that overlap, leave holes or leave the file, a pickle that needs more
  //                       than tensors; says which.
  //         kUnsupported  sound, but the format of torch before 1.6, TorchScript, compressed,
  //                       big-endian, a tensor with strides, dicts inside the dict; says what
  //                       converts it.
  //         kIo           a directory, or not readable.
  static Result<TensorFile> Open(const std::filesystem::path& path);

  // The tensor called `name`; aliases of the safetensors metadata (omitted name -> stored name, as
  // the reference writes for tensors that share storage) resolve here. nullptr when there is none.
  const StoredTensor* Find(std::string_view name) const;

  // The tensor called `name`, never nullptr.
  // Errors: kBadModel     the file has no such tensor.
  //         kUnsupported  it is of a type Waterline does not read.
  Result<const StoredTensor*> Require(std::string_view name) const;

  // All readable tensors, aliases included, sorted by name.
  const std::map<std::string, StoredTensor, std::less<>>& tensors() const { return table_.tensors; }
  // What else the file holds, by name, in words: "a tensor of type F8_E4M3", "a number".
  const std::map<std::string, std::string, std::less<>>& unreadable() const {
    return table_.unreadable;
  }
  const std::filesystem::path& path() const { return path_; }
  const MappedFile& file() const { return file_; }

  // Upper estimate of the heap bytes that this object holds (names, shapes, map nodes; not the
  // mapping), for the budget.
  size_t heap_bytes() const;

 private:
  TensorFile(std::filesystem::path path, MappedFile file, TensorTable table)
      : path_(std::move(path)), file_(std::move(file)), table_(std::move(table)) {}

  std::filesystem::path path_;
  MappedFile file_;
  TensorTable table_;
};

}  // namespace waterline
