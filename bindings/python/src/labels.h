// Labels as a call takes them, made once for any number of calls.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nanobind/nanobind.h>

#include <string>
#include <vector>

#include "waterline/engine.h"

namespace waterline::python {

namespace nb = nanobind;

// Labels, and their names as the objects that stand in answers.
struct Labels {
  std::vector<Label> labels;
  std::vector<nb::object> names;
};

// Strings that are given with `name`, "relations" or "labels": a list of str.
std::vector<std::string> ReadStrings(nb::list list, const char* name);

void BindLabels(nb::module_& module);

}  // namespace waterline::python
