// The safetensors format: a length, a JSON header of that length, and the tensors' bytes.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>

#include "weights/formats.h"

namespace waterline {

namespace {

namespace dom = simdjson::dom;

constexpr size_t kLengthBytes = 8;
constexpr uint64_t kMaxHeaderBytes = 100'000'000;

// One entry of the header, before its range is checked against the others.
struct Entry {
  std::string name;
  std::string type;
  std::vector<int64_t> shape;
  uint64_t begin = 0;
  uint64_t end = 0;
};

struct Header {
  std::vector<Entry> entries;
  std::vector<std::pair<std::string, std::string>> metadata;
};

std::optional<Dtype> ParseDtype(std::string_view name) {
  constexpr std::pair<std::string_view, Dtype> kTypes[] = {
      {"F32", Dtype::kF32}, {"F16", Dtype::kF16},  {"BF16", Dtype::kBF16}, {"F64", Dtype::kF64},
      {"I64", Dtype::kI64}, {"I32", Dtype::kI32},  {"I16", Dtype::kI16},   {"I8", Dtype::kI8},
      {"U8", Dtype::kU8},   {"BOOL", Dtype::kBool}};
  for (const auto& [text, type] : kTypes) {
    if (text == name) return type;
  }
  return std::nullopt;
}

class HeaderReader {
 public:
  explicit HeaderReader(const std::string& file) : file_(file) {}

  Result<Header> Read(std::string_view json) const {
    dom::parser parser;
    dom::object root;
    const auto parsed = parser.parse(json.data(), json.size()).get(root);
    if (parsed != simdjson::SUCCESS) {
      return Bad(fmt::format("its header of {} bytes is not a JSON object ({})", json.size(),
                             simdjson::error_message(parsed)));
    }
    Header header;
    for (const auto& [name, value] : root) {
      const Result<void> read = name == "__metadata__" ? ReadMetadata(value, header.metadata)
                                                       : ReadEntry(name, value, header.entries);
      if (!read.ok()) return read.error();
    }
    return header;
  }

 private:
  Error Bad(const std::string& what) const {
    return Error{Code::kBadModel, fmt::format("{} is broken: {}", file_, what)};
  }

  Result<void> ReadMetadata(dom::element value,
                            std::vector<std::pair<std::string, std::string>>& metadata) const {
    if (value.is_null()) return {};
    dom::object object;
    if (value.get(object) != simdjson::SUCCESS) return Bad("__metadata__ is not an object");
    for (const auto& [key, element] : object) {
      std::string_view text;
      if (element.get(text) != simdjson::SUCCESS) {
        return Bad(
            fmt::format("__metadata__.{} is {}, not a string", key, simdjson::minify(element)));
      }
      metadata.emplace_back(key, text);
    }
    return {};
  }

  Result<void> ReadEntry(std::string_view name, dom::element value,
                         std::vector<Entry>& entries) const {
    Entry entry;
    entry.name = name;
    std::string_view type;
    if (value["dtype"].get(type) != simdjson::SUCCESS) {
      return Bad(fmt::format("tensor {} has no dtype", name));
    }
    entry.type = type;
    dom::array shape;
    if (value["shape"].get(shape) != simdjson::SUCCESS) {
      return Bad(fmt::format("tensor {} has no shape", name));
    }
    for (const dom::element dimension : shape) {
      uint64_t size = 0;
      if (dimension.get(size) != simdjson::SUCCESS ||
          size > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
        return Bad(
            fmt::format("tensor {} has the dimension {}; dimensions are integers from 0 to 2^63 "
                        "- 1",
                        name, simdjson::minify(dimension)));
      }
      entry.shape.push_back(static_cast<int64_t>(size));
    }
    dom::array offsets;
    if (value["data_offsets"].get(offsets) != simdjson::SUCCESS || offsets.size() != 2 ||
        offsets.at(0).get(entry.begin) != simdjson::SUCCESS ||
        offsets.at(1).get(entry.end) != simdjson::SUCCESS) {
      return Bad(fmt::format("tensor {} has no data_offsets of two integers", name));
    }
    entries.push_back(std::move(entry));
    return {};
  }

