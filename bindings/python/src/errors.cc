// SPDX-License-Identifier: Apache-2.0
#include "errors.h"

#include <fmt/format.h>
#include <nanobind/stl/string.h>

#include <string>

namespace waterline::python {
namespace {

// The name of the class in waterline.errors.
const char* ClassName(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
      return "InvalidArgument";
    case Code::kNotFound:
      return "NotFound";
    case Code::kBadModel:
      return "BadModel";
    case Code::kUnsupported:
      return "Unsupported";
    case Code::kOverBudget:
      return "OverBudget";
    case Code::kIo:
      return "SystemRefused";
    case Code::kDeadline:
      return "DeadlineExceeded";
    case Code::kCancelled:
      return "Cancelled";
    case Code::kInternal:
      break;
  }
  return "Internal";
}

}  // namespace

nb::object MakeException(const Error& error, std::optional<size_t> text) {
  const nb::object type = nb::module_::import_("waterline.errors").attr(ClassName(error.code));
  if (!text) return type(error.message);
  nb::object exception = type(fmt::format("texts[{}]: {}", *text, error.message));
  exception.attr("text") = *text;
  return exception;
}

void Raise(const Error& error, std::optional<size_t> text) {
  const nb::object exception = MakeException(error, text);
  PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception.ptr())), exception.ptr());
  throw nb::python_error();
}

void Raise(PyObject* exception_type, const std::string& message) {
  PyErr_SetString(exception_type, message.c_str());
  throw nb::python_error();
}

}  // namespace waterline::python
