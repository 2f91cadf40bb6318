// Strings of Python as the engine reads them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nanobind/nanobind.h>

#include <cstddef>
#include <optional>
#include <string_view>

namespace waterline::python {

namespace nb = nanobind;

// The UTF-8 bytes of a str, and the object that keeps them. Those of an ASCII string are its own;
// others are encoded for the time of the call and leave nothing behind in the str.
class Utf8View {
 public:
  // `name` and `index`, if there is one, say in messages what `text` is: "texts[3]". Throws
  // TypeError for anything but a str, ValueError for a str with lone surrogates, which stand for no
  // characters.
  Utf8View(nb::handle text, const char* name, std::optional<size_t> index = {});

  std::string_view bytes() const { return bytes_; }

 private:
  nb::object owner_;
  std::string_view bytes_;
};

}  // namespace waterline::python
