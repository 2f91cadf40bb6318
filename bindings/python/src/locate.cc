// Where a model is that is given as Engine::Load takes it. Python asks before it loads, because the
// class that it makes depends on the config.
// SPDX-License-Identifier: Apache-2.0
#include "locate.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <optional>
#include <string>

#include "checkpoint/locate.h"
#include "errors.h"

namespace waterline::python {

void BindLocate(nb::module_& module) {
  using namespace nb::literals;
  module.def(
      "locate",
      [](const std::string& model, const std::optional<std::string>& cache_dir) {
        ModelPlaces places = ModelPlaces::FromEnvironment();
        if (cache_dir) {
          places.hub_cache = *cache_dir;
          places.hub_cache_from = "cache_dir";
        }
        return Take(LocateModel(model, places)).string();
      },
      "model"_a, "cache_dir"_a = nb::none());
}

}  // namespace waterline::python
