// Builders of small weight files for tests.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <minizip/zip.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "weights/temp_directory.h"

namespace waterline {

template <typename T>
std::string Bytes(T value) {
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}

inline std::string FloatBytes(const std::vector<float>& values) {
  std::string bytes;
  for (const float value : values) bytes += Bytes(value);
  return bytes;
}

inline std::string SafetensorsFile(const std::string& header, const std::string& data) {
  return Bytes<uint64_t>(header.size()) + header + data;
}

// A copy of exactly the bytes' size on the heap, so that a sanitizer sees every read beside it.
class HeapBytes {
 public:
  explicit HeapBytes(std::string_view bytes)
      : data_(new std::byte[bytes.size()]), size_(bytes.size()) {
    if (size_ > 0) std::memcpy(data_.get(), bytes.data(), size_);
  }
  std::span<const std::byte> span() const { return {data_.get(), size_}; }

 private:
  std::unique_ptr<std::byte[]> data_;
  size_t size_;
};

// A file of these bytes called `name`, until the next one of the name is made.
class FileOf {
 public:
  FileOf(const std::string& name, std::string_view bytes) : file_(Make(name, bytes)) {}
  const File& operator*() const { return file_; }

 private:
  static File Make(const std::string& name, std::string_view bytes) {
    static const TempDirectory directory;
    // Anew: some file systems wait for the disk when a file that has content is written over.
    std::filesystem::remove(directory.path() / name);
    return *File::Open(directory.Write(name, bytes));
  }

  const File file_;
};

// Pickle opcodes, protocol 2.

inline std::string Text(std::string_view text) {
  return std::string("X") + Bytes(static_cast<uint32_t>(text.size())) + std::string(text);
}
inline std::string Int(int32_t value) { return std::string("J") + Bytes(value); }
inline std::string Global(const std::string& module, const std::string& name) {
  return std::string("c") + module + "\n" + name + "\n";
}
inline std::string Tuple(const std::string& items) { return std::string("(") + items + "t"; }
inline std::string Ints(const std::vector<int32_t>& values) {
  std::string items;
  for (const int32_t value : values) items += Int(value);
  return Tuple(items);
}
inline std::string Pickle(const std::string& body) { return std::string("\x80\x02") + body + "."; }

struct TensorRecipe {
  std::string storage_class = "FloatStorage";
  std::string key = "0";
  int32_t storage_elements = 6;
  int32_t offset = 0;
  std::vector<int32_t> shape = {2, 3};
  std::vector<int32_t> strides = {3, 1};
};

// What torch.save writes for one tensor.
inline std::string PickledTensorOf(const TensorRecipe& recipe) {
  const std::string storage = Tuple(Text("storage") + Global("torch", recipe.storage_class) +
                                    Text(recipe.key) + Text("cpu") + Int(recipe.storage_elements)) +
                              "Q";
  return Global("torch._utils", "_rebuild_tensor_v2") +
         Tuple(storage + Int(recipe.offset) + Ints(recipe.shape) + Ints(recipe.strides) + "\x89" +
               Global("collections", "OrderedDict") + ")R") +
         "R";
}

inline std::string PickledDictOf(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string body = "}(";
  for (const auto& [name, value] : items) body += Text(name) + value;
  return Pickle(body + "u");
}

struct ArchiveEntry {
  std::string name;
  std::string content;
  bool deflate = false;
};

// A zip archive with these entries, written by minizip.
inline std::string ZipFile(const std::vector<ArchiveEntry>& entries) {
  const TempDirectory directory;
  const std::filesystem::path path = directory.path() / "archive.zip";
  zipFile zip = zipOpen64(path.c_str(), APPEND_STATUS_CREATE);
  for (const ArchiveEntry& entry : entries) {
    const zip_fileinfo info{};
    zipOpenNewFileInZip64(zip, entry.name.c_str(), &info, nullptr, 0, nullptr, 0, nullptr,
                          entry.deflate ? Z_DEFLATED : 0, entry.deflate ? 9 : 0, 0);
    zipWriteInFileInZip(zip, entry.content.data(), static_cast<unsigned>(entry.content.size()));
    zipCloseFileInZip(zip);
  }
  zipClose(zip, nullptr);
  return ReadFile(path);
}

// An archive as torch.save writes it: the pickle and the storage "0".
inline std::string TorchFile(const std::string& pickle, const std::string& storage) {
  return ZipFile({{"model/data.pkl", pickle},
                  {"model/byteorder", "little"},
                  {"model/data/0", storage},
                  {"model/version", "3\n"}});
}

}  // namespace waterline
