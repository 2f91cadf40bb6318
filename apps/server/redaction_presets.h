// The presets of redaction, ready to use.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "redaction/patterns.h"
#include "redaction/rules.h"
#include "waterline/result.h"

namespace waterline::server {

struct RedactionPreset {
  redaction::Rules rules;
  redaction::PatternSet patterns;  // Of rules.patterns.
};

using PresetPointer = std::shared_ptr<const RedactionPreset>;

// Compiles each when it is asked for first, and keeps it. Safe from any thread.
class RedactionPresets {
 public:
  // Requires the name of a preset. Errors: kIo  the system refused memory.
  Result<PresetPointer> Find(const std::string& name);

 private:
  std::mutex mutex_;
  std::map<std::string, PresetPointer> known_;
};

}  // namespace waterline::server
