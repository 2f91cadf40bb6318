// Command-line options whose values are read by hand, so that a message names what would do, and
// the argument that several commands declare. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <charconv>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace waterline::cli {

// The value that leaves a choice to the engine.
inline constexpr std::string_view kAutoValue = "auto";

// MODEL, of the commands that are about a model and not about texts.
void AddModelArgument(CLI::App& command, std::string& model);

// Declares an option that `parse` reads; the text that it returns, if any, says what is wrong with
// the value and ends in CLI::ParseError, after the first of `names`.
CLI::Option* AddParsed(CLI::App& command, const std::string& names, const std::string& help,
                       std::function<std::string(const std::string&)> parse);

// Declares an option that is one of `choices`.
template <typename T>
CLI::Option* AddChoice(CLI::App& command, const std::string& names, const std::string& help,
                       std::vector<std::pair<std::string, T>> choices, T& chosen) {
  std::string type;  // What completes it.
  for (const auto& [name, value] : choices) type += (type.empty() ? "" : "|") + name;
  CLI::Option* option =
      AddParsed(command, names, help, [choices, &chosen](const std::string& text) {
        std::string known;
        for (const auto& [name, value] : choices) {
          if (name == text) {
            chosen = value;
            return std::string();
          }
          known += (known.empty() ? "" : ", ") + name;
        }
        return "'" + text + "' is not known; it is one of " + known;
      });
  return option->type_name(type);
}

// Reads a whole number of at least `least` into `number`, and returns what is wrong, if anything.
template <typename T>
std::string ReadInteger(const std::string& text, T least, T& number) {
  T parsed = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, parsed);
  if (error != std::errc() || stop != end || parsed < least) {
    return "'" + text + "' is not a whole number from " + std::to_string(least) + " to " +
           std::to_string(std::numeric_limits<T>::max());
  }
  number = parsed;
  return {};
}

// Declares an option that is a number from 0 to 1.
template <typename T>
CLI::Option* AddProbability(CLI::App& command, const std::string& names, const std::string& help,
                            T& number) {
  return AddParsed(command, names, help, [&number](const std::string& text) {
    float parsed = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, parsed);
    if (error != std::errc() || stop != end || !(parsed >= 0 && parsed <= 1)) {
      return "'" + text + "' is not a number from 0 to 1";
    }
    number = parsed;
    return std::string();
  });
}

template <typename T>
CLI::Option* AddInteger(CLI::App& command, const std::string& names, const std::string& help,
                        T least, T& number) {
  return AddParsed(command, names, help, [least, &number](const std::string& text) {
    return ReadInteger(text, least, number);
  });
}

}  // namespace waterline::cli
