// Errors of the engine as exceptions of Python.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nanobind/nanobind.h>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "waterline/result.h"

namespace waterline::python {

namespace nb = nanobind;

// The exception for `error`: an instance of the class of waterline.errors that its code names. With
// `text`, the index of the text that it is about, it is named in the message and in `.text`.
nb::object MakeException(const Error& error, std::optional<size_t> text = {});

// Throws that exception.
[[noreturn]] void Raise(const Error& error, std::optional<size_t> text = {});

// Throws exception_type(message).
[[noreturn]] void Raise(PyObject* exception_type, const std::string& message);

// The value of `result`, or its error thrown. Needs the GIL.
template <typename T>
T Take(Result<T> result) {
  if (!result.ok()) Raise(result.error());
  return std::move(*result);
}

}  // namespace waterline::python
