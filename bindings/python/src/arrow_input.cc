// SPDX-License-Identifier: Apache-2.0
#include "arrow_input.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nanobind/stl/string.h>

#include <cstring>
#include <utility>
#include <vector>

#include "errors.h"

namespace waterline::python {
namespace {

constexpr int32_t kInlineBytes = 12;  // Strings of a string_view up to here lie in the view itself.

bool IsValid(const ArrowArray& array, int64_t at) {
  if (array.null_count == 0 || array.n_buffers == 0 || array.buffers[0] == nullptr) return true;
  const auto* bits = static_cast<const uint8_t*>(array.buffers[0]);
  return (bits[at / 8] >> (at % 8) & 1) != 0;
}

template <typename T>
T ReadAt(const void* buffer, int64_t at) {
  T value;
  std::memcpy(&value, static_cast<const char*>(buffer) + at * static_cast<int64_t>(sizeof(T)),
              sizeof(T));
  return value;
}

template <typename Offset>
std::string_view Slice(const ArrowArray& array, int64_t at) {
  const auto begin = ReadAt<Offset>(array.buffers[1], at);
  const auto end = ReadAt<Offset>(array.buffers[1], at + 1);
  if (begin == end) return {};  // The data may be a null pointer.
  return {static_cast<const char*>(array.buffers[2]) + begin, static_cast<size_t>(end - begin)};
}

// The row of a dictionary that an index of `format` gives.
int64_t ReadIndex(const void* buffer, char format, int64_t at) {
  switch (format) {
    case 'c':
      return ReadAt<int8_t>(buffer, at);
    case 'C':
      return ReadAt<uint8_t>(buffer, at);
    case 's':
      return ReadAt<int16_t>(buffer, at);
    case 'S':
      return ReadAt<uint16_t>(buffer, at);
    case 'i':
      return ReadAt<int32_t>(buffer, at);
    case 'I':
      return ReadAt<uint32_t>(buffer, at);
    default:  // 'l' and 'L'.
      return ReadAt<int64_t>(buffer, at);
  }
}

std::optional<StringLayout> LayoutOf(std::string_view format) {
  if (format == "n") return StringLayout::kNull;
  if (format == "u") return StringLayout::kSmall;
  if (format == "U") return StringLayout::kLarge;
  if (format == "vu") return StringLayout::kView;
  return std::nullopt;
}

// The structure in a capsule called `name`, which keeps nothing.
template <typename T>
Released<T> TakeCapsule(nb::handle capsule, const char* name) {
  auto* held = static_cast<T*>(PyCapsule_GetPointer(capsule.ptr(), name));
  if (held == nullptr) throw nb::python_error();
  return Released<T>(held);
}

}  // namespace

std::string_view StringArray::View(int64_t at) const {
  const char* view = static_cast<const char*>(array_->buffers[1]) + at * 16;
  const auto size = ReadAt<int32_t>(view, 0);
  if (size <= kInlineBytes) return {view + 4, static_cast<size_t>(size)};
  const auto buffer = ReadAt<int32_t>(view, 2);
  const auto offset = ReadAt<int32_t>(view, 3);
  return {static_cast<const char*>(array_->buffers[2 + buffer]) + offset,
          static_cast<size_t>(size)};
}

std::optional<std::string_view> StringArray::at(int64_t row) const {
  const int64_t at = array_->offset + row;
  if (layout_ == StringLayout::kNull || !IsValid(*array_, at)) return std::nullopt;
  switch (layout_) {
    case StringLayout::kLarge:
      return Slice<int64_t>(*array_, at);
    case StringLayout::kView:
      return View(at);
    case StringLayout::kNull:
    case StringLayout::kSmall:
      break;
  }
  return Slice<int32_t>(*array_, at);
}

TextStream::TextStream(nb::handle source, const std::optional<std::string>& column) {
  Open(source);
  FindColumn(column);
}

void TextStream::Open(nb::handle source) {
  if (nb::hasattr(source, "__arrow_c_stream__")) {
    const nb::object capsule = source.attr("__arrow_c_stream__")();
    stream_.emplace(TakeCapsule<ArrowArrayStream>(capsule, "arrow_array_stream"));
    ArrowArrayStream* stream = stream_->get();
    if (stream->get_schema(stream, schema_.get()) != 0) {
      const char* why = stream->get_last_error(stream);
      Raise({Code::kIo, fmt::format("the table's schema cannot be read: {}",
                                    why == nullptr ? "no reason given" : why)});
    }
    return;
  }
  if (nb::hasattr(source, "__arrow_c_array__")) {
    const auto pair = nb::cast<nb::tuple>(source.attr("__arrow_c_array__")());
    auto schema = TakeCapsule<ArrowSchema>(pair[0], "arrow_schema");
    *schema_.get() = *schema;
    schema->release = nullptr;
    only_.emplace(TakeCapsule<ArrowArray>(pair[1], "arrow_array"));
    return;
  }
  Raise(PyExc_TypeError,
        fmt::format("the table is of type {}, expected one with __arrow_c_stream__ or "
                    "__arrow_c_array__, as those of pyarrow, polars, duckdb and pandas have",
                    nb::inst_name(source).c_str()));
}

void TextStream::FindColumn(const std::optional<std::string>& column) {
  const ArrowSchema* strings = schema_.get();
  std::string what = "the array";
  if (column) {
    what = fmt::format("column \"{}\"", *column);
    std::vector<std::string> names;
    if (std::strcmp(schema_->format, "+s") == 0) {
      for (int64_t i = 0; i < schema_->n_children; ++i) {
        names.emplace_back(schema_->children[i]->name);
        if (names.back() == *column && child_ < 0) child_ = i;
      }
    }
    if (child_ < 0) {
      Raise(PyExc_KeyError,
            fmt::format("there is no {}; there are [{}]", what, fmt::join(names, ", ")));
    }
    strings = schema_->children[child_];
  }
  const ArrowSchema* values = strings->dictionary != nullptr ? strings->dictionary : strings;
  const std::optional<StringLayout> layout = LayoutOf(values->format);
  if (!layout) {
    Raise(PyExc_TypeError,
          fmt::format("{} is of the Arrow type \"{}\", expected string, large_string, string_view "
                      "or a dictionary of them{}",
                      what, values->format,
                      column ? "" : "; name the column of a table with text_column"));
  }
  layout_ = *layout;
  if (strings->dictionary != nullptr) index_ = strings->format[0];
}

Result<bool> TextStream::Next() {
  batch_.reset();
  if (only_) {
    if (only_->get()->release == nullptr) return false;
    batch_.emplace(only_->get());
    return true;
  }
  if (!stream_) return false;
  ArrowArrayStream* stream = stream_->get();
  ArrowArray next = {};
  if (stream->get_next(stream, &next) != 0) {
    const char* why = stream->get_last_error(stream);
    return Error{Code::kIo, fmt::format("the table cannot be read: {}",
                                        why == nullptr ? "no reason given" : why)};
  }
  if (next.release == nullptr) return false;
  batch_.emplace(&next);
  return true;
}

std::optional<std::string_view> TextStream::at(int64_t row) const {
  const ArrowArray* array = &**batch_;
  if (child_ >= 0) {
    row += array->offset;
    if (!IsValid(*array, row)) return std::nullopt;
    array = array->children[child_];
  }
  if (index_ == 0) return StringArray(*array, layout_).at(row);
  const int64_t at = array->offset + row;
  if (!IsValid(*array, at)) return std::nullopt;
  return StringArray(*array->dictionary, layout_).at(ReadIndex(array->buffers[1], index_, at));
}

}  // namespace waterline::python
