// The command line of `waterline extract`.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "document_reader.h"
#include "extraction_format.h"
#include "waterline/engine.h"

namespace CLI {
class App;
}

namespace waterline::cli {

struct ExtractArguments {
  std::vector<std::string> files;  // Empty: standard input.
  std::vector<std::string> labels;
  std::string labels_file;
  std::string model;
  EngineOptions engine;
  ExtractOptions extract;
  InputKind input = InputKind::kAuto;
  std::string text_field = "text";
  std::string format;  // "" until it is known whether a terminal reads it.
  std::string output;
  bool strict = false;
  bool stats = false;
  bool quiet = false;
};

// Declares the flags on `command`, which fills `arguments` when it parses; both must live as long.
// Values that cannot be used end in CLI::ParseError.
void AddExtractFlags(CLI::App& command, ExtractArguments& arguments);

// Declares --memory-budget, which `inspect` has too.
void AddMemoryBudgetFlag(CLI::App& command, size_t& memory_budget);

}  // namespace waterline::cli
