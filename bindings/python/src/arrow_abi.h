// The structures of the Arrow C data and stream interfaces, as their specification gives them to be
// copied: https://arrow.apache.org/docs/format/CDataInterface.html
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

extern "C" {

struct ArrowSchema {
  const char* format;
  const char* name;
  const char* metadata;
  int64_t flags;
  int64_t n_children;
  struct ArrowSchema** children;
  struct ArrowSchema* dictionary;
  void (*release)(struct ArrowSchema*);
  void* private_data;
};

struct ArrowArray {
  int64_t length;
  int64_t null_count;
  int64_t offset;
  int64_t n_buffers;
  int64_t n_children;
  const void** buffers;
  struct ArrowArray** children;
  struct ArrowArray* dictionary;
  void (*release)(struct ArrowArray*);
  void* private_data;
};

}  // extern "C"

#endif  // ARROW_C_DATA_INTERFACE

#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE

extern "C" {

struct ArrowArrayStream {
  int (*get_schema)(struct ArrowArrayStream*, struct ArrowSchema* out);
  int (*get_next)(struct ArrowArrayStream*, struct ArrowArray* out);
  const char* (*get_last_error)(struct ArrowArrayStream*);
  void (*release)(struct ArrowArrayStream*);
  void* private_data;
};

}  // extern "C"

#endif  // ARROW_C_STREAM_INTERFACE

namespace waterline::python {

// Owns one of the structures above: released at the end, as their specification asks.
template <typename T>
class Released {
 public:
  Released() = default;
  // Takes over what `from` holds, and leaves it released.
  explicit Released(T* from) : value_(*from) { from->release = nullptr; }
  Released(Released&& other) noexcept : Released(&other.value_) {}
  Released& operator=(Released&&) = delete;
  ~Released() {
    if (value_.release != nullptr) value_.release(&value_);
  }

  T* get() { return &value_; }
  T* operator->() { return &value_; }
  const T* operator->() const { return &value_; }
  const T& operator*() const { return value_; }

 private:
  T value_ = {};
};

}  // namespace waterline::python