  const std::string& file_;
};

// Checks that the entries, in order of their offsets, cover the `data_bytes` behind `data` without
// overlap and without hole, and makes the tensors.
Result<TensorTable> Lay(const std::string& file, uint64_t data, uint64_t data_bytes,
                        std::vector<Entry> entries) {
  const auto bad = [&file](const std::string& what) {
    return Error{Code::kBadModel, fmt::format("{} is broken: {}", file, what)};
  };
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  TensorTable table;
  uint64_t covered = 0;
  for (Entry& entry : entries) {
    const std::string range =
        fmt::format("tensor {} lies at bytes {} to {}", entry.name, entry.begin, entry.end);
    if (entry.end < entry.begin) return bad(range + ", which ends before it begins");
    if (entry.end > data_bytes) {
      return bad(
          fmt::format("{}, but only {} bytes follow the header; it may be a partial download",
                      range, data_bytes));
    }
    if (entry.begin != covered) {
      return bad(fmt::format("{}, but the one before it ends at {}", range, covered));
    }
    covered = entry.end;
    const std::optional<int64_t> elements = CountElements(entry.shape);
    const std::optional<Dtype> type = ParseDtype(entry.type);
    int64_t size = 0;
    if (!elements.has_value() ||
        __builtin_mul_overflow(*elements, type ? static_cast<int64_t>(DtypeBytes(*type)) : 1,
                               &size)) {
      return bad(fmt::format("tensor {} has the shape {}, which has more bytes than can be counted",
                             entry.name, ShapeText(entry.shape)));
    }
    if (type.has_value() && static_cast<uint64_t>(size) != entry.end - entry.begin) {
      return bad(
          fmt::format("tensor {} of {} {} takes {} bytes, but lies at bytes {} to {}, which are "
                      "{}",
                      entry.name, DtypeName(*type), ShapeText(entry.shape), size, entry.begin,
                      entry.end, entry.end - entry.begin));
    }
    if (table.tensors.contains(entry.name) || table.unreadable.contains(entry.name)) {
      return bad(fmt::format("tensor {} appears twice", entry.name));
    }
    if (type.has_value()) {
      table.tensors.emplace(std::move(entry.name),
                            StoredTensor{*type, std::move(entry.shape), data + entry.begin});
    } else {
      table.unreadable.emplace(std::move(entry.name),
                               fmt::format("a tensor of type {}", entry.type));
    }
  }
  if (covered != data_bytes) {
    return bad(
        fmt::format("its tensors take {} bytes, but {} follow the header", covered, data_bytes));
  }
  return table;
}

// Metadata that names no tensor (format: pt) is no alias and is kept as it is. What is stored under
// a name wins.
void AddAliases(const std::vector<std::pair<std::string, std::string>>& metadata,
                TensorTable& table) {
  for (const auto& [name, stored] : metadata) {
    if (table.tensors.contains(name) || table.unreadable.contains(name)) continue;
    const auto tensor = table.tensors.find(stored);
    if (tensor != table.tensors.end()) table.tensors.emplace(name, tensor->second);
    const auto other = table.unreadable.find(stored);
    if (other != table.unreadable.end()) table.unreadable.emplace(name, other->second);
    if (tensor == table.tensors.end() && other == table.unreadable.end()) {
      table.metadata.emplace(name, stored);
    }
  }
}

}  // namespace

Result<TensorTable> ReadSafetensors(const File& open) {
  const std::string file = open.path().string();
  const auto bad = [&file](const std::string& what) {
    return Error{Code::kBadModel, fmt::format("{} is broken: {}", file, what)};
  };
  if (open.size() < kLengthBytes) {
    return bad(fmt::format("{} bytes are fewer than the {} of a safetensors header length",
                           open.size(), kLengthBytes));
  }
  uint64_t header_bytes = 0;
  Result<void> read = open.ReadAt(0, std::as_writable_bytes(std::span(&header_bytes, 1)));
  if (!read.ok()) return read.error();
  const uint64_t rest = open.size() - kLengthBytes;
  if (header_bytes > rest) {
    return bad(
        fmt::format("read as safetensors, its header has {} bytes, but {} follow; it is "
                    "truncated, or neither safetensors nor a file of torch.save",
                    header_bytes, rest));
  }
  if (header_bytes > kMaxHeaderBytes) {
    return bad(fmt::format("its header has {} bytes; the format allows {}", header_bytes,
                           kMaxHeaderBytes));
  }
  std::string json(header_bytes, '\0');
  read = open.ReadAt(kLengthBytes, std::as_writable_bytes(std::span(json)));
  if (!read.ok()) return read.error();
  Result<Header> header = HeaderReader(file).Read(json);
  if (!header.ok()) return header.error();
  Result<TensorTable> table =
      Lay(file, kLengthBytes + header_bytes, rest - header_bytes, std::move(header->entries));
  if (!table.ok()) return table;
  AddAliases(header->metadata, *table);
  return table;
}

}  // namespace waterline
