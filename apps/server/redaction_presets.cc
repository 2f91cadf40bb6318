// SPDX-License-Identifier: Apache-2.0
#include "redaction_presets.h"

#include <utility>

#include "redaction/presets.h"

namespace waterline::server {

Result<PresetPointer> RedactionPresets::Find(const std::string& name) {
  const std::lock_guard lock(mutex_);
  PresetPointer& preset = known_[name];
  if (preset != nullptr) return preset;
  Result<redaction::Rules> rules = redaction::ParseRules(*redaction::PresetText(name), name);
  if (!rules.ok()) return rules.error();
  Result<redaction::PatternSet> patterns = redaction::PatternSet::Compile(rules->patterns);
  if (!patterns.ok()) return patterns.error();
  preset = std::make_shared<const RedactionPreset>(
      RedactionPreset{*std::move(rules), *std::move(patterns)});
  return preset;
}

}  // namespace waterline::server
