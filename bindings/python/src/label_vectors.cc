// SPDX-License-Identifier: Apache-2.0
#include "label_vectors.h"

#include <nanobind/stl/string.h>

#include <string>
#include <utility>

#include "errors.h"
#include "waterline/engine.h"

namespace waterline::python {
namespace {

Labels LabelsOf(const LabelVectors& vectors) {
  Labels labels{.labels = vectors.labels(), .names = {}};
  for (const Label& label : labels.labels) {
    labels.names.push_back(nb::str(label.name.data(), label.name.size()));
  }
  return labels;
}

}  // namespace

EncodedLabels::EncodedLabels(LabelVectors encoded)
    : vectors(std::move(encoded)), labels(nb::cast(LabelsOf(vectors))) {}

void BindLabelVectors(nb::module_& module) {
  using namespace nb::literals;
  nb::class_<EncodedLabels>(module, "EncodedLabels")
      .def_ro("labels", &EncodedLabels::labels)
      .def_prop_ro("names",
                   [](const EncodedLabels& self) {
                     nb::list names;
                     for (const nb::object& name : nb::cast<const Labels&>(self.labels).names) {
                       names.append(name);
                     }
                     return names;
                   })
      .def_prop_ro("width", [](const EncodedLabels& self) { return self.vectors.width(); })
      .def("to_bytes",
           [](const EncodedLabels& self) {
             const std::span<const float> values = self.vectors.values();
             return nb::bytes(values.data(), values.size_bytes());
           })
      .def(
          "save",
          [](const EncodedLabels& self, const std::string& path) {
            const Result<void> saved = [&] {
              const nb::gil_scoped_release released;
              return self.vectors.Save(path);
            }();
            if (!saved.ok()) Raise(saved.error());
          },
          "path"_a);
}

}  // namespace waterline::python
