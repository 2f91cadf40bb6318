// Writes the safetensors format, whose reader is safetensors.cc.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/new_file.h"
#include "waterline/result.h"
#include "weights/dtype.h"

namespace waterline {

// A tensor that is going to be written.
struct NewTensor {
  std::string name;
  Dtype type = Dtype::kF32;
  std::vector<int64_t> shape;

  size_t bytes() const;
};

// One file: the header first, then the tensors' bytes in the order of the header.
class SafetensorsWriter {
 public:
  // Makes `path`, which must not be there yet, and writes the header. Tensors lie in the order
  // given, which should have larger elements before smaller ones, so that all are aligned to their
  // element (the order of the official writer). Errors: kIo.
  static Result<SafetensorsWriter> Make(const std::filesystem::path& path,
                                        const std::vector<NewTensor>& tensors,
                                        const std::map<std::string, std::string>& metadata);

  // Appends bytes of the tensors, little-endian. Errors: kIo.
  Result<void> Write(std::span<const std::byte> bytes);

  // Brings the file to the disk. Every byte of every tensor must have been written. Errors: kIo.
  Result<void> Close();

  size_t file_bytes() const { return file_bytes_; }

 private:
  SafetensorsWriter(NewFile file, size_t file_bytes, size_t left)
      : file_(std::move(file)), file_bytes_(file_bytes), left_(left) {}

  NewFile file_;
  size_t file_bytes_;
  size_t left_;  // Bytes of tensors that are not written yet.
};

}  // namespace waterline
