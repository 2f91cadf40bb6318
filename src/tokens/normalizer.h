// The normalisation of text before it is cut into pieces: a chain of steps.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <memory_resource>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokens/precompiled_map.h"
#include "tokens/regex.h"
#include "tokens/unicode_forms.h"

namespace waterline {

// Text on its way through the pipeline. Normal forms, case and maps change its length, so it
// carries how many of its leading bytes stem from the first character of the input: Metaspace's
// "first" scheme asks whether a piece does.
struct Text {
  explicit Text(std::pmr::memory_resource* memory) : bytes(memory) {}
  std::pmr::string bytes;
  size_t head = 0;
};

// One step. Immutable; safe from any thread.
class NormalizerStep {
 public:
  virtual ~NormalizerStep() = default;
  // Writes the normalised `in` to `out`, which is empty, and its head.
  virtual void Apply(const Text& in, Text& out) const = 0;
};

struct BertNormalizerOptions {
  bool clean_text = true;
  bool handle_chinese_chars = true;
  std::optional<bool> strip_accents;  // Absent: as `lowercase`.
  bool lowercase = true;
};

// Each named after the component of tokenizer.json that it is.
std::unique_ptr<NormalizerStep> MakeBertNormalizer(const BertNormalizerOptions& options);
std::unique_ptr<NormalizerStep> MakeLowercase();
std::unique_ptr<NormalizerStep> MakeNormalForm(NormalForm form);
std::unique_ptr<NormalizerStep> MakeStripAccents();
std::unique_ptr<NormalizerStep> MakeStrip(bool left, bool right);
std::unique_ptr<NormalizerStep> MakeReplace(std::string pattern, std::string content);
std::unique_ptr<NormalizerStep> MakeReplace(Regex pattern, std::string content);
std::unique_ptr<NormalizerStep> MakePrepend(std::string prefix);
std::unique_ptr<NormalizerStep> MakePrecompiled(PrecompiledMap map);
std::unique_ptr<NormalizerStep> MakeNmt();
std::unique_ptr<NormalizerStep> MakeByteLevelNormalizer();
// Replaces each run of two or more spaces: Replace with the Regex " {2,}", without the regex.
std::unique_ptr<NormalizerStep> MakeReplaceSpaceRuns(std::string content);

// The steps in order; none leaves text as it is.
class Normalizer {
 public:
  void Add(std::unique_ptr<NormalizerStep> step) { steps_.push_back(std::move(step)); }
  bool empty() const { return steps_.empty(); }
  // Normalises `text` in place; `spare` lends its storage.
  void Apply(Text& text, Text& spare) const;

 private:
  std::vector<std::unique_ptr<NormalizerStep>> steps_;
};

}  // namespace waterline
