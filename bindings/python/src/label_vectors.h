// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nanobind/nanobind.h>

#include "labels.h"
#include "waterline/label_vectors.h"

namespace waterline::python {

// Vectors of labels, and the labels as a call takes them.
struct EncodedLabels {
  explicit EncodedLabels(LabelVectors encoded);

  LabelVectors vectors;
  nb::object labels;  // Labels.
};

void BindLabelVectors(nb::module_& module);

}  // namespace waterline::python
