// Result<T>: a value or an Error. The only way Waterline reports failure.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace waterline {

enum class Code {
  kInvalidArgument,  // The caller's request: text, labels, options, a budget that cannot be parsed.
  kNotFound,         // A file, directory or hub snapshot that is not there.
  kBadModel,         // A checkpoint that is broken or contradicts itself.
  kUnsupported,      // A checkpoint or option that is sound, but that this build cannot run.
  kOverBudget,       // More memory than the budget leaves; the message says how much would do.
  kIo,               // The operating system refused to read, to write or to give memory.
  kDeadline,         // Memory that others hold did not become free in time.
  kCancelled,        // The caller requested a stop.
  kInternal,         // A defect of Waterline.
};

// The name of `code` as it appears in messages and machine-readable output, e.g. "over_budget".
const char* CodeName(Code code);

// Which part of a call an error is about, where it is about one.
enum class Subject {
  kNone,       // None of these, or the library does not say.
  kText,       // A text, or the words that were given with it.
  kLabels,     // The labels, or a threshold of one of them.
  kRelations,  // The relations.
  kThreshold,  // A threshold for all labels or relations.
  kModel,      // The model: it cannot do what was asked, whatever the rest of the call.
};

struct Error {
  Code code;
  std::string message;  // One sentence: what was wrong, where, both values, what would do.
  Subject subject = Subject::kNone;
};

// Holds a T or an Error. Test with ok() before using either side.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return std::holds_alternative<T>(state_); }
  const Error& error() const { return std::get<Error>(state_); }  // Requires !ok().

  T& operator*() & { return std::get<T>(state_); }               // Requires ok().
  const T& operator*() const& { return std::get<T>(state_); }    // Requires ok().
  T&& operator*() && { return std::get<T>(std::move(state_)); }  // Requires ok().
  T* operator->() { return &std::get<T>(state_); }               // Requires ok().
  const T* operator->() const { return &std::get<T>(state_); }   // Requires ok().

 private:
  std::variant<T, Error> state_;
};

// Success, or an Error: the Result of a call that returns nothing.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return !error_.has_value(); }
  const Error& error() const { return *error_; }  // Requires !ok().

 private:
  std::optional<Error> error_;
};

}  // namespace waterline
