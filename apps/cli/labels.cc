// SPDX-License-Identifier: Apache-2.0
#include "labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "byte_source.h"
#include "label_json.h"
#include "utf8_text.h"

namespace waterline::cli {
namespace {

constexpr size_t kMaxFileBytes = 16 << 20;

// What is read, for messages.
struct Kind {
  const char* noun;
  const char* flag;
  const char* file_flag;
  const char* example;
};
constexpr Kind kLabels = {"label", "--labels", "--labels-file", "person,location"};
constexpr Kind kRelations = {"relation", "--relations", "--relations-file", "works-for,born-in"};

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r\n\v\f";
  const size_t first = text.find_first_not_of(kSpaces);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpaces) - first + 1);
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

// Collects names from lists and files. Relations are labels that are names alone.
class Collector {
 public:
  explicit Collector(const Kind& kind) : kind_(kind) {}

  Result<LabelList> Collect(const std::vector<std::string>& lists, const std::string& file) {
    for (const std::string& text : lists) {
      if (Result<void> added = AddList(text); !added.ok()) return added.error();
    }
    if (file.empty()) return std::move(list_);
    if (Result<void> added = AddFile(file); !added.ok()) return added.error();
    if (!list_.labels.empty()) return std::move(list_);
    return Invalid(fmt::format("no {}s: {} {} holds none; write one a line", kind_.noun,
                               kind_.file_flag, file));
  }

 private:
  static Error Invalid(std::string message) { return {Code::kInvalidArgument, std::move(message)}; }

  void Add(Label label) {
    if (known_.insert(label.name).second) {
      list_.labels.push_back(std::move(label));
    } else {
      list_.duplicates.push_back(std::move(label.name));
    }
  }

  Result<void> AddList(const std::string& text) {
    if (!IsUtf8(text)) {
      return Invalid(fmt::format("{}: {}", kind_.flag, DescribeInvalidUtf8(text)));
    }
    int empty = 0;
    Split(text, ',', [&](std::string_view part, int number) {
      const std::string_view name = Trim(part);
      if (!name.empty()) return Add({.name = std::string(name)});
      if (empty == 0) empty = number;
    });
    if (empty == 0) return {};
    return Invalid(fmt::format("{} '{}': {} {} is empty; write {} {}", kind_.flag, text, kind_.noun,
                               empty, kind_.flag, kind_.example));
  }

  Result<void> AddFile(const std::string& file) {
    const Result<std::string> text = ReadAll(file, kMaxFileBytes);
    if (!text.ok()) {
      return Error{text.error().code, fmt::format("{} {}", kind_.file_flag, text.error().message)};
    }
    std::string_view rest = *text;
    if (rest.starts_with(kByteOrderMark)) rest.remove_prefix(kByteOrderMark.size());
    if (file.ends_with(".json") || Trim(rest).starts_with('{')) return AddJson(file, rest);
    int broken = 0;
    Split(rest, '\n', [&](std::string_view line, int number) {
      const std::string_view name = Trim(line);
      if (!IsUtf8(name)) {
        if (broken == 0) broken = number;
      } else if (!name.empty()) {
        Add({.name = std::string(name)});
      }
    });
    if (broken == 0) return {};
    return Invalid(
        fmt::format("{} {}:{}: the {} is not UTF-8", kind_.file_flag, file, broken, kind_.noun));
  }

  Result<void> AddJson(const std::string& file, std::string_view json) {
    simdjson::dom::parser parser;
    const auto refuse = [&](const Error& error) {
      return Invalid(fmt::format("{} {}: {}", kind_.file_flag, file, error.message));
    };
    if (&kind_ == &kRelations) {
      Result<std::vector<std::string>> names = RelationsFromJson(parser, json);
      if (!names.ok()) return refuse(names.error());
      for (std::string& name : *names) Add({.name = std::move(name)});
    } else {
      Result<std::vector<Label>> labels = LabelsFromJson(parser, json);
      if (!labels.ok()) return refuse(labels.error());
      for (Label& label : *labels) Add(std::move(label));
    }
    return {};
  }

  const Kind& kind_;
  LabelList list_;
  std::unordered_set<std::string> known_;
};

}  // namespace

Result<LabelList> ReadLabels(const std::vector<std::string>& lists, const std::string& file) {
  return Collector(kLabels).Collect(lists, file);
}

Error NoLabels() {
  return {Code::kInvalidArgument,
          "no labels: say what to look for, as in --labels person,location"};
}

Result<RelationList> ReadRelations(const std::vector<std::string>& lists, const std::string& file) {
  Result<LabelList> list = Collector(kRelations).Collect(lists, file);
  if (!list.ok()) return list.error();
  RelationList relations;
  for (Label& label : list->labels) relations.relations.push_back(std::move(label.name));
  relations.duplicates = std::move(list->duplicates);
  return relations;
}

}  // namespace waterline::cli
