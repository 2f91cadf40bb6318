// SPDX-License-Identifier: Apache-2.0
#include "labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "byte_source.h"
#include "utf8_text.h"

namespace waterline::cli {
namespace {

constexpr size_t kMaxFileBytes = 1 << 20;

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r\n\v\f";
  const size_t first = text.find_first_not_of(kSpaces);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpaces) - first + 1);
}

void Add(std::string_view name, LabelList& list) {
  const bool known = std::any_of(list.labels.begin(), list.labels.end(),
                                 [&](const Label& label) { return label.name == name; });
  if (known) {
    list.duplicates.emplace_back(name);
  } else {
    list.labels.push_back({std::string(name), {}});
  }
}

// Calls part(text, number) for what lies between separators, from 1.
template <typename Part>
void Split(std::string_view text, char separator, Part part) {
  int number = 1;
  for (size_t at = 0;; ++number) {
    const size_t end = std::min(text.find(separator, at), text.size());
    part(text.substr(at, end - at), number);
    if (end == text.size()) return;
    at = end + 1;
  }
}

Result<void> AddList(const std::string& text, LabelList& list) {
  if (!IsUtf8(text)) {
    return Error{Code::kInvalidArgument, fmt::format("--labels: {}", DescribeInvalidUtf8(text))};
  }
  int empty = 0;
  Split(text, ',', [&](std::string_view part, int number) {
    const std::string_view name = Trim(part);
    if (!name.empty()) return Add(name, list);
    if (empty == 0) empty = number;
  });
  if (empty == 0) return {};
  return Error{
      Code::kInvalidArgument,
      fmt::format("--labels '{}': label {} is empty; write --labels person,location", text, empty)};
}

Result<void> AddFile(const std::string& file, LabelList& list) {
  Result<std::string> text = ReadAll(file, kMaxFileBytes);
  if (!text.ok()) {
    return Error{text.error().code, fmt::format("--labels-file {}", text.error().message)};
  }
  std::string_view rest = *text;
  if (rest.starts_with(kByteOrderMark)) rest.remove_prefix(kByteOrderMark.size());
  int broken = 0;
  Split(rest, '\n', [&](std::string_view line, int number) {
    const std::string_view name = Trim(line);
    if (!IsUtf8(name)) {
      if (broken == 0) broken = number;
    } else if (!name.empty()) {
      Add(name, list);
    }
  });
  if (broken == 0) return {};
  return Error{Code::kInvalidArgument,
               fmt::format("--labels-file {}:{}: the label is not UTF-8", file, broken)};
}

}  // namespace

Result<LabelList> ReadLabels(const std::vector<std::string>& lists, const std::string& file) {
  LabelList list;
  for (const std::string& text : lists) {
    if (Result<void> added = AddList(text, list); !added.ok()) return added.error();
  }
  if (!file.empty()) {
    if (Result<void> added = AddFile(file, list); !added.ok()) return added.error();
  }
  if (list.labels.empty()) {
    return Error{
        Code::kInvalidArgument,
        file.empty()
            ? std::string("no labels: say what to look for, as in --labels person,location")
            : fmt::format("no labels: --labels-file {} holds none; write one a line", file)};
  }
  return list;
}

}  // namespace waterline::cli
