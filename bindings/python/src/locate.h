// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nanobind/nanobind.h>

namespace waterline::python {

void BindLocate(nanobind::module_& module);

}  // namespace waterline::python
