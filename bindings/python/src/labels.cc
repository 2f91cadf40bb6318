// SPDX-License-Identifier: Apache-2.0
#include "labels.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/vector.h>

#include <optional>
#include <utility>

#include "errors.h"
#include "utf8_view.h"

namespace waterline::python {
namespace {

// `descriptions` and `thresholds` are empty or have one entry a name.
Labels MakeLabels(nb::list names, nb::list descriptions,
                  const std::vector<std::optional<float>>& thresholds) {
  Labels made;
  const std::vector<std::string> texts = ReadStrings(names, "labels");
  const std::vector<std::string> described = ReadStrings(descriptions, "descriptions");
  for (size_t i = 0; i < texts.size(); ++i) {
    made.labels.push_back({.name = texts[i],
                           .description = described.empty() ? std::string() : described[i],
                           .threshold = thresholds.empty() ? std::nullopt : thresholds[i]});
    made.names.push_back(nb::borrow(names[i]));
  }
  return made;
}

}  // namespace

std::vector<std::string> ReadStrings(nb::list list, const char* name) {
  std::vector<std::string> strings;
  strings.reserve(nb::len(list));
  size_t at = 0;
  for (const nb::handle item : list) {
    strings.emplace_back(Utf8View(item, name, at++).bytes());
  }
  return strings;
}

void BindLabels(nb::module_& module) {
  using namespace nb::literals;
  nb::class_<Labels>(module, "Labels")
      .def(
          "__init__",
          [](Labels* self, nb::list names, nb::list descriptions,
             const std::vector<std::optional<float>>& thresholds) {
            new (self) Labels(MakeLabels(std::move(names), std::move(descriptions), thresholds));
          },
          "names"_a, "descriptions"_a = nb::list(), "thresholds"_a = nb::list())
      .def("__len__", [](const Labels& self) { return self.labels.size(); });
}

}  // namespace waterline::python
