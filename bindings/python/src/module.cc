// The extension module waterline._engine.
// SPDX-License-Identifier: Apache-2.0
#include <nanobind/nanobind.h>

#include "arrow_output.h"
#include "engine.h"
#include "fork.h"
#include "label_vectors.h"
#include "labels.h"
#include "locate.h"
#include "memory.h"

NB_MODULE(_engine, module) {
  namespace python = waterline::python;
  nanobind::set_leak_warnings(false);  // Models that live until the process ends are no leak.
  python::WatchForks();
  python::BindLabels(module);
  python::BindMemory(module);
  python::BindLabelVectors(module);
  python::BindEntityColumn(module);
  python::BindEngine(module);
  python::BindLocate(module);
}
