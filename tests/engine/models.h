// The models of the tests, and answers to compare.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/engine_state.h"
#include "waterline/engine.h"

namespace waterline {

// A golden checkpoint.
inline std::string GoldenModel(const std::string& name) {
  return std::filesystem::path(WATERLINE_GOLDEN_DIR) / "models" / name / "checkpoint";
}
// The model that ships with Waterline.
inline std::string DefaultModel() {
  return std::filesystem::path(WATERLINE_SOURCE_DIR) / "models" / "waterline-tiny-en";
}

inline Engine MustLoad(const std::string& model, const EngineOptions& options = {}) {
  Result<Engine> engine = Engine::Load(model, options);
  EXPECT_TRUE(engine.ok()) << engine.error().message;
  return *engine;
}

inline std::vector<Extraction> MustExtract(const Engine& engine,
                                           const std::vector<std::string>& texts,
                                           const std::vector<Label>& labels,
                                           const ExtractOptions& options = {}) {
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  auto result = engine.Extract(std::span<const std::string_view>(views), labels, options);
  EXPECT_TRUE(result.ok()) << result.error().message;
  return result.ok() ? *result : std::vector<Extraction>(texts.size());
}

// Bit for bit.
inline bool SameAnswer(const Extraction& a, const Extraction& b) {
  if (a.error.has_value() != b.error.has_value()) return false;
  if (a.entities.size() != b.entities.size() || a.vectors != b.vectors) return false;
  for (size_t i = 0; i < a.entities.size(); ++i) {
    const Entity &x = a.entities[i], &y = b.entities[i];
    if (x.start != y.start || x.end != y.end || x.byte_start != y.byte_start ||
        x.label != y.label || std::memcmp(&x.score, &y.score, sizeof x.score) != 0) {
      return false;
    }
  }
  return true;
}

inline bool SameAnswers(const std::vector<Extraction>& a, const std::vector<Extraction>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!SameAnswer(a[i], b[i])) return false;
  }
  return true;
}

struct EngineInternals {
  static Engine::Impl& Of(const Engine& engine) { return *engine.impl_; }
};

}  // namespace waterline
