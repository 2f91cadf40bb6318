// SPDX-License-Identifier: Apache-2.0
#include "weights/safetensors_writer.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <string_view>

#include "base/check.h"

namespace waterline {
namespace {

const char* StoredName(Dtype type) {
  switch (type) {
    case Dtype::kF32:
      return "F32";
    case Dtype::kF16:
      return "F16";
    case Dtype::kBF16:
      return "BF16";
    case Dtype::kF64:
      return "F64";
    case Dtype::kI64:
      return "I64";
    case Dtype::kI32:
      return "I32";
    case Dtype::kI16:
      return "I16";
    case Dtype::kI8:
      return "I8";
    case Dtype::kU8:
      return "U8";
    case Dtype::kBool:
      return "BOOL";
  }
  return "?";
}

std::string HeaderOf(const std::vector<NewTensor>& tensors,
                     const std::map<std::string, std::string>& metadata) {
  rapidjson::StringBuffer text;
  rapidjson::Writer<rapidjson::StringBuffer> json(text);
  const auto string = [&json](std::string_view value) {
    json.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  };
  json.StartObject();
  string("__metadata__");
  json.StartObject();
  for (const auto& [key, value] : metadata) {
    string(key);
    string(value);
  }
  json.EndObject();
  uint64_t at = 0;
  for (const NewTensor& tensor : tensors) {
    string(tensor.name);
    json.StartObject();
    string("dtype");
    string(StoredName(tensor.type));
    string("shape");
    json.StartArray();
    for (const int64_t dimension : tensor.shape) json.Int64(dimension);
    json.EndArray();
    string("data_offsets");
    json.StartArray();
    json.Uint64(at);
    json.Uint64(at += tensor.bytes());
    json.EndArray();
    json.EndObject();
  }
  json.EndObject();
  std::string header(text.GetString(), text.GetSize());
  header.resize((header.size() + 7) / 8 * 8, ' ');  // So that the tensors are aligned.
  return header;
}

}  // namespace

size_t NewTensor::bytes() const {
  size_t bytes = DtypeBytes(type);
  for (const int64_t dimension : shape) bytes *= static_cast<size_t>(dimension);
  return bytes;
}

Result<SafetensorsWriter> SafetensorsWriter::Make(
    const std::filesystem::path& path, const std::vector<NewTensor>& tensors,
    const std::map<std::string, std::string>& metadata) {
  Result<NewFile> file = NewFile::Make(path);
  if (!file.ok()) return file.error();
  const std::string header = HeaderOf(tensors, metadata);
  const uint64_t length = header.size();
  Result<void> written = file->Write(std::as_bytes(std::span(&length, 1)));
  if (written.ok()) written = file->Write(std::as_bytes(std::span(header)));
  if (!written.ok()) return written.error();
  size_t left = 0;
  for (const NewTensor& tensor : tensors) left += tensor.bytes();
  return SafetensorsWriter(std::move(*file), sizeof length + header.size() + left, left);
}

Result<void> SafetensorsWriter::Write(std::span<const std::byte> bytes) {
  WATERLINE_CHECK(bytes.size() <= left_);
  left_ -= bytes.size();
  return file_.Write(bytes);
}

Result<void> SafetensorsWriter::Close() {
  WATERLINE_CHECK(left_ == 0);
  return file_.Close();
}

}  // namespace waterline
