// A model that is loaded, as Python has it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nanobind/nanobind.h>

#include <optional>
#include <string>

#include "waterline/engine.h"

namespace waterline::python {

namespace nb = nanobind;

// Loads when it is made, and again in a process that was forked since, where the workers are gone.
// Every method needs the GIL, and releases it while the engine works.
class LoadedModel {
 public:
  LoadedModel(std::string model, EngineOptions options);
  ~LoadedModel();
  LoadedModel(const LoadedModel&) = delete;
  LoadedModel& operator=(const LoadedModel&) = delete;

  // Throws the exception of the error if it has to load and cannot.
  Engine engine();

 private:
  void Load();

  std::string model_;
  EngineOptions options_;
  std::optional<Engine> engine_;
  int forks_ = 0;  // ForkCount() when engine_ was loaded.
};

void BindEngine(nb::module_& module);

}  // namespace waterline::python
