// SPDX-License-Identifier: Apache-2.0
#include "utf8_view.h"

#include <fmt/format.h>

#include <string>

#include "errors.h"

namespace waterline::python {
namespace {

std::string NameOf(const char* name, std::optional<size_t> index) {
  return index ? fmt::format("{}[{}]", name, *index) : name;
}

// Throws ValueError that says where the lone surrogate of `text` is.
[[noreturn]] void RaiseSurrogate(nb::handle text, const std::string& name) {
  const Py_ssize_t length = PyUnicode_GetLength(text.ptr());
  for (Py_ssize_t at = 0; at < length; ++at) {
    const Py_UCS4 c = PyUnicode_ReadChar(text.ptr(), at);
    if (c < 0xD800 || c > 0xDFFF) continue;
    Raise(PyExc_ValueError,
          fmt::format("{} has a lone surrogate, U+{:04X}, at {}, which is no character; decode the "
                      "bytes it came from with errors=\"replace\", or replace it with "
                      "text.encode(\"utf-8\", \"replace\").decode()",
                      name, static_cast<uint32_t>(c), at));
  }
  throw nb::python_error();
}

}  // namespace

Utf8View::Utf8View(nb::handle text, const char* name, std::optional<size_t> index) {
  if (!PyUnicode_Check(text.ptr())) {
    Raise(PyExc_TypeError, fmt::format("{} is of type {}, expected str", NameOf(name, index),
                                       nb::inst_name(text).c_str()));
  }
  if (nb::cast<bool>(text.attr("isascii")())) {
    owner_ = nb::borrow(text);
    Py_ssize_t size = 0;
    const char* data = PyUnicode_AsUTF8AndSize(text.ptr(), &size);
    if (data == nullptr) throw nb::python_error();
    bytes_ = {data, static_cast<size_t>(size)};
    return;
  }
  PyObject* encoded = PyUnicode_AsUTF8String(text.ptr());
  if (encoded == nullptr) {
    if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) throw nb::python_error();
    PyErr_Clear();
    RaiseSurrogate(text, NameOf(name, index));
  }
  owner_ = nb::steal(encoded);
  bytes_ = {PyBytes_AsString(encoded), static_cast<size_t>(PyBytes_Size(encoded))};
}

}  // namespace waterline::python
