// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nanobind/nanobind.h>

#include "waterline/engine.h"

namespace waterline::python {

// Under the names of the fields of engine.h.
nanobind::dict StatsDict(const EngineStats& stats);
nanobind::dict ReportDict(const ModelReport& report);

}  // namespace waterline::python
