// Finds what pattern rules describe.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "redaction/rules.h"
#include "waterline/result.h"

namespace waterline::redaction {

struct PatternMatch {
  size_t byte_start = 0;
  size_t byte_end = 0;
  size_t rule = 0;  // Index into the rules that were compiled.

  friend bool operator==(const PatternMatch&, const PatternMatch&) = default;
};

// The compiled rules. Movable; Find is safe from any thread.
class PatternSet {
 public:
  // Errors: kInvalidArgument  a regular expression that PCRE2 refuses (with rule, place and
  // reason),
  //                           or that can match nothing at all.
  //         kIo               the system refused memory.
  static Result<PatternSet> Compile(const std::vector<PatternRule>& rules);

  PatternSet(PatternSet&&) noexcept;
  PatternSet& operator=(PatternSet&&) noexcept;
  ~PatternSet();

  // All matches that pass the check and the context of their rule, ordered by byte_start, then by
  // rule. Those of one rule do not overlap, those of different rules may. `text` must be valid
  // UTF-8. Errors: kInvalidArgument  matching a rule took more steps than PCRE2 is allowed; names
  // the rule.
  //         kIo               the system refused memory.
  Result<std::vector<PatternMatch>> Find(std::string_view text) const;

  // Bytes of the compiled rules, and of the machine code made of them. Neither counts against a
  // memory budget.
  size_t code_bytes() const;

 private:
  struct Rule;
  explicit PatternSet(std::vector<Rule> rules);
  std::vector<Rule> rules_;
};

}  // namespace waterline::redaction
