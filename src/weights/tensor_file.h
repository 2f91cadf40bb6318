// The tensors of a weight file, by name: what they are and where they lie.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "waterline/result.h"
#include "weights/dtype.h"

namespace waterline {

// One stored tensor: contiguous, row-major, little-endian.
struct StoredTensor {
  Dtype type = Dtype::kF32;
  std::vector<int64_t> shape;  // Empty for a scalar.
  uint64_t offset = 0;         // Of its first byte from the start of the file.

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
  std::map<std::string, std::string, std::less<>> metadata;  // Without aliases.
};

// Reads `model.safetensors` (https://github.com/huggingface/safetensors, format section of its
// README) and `pytorch_model.bin` (the zip container torch.save writes: a pickle of a dict of
// tensors beside their raw storages). Opening reads the header alone, none of the tensors (so
// checksums of storages are not verified). The pickle is interpreted by a small machine that
// knows the few opcodes a state dict needs and refuses every other one, so no code of the file is
// ever run.
//
// A tensor of a number type outside Dtype (F8_E4M3, U32, ...) does not stop the file from opening,
// as a model may never use it: it is kept by name, and Require says why it cannot be read.
//
// Immutable after Open, so any number of threads may use one. Movable; pointers to tensors stay
// valid, those to the object itself do not.
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
  // What a safetensors file says of itself, by name; aliases are not among it.
  const std::map<std::string, std::string, std::less<>>& metadata() const {
    return table_.metadata;
  }
  // What the file says its linear maps were packed as ("bf16", "int8"); "" when it was not packed.
  std::string packed_as() const;
  const std::filesystem::path& path() const { return file_.path(); }
  uint64_t file_bytes() const { return file_.size(); }

  // Reads elements [first, first + to.size() / element size) of `tensor`, as they are stored.
  // Errors: kIo  as File::ReadAt.
  Result<void> Read(const StoredTensor& tensor, int64_t first, std::span<std::byte> to) const {
    return file_.ReadAt(tensor.offset + static_cast<uint64_t>(first) * DtypeBytes(tensor.type), to);
  }
  // The same as f32; `tensor` is of a float type. Needs no other memory.
  Result<void> ReadF32(const StoredTensor& tensor, int64_t first, std::span<float> to) const;

  // Upper estimate of the heap bytes that this object holds (names, shapes, map nodes), for the
  // budget.
  size_t heap_bytes() const;

 private:
  TensorFile(File file, TensorTable table) : file_(std::move(file)), table_(std::move(table)) {}

  File file_;
  TensorTable table_;
};

}  // namespace waterline
