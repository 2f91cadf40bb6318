// Random texts, labels and budgets for property tests: reproducible from a seed.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <random>
#include <string>
#include <vector>

#include "waterline/engine.h"

namespace waterline {

class RandomTexts {
 public:
  explicit RandomTexts(uint32_t seed) : random_(seed) {}

  // A text of `words` words in several scripts.
  std::string Text(int words) {
    static const char* const kWords[] = {"London", "the",    "in",       "Ada",  "state-of-the-art",
                                         ",",      ".",      "2020",     "Köln", "naïve",
                                         "日本語", "€",      "👍🏽", "a",    "played",
                                         "United", "Москва", "of"};
    std::string text;
    for (int i = 0; i < words; ++i) {
      if (i > 0) text += ' ';
      text += kWords[Below(std::size(kWords))];
    }
    return text;
  }

  std::vector<std::string> Texts(int count, int most_words) {
    std::vector<std::string> texts;
    for (int i = 0; i < count; ++i) texts.push_back(Text(static_cast<int>(Below(most_words + 1))));
    return texts;
  }

  std::vector<Label> Labels(int count) {
    static const char* const kLabels[] = {
        "person", "city", "date", "e-mail address", "职位", "event", "work of art (title)",
        "number"};
    std::vector<Label> labels;
    for (int i = 0; i < count; ++i) {
      labels.push_back(
          {kLabels[static_cast<size_t>(i) % std::size(kLabels)] + std::to_string(i), {}});
    }
    return labels;
  }

  size_t Below(size_t limit) {
    return std::uniform_int_distribution<size_t>(0, limit - 1)(random_);
  }

 private:
  std::mt19937 random_;
};

inline std::vector<std::string_view> Views(const std::vector<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

}  // namespace waterline
