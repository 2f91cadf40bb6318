// Opens a weight file: tells the formats apart and hands the bytes to their reader.
// SPDX-License-Identifier: Apache-2.0
#include "weights/tensor_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>

#include "weights/formats.h"
#include "weights/packed.h"

namespace waterline {

namespace {

Result<TensorTable> ReadTable(const File& open) {
  const std::string file = open.path().string();
  // The pickled magic number with which torch before 1.6 opens a file (torch/serialization.py).
  constexpr std::string_view kLegacyTorch{
      "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"};
  std::string start(std::min<uint64_t>(open.size(), 32), '\0');
  if (const Result<void> read = open.ReadAt(0, std::as_writable_bytes(std::span(start)));
      !read.ok()) {
    return read.error();
  }
  if (start.empty()) return Error{Code::kBadModel, fmt::format("{} is empty", file)};
  if (start.starts_with("version https://git-lfs")) {
    return Error{
        Code::kBadModel,
        fmt::format("{} is a Git LFS pointer, not the weights: run `git lfs pull` where it "
                    "was cloned",
                    file)};
  }
  if (start.starts_with(kLegacyTorch)) {
    return Error{
        Code::kUnsupported,
        fmt::format("{} is in the format of torch before 1.6; convert it with `python -c \"import "
                    "sys, torch; f = sys.argv[1]; torch.save(torch.load(f, weights_only=True), "
                    "f)\" {}`",
                    file, file)};
  }
  if (start.starts_with("PK\x03\x04")) return ReadTorchArchive(open);
  return ReadSafetensors(open);
}

// Nodes of a red-black tree carry a colour and three links; allocators round up and keep a header.
template <typename Map>
size_t NodeBytes(const Map& map) {
  return map.size() * (sizeof(typename Map::value_type) + 4 * sizeof(void*) + 16);
}

// Zero for texts that fit the string object itself.
size_t TextBytes(const std::string& text) {
  return text.capacity() > std::string().capacity() ? text.capacity() + 1 + 16 : 0;
}

}  // namespace

int64_t StoredTensor::elements() const {
  int64_t product = 1;
  for (const int64_t dimension : shape) product *= dimension;
  return product;
}

std::string ShapeText(const std::vector<int64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

std::optional<int64_t> CountElements(const std::vector<int64_t>& shape) {
  int64_t product = 1;
  for (const int64_t dimension : shape) {
    if (dimension < 0 || __builtin_mul_overflow(product, dimension, &product)) return std::nullopt;
  }
  return product;
}

Result<TensorFile> TensorFile::Open(const std::filesystem::path& path) {
  Result<File> file = File::Open(path);
  if (!file.ok()) return file.error();
  Result<TensorTable> table = ReadTable(*file);
  if (!table.ok()) return table.error();
  return TensorFile(*std::move(file), *std::move(table));
}

Result<void> TensorFile::ReadF32(const StoredTensor& tensor, int64_t first,
                                 std::span<float> to) const {
  if (tensor.type == Dtype::kF32) return Read(tensor, first, std::as_writable_bytes(to));
  std::array<std::byte, 32 << 10> stored;
  const size_t at_once = stored.size() / DtypeBytes(tensor.type);
  for (size_t done = 0; done < to.size();) {
    const size_t count = std::min(at_once, to.size() - done);
    const std::span<std::byte> part(stored.data(), count * DtypeBytes(tensor.type));
    const Result<void> read = Read(tensor, first + static_cast<int64_t>(done), part);
    if (!read.ok()) return read;
    ToF32(tensor.type, part.data(), to.data() + done, count);
    done += count;
  }
  return {};
}

const StoredTensor* TensorFile::Find(std::string_view name) const {
  const auto found = table_.tensors.find(name);
  return found == table_.tensors.end() ? nullptr : &found->second;
}

Result<const StoredTensor*> TensorFile::Require(std::string_view name) const {
  if (const StoredTensor* tensor = Find(name)) return tensor;
  const auto other = table_.unreadable.find(name);
  if (other != table_.unreadable.end()) {
    return Error{
        Code::kUnsupported,
        fmt::format("{} has {} as {}, which Waterline does not read; it reads f32, f16, bf16, "
                    "f64, i64, i32, i16, i8, u8 and bool tensors",
                    path().string(), name, other->second)};
  }
  return Error{Code::kBadModel, fmt::format("{} has no tensor {} among its {}", path().string(),
                                            name, table_.tensors.size())};
}

size_t TensorFile::heap_bytes() const {
  size_t bytes = NodeBytes(table_.tensors) + NodeBytes(table_.unreadable);
  for (const auto& [name, tensor] : table_.tensors) {
    bytes += TextBytes(name) + tensor.shape.capacity() * sizeof(int64_t) + 16;
  }
  for (const auto& [name, what] : table_.unreadable) bytes += TextBytes(name) + TextBytes(what);
  bytes += NodeBytes(table_.metadata);
  for (const auto& [key, value] : table_.metadata) bytes += TextBytes(key) + TextBytes(value);
  return bytes + TextBytes(path().native());
}

std::string TensorFile::packed_as() const {
  const auto found = table_.metadata.find(kPackedAs);
  return found == table_.metadata.end() ? "" : found->second;
}

}  // namespace waterline
