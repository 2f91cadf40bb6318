// SPDX-License-Identifier: Apache-2.0
#include "redaction/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <new>
#include <optional>
#include <utility>

#include "redaction/presets.h"
#include "redaction/yaml_tree.h"

namespace waterline::redaction {
namespace {

constexpr int kMaxContextDistance = 1000;

std::string Joined(const std::vector<std::string>& names) {
  return fmt::format("{}", fmt::join(names, ", "));
}

// Reads one file.
class RuleReader {
 public:
  explicit RuleReader(const std::string& name) : name_(name) {}

  Result<Rules> Read(std::string_view yaml) {
    if (yaml.size() > kMaxRuleFile) {
      return Error{waterline::Code::kInvalidArgument,
                   fmt::format("{}: the file has {} bytes, and a rule file may have {}", name_,
                               yaml.size(), kMaxRuleFile)};
    }
    auto root = ReadYaml(yaml, name_);
    if (!root.ok()) return root.error();
    if (const auto bad = ReadFile(*root)) return *bad;
    return std::move(rules_);
  }

 private:
  using Problem = std::optional<Error>;

  Error At(int line, const std::string& message) const {
    return {waterline::Code::kInvalidArgument, fmt::format("{}:{}: {}", name_, line, message)};
  }
  Problem Wants(const YamlNode& node, YamlNode::Kind kind, const std::string& what) const {
    if (node.kind == kind) return {};
    return At(node.line,
              fmt::format("{} is {}: it has to be {}", what, KindName(node.kind), KindName(kind)));
  }

  // All keys of `map` are among `known`.
  Problem KnowsKeys(const YamlNode& map, const std::string& what,
                    const std::vector<std::string>& known) const {
    for (const YamlNode& key : map.keys) {
      if (std::find(known.begin(), known.end(), key.text) != known.end()) continue;
      return At(key.line, fmt::format("{} has no key \"{}\": its keys are {}", what, key.text,
                                      Joined(known)));
    }
    return {};
  }
  static const YamlNode* Find(const YamlNode& map, std::string_view key) {
    for (size_t i = 0; i < map.keys.size(); ++i) {
      if (map.keys[i].text == key) return &map.values[i];
    }
    return nullptr;
  }

  // The text at `key`, which has more than white space; `to` stays as it is where there is no such
  // key and it is not needed.
  Problem Text(const YamlNode& map, const std::string& what, const char* key, bool needed,
               std::string& to) const {
    const YamlNode* node = Find(map, key);
    if (node == nullptr) {
      if (!needed) return {};
      return At(map.line, fmt::format("{} has no {}: it needs one", what, key));
    }
    const std::string name = fmt::format("the {} of {}", key, what);
    if (const auto bad = Wants(*node, YamlNode::Kind::kText, name)) return bad;
    to = node->text;
    return NotBlank(*node, name);
  }
  Problem NotBlank(const YamlNode& node, const std::string& what) const {
    if (node.text.find_first_not_of(" \t\r\n") != std::string::npos) return {};
    return At(node.line, fmt::format("{} is blank: write something", what));
  }
  // What is shown to people and put into texts has no line breaks.
  Problem OneLine(const YamlNode& map, const std::string& what, const char* key, bool needed,
                  std::string& to) const {
    if (const auto bad = Text(map, what, key, needed, to)) return bad;
    const auto is_control = [](char c) {
      return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
    };
    if (std::any_of(to.begin(), to.end(), is_control)) {
      return At(Find(map, key)->line,
                fmt::format("the {} of {} has a line break or another control character: leave it "
                            "out",
                            key, what));
    }
    return {};
  }

  Problem ReadFile(const YamlNode& root) {
    if (root.kind == YamlNode::Kind::kNull) {
      return At(1, "the file is empty: it needs labels, patterns or a preset to extend");
    }
    if (const auto bad = Wants(root, YamlNode::Kind::kMap, "a rule file")) return bad;
    if (const auto bad =
            KnowsKeys(root, "a rule file", {"extends", "drop", "labels", "patterns"})) {
      return bad;
    }
    if (const auto bad = ReadExtends(root)) return bad;
    if (const YamlNode* drop = Find(root, "drop")) {
      if (const auto bad = ReadDrop(*drop, Find(root, "extends") != nullptr)) return bad;
    }
    if (const YamlNode* labels = Find(root, "labels")) {
      if (const auto bad = Wants(*labels, YamlNode::Kind::kList, "labels")) return bad;
      for (const YamlNode& item : labels->values) {
        if (const auto bad = ReadLabel(item)) return bad;
      }
    }
    if (const YamlNode* patterns = Find(root, "patterns")) {
      if (const auto bad = Wants(*patterns, YamlNode::Kind::kList, "patterns")) return bad;
      for (const YamlNode& item : patterns->values) {
        if (const auto bad = ReadPattern(item)) return bad;
      }
    }
    if (rules_.labels.empty() && rules_.patterns.empty()) {
      return At(1, "there is nothing to look for: name labels, patterns or a preset to extend");
    }
    return {};
  }

  Problem ReadExtends(const YamlNode& root) {
    std::string preset;
    if (const auto bad = Text(root, "a rule file", "extends", false, preset)) return bad;
    if (preset.empty()) return {};
    const auto text = PresetText(preset);
    if (!text) {
      return At(Find(root, "extends")->line, fmt::format("there is no preset \"{}\": there are {}",
                                                         preset, Joined(PresetNames())));
    }
    auto rules = ParseRules(*text, preset);
    if (!rules.ok()) return rules.error();
    rules_ = *std::move(rules);
    return {};
  }

  Problem ReadDrop(const YamlNode& drop, bool extends) {
    if (!extends) {
      return At(drop.line, "drop takes from a preset, and none is extended: leave it out");
    }
    if (const auto bad = Wants(drop, YamlNode::Kind::kList, "drop")) return bad;
    for (const YamlNode& item : drop.values) {
      if (const auto bad = Wants(item, YamlNode::Kind::kText, "what is dropped")) return bad;
      const std::string& name = item.text;
      const size_t dropped =
          std::erase_if(rules_.labels, [&](const Label& label) { return label.name == name; }) +
          std::erase_if(rules_.patterns, [&](const PatternRule& rule) {
            return rule.name == name || rule.label == name;
          });
      if (dropped == 0) {
        std::vector<std::string> names;
        for (const Label& label : rules_.labels) names.push_back(label.name);
        for (const PatternRule& rule : rules_.patterns) names.push_back(rule.name);
        return At(item.line,
                  fmt::format("the preset has no label and no pattern \"{}\" to drop: it "
                              "has {}",
                              name, Joined(names)));
      }
    }
    return {};
  }

  Problem ReadLabel(const YamlNode& item) {
    Label label;
    if (item.kind == YamlNode::Kind::kText) {
      label.name = item.text;
      if (const auto bad = NotBlank(item, "a label")) return bad;
    } else {
      if (item.kind != YamlNode::Kind::kMap) {
        return At(item.line, fmt::format("a label is {}: it has to be text, or keys with values",
                                         KindName(item.kind)));
      }
      if (const auto bad =
              KnowsKeys(item, "a label", {"name", "description", "threshold", "replacement"})) {
        return bad;
      }
      if (const auto bad = OneLine(item, "a label", "name", true, label.name)) return bad;
      const std::string what = fmt::format("label \"{}\"", label.name);
      if (const auto bad = Text(item, what, "description", false, label.description)) return bad;
      if (const auto bad = ReadThreshold(item, what, label.threshold)) return bad;
      if (const auto bad = ReadReplacement(item, what, label.name)) return bad;
    }
    if (const auto bad = Once("label", label.name, item.line, label_lines_)) return bad;
    Put(rules_.labels, std::move(label));
    return {};
  }

  Problem ReadThreshold(const YamlNode& item, const std::string& what,
                        std::optional<float>& to) const {
    std::string text;
    if (const auto bad = Text(item, what, "threshold", false, text)) return bad;
    if (text.empty()) return {};
    float value = 0;
    const auto [end, reason] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (reason != std::errc() || end != text.data() + text.size() || !(value >= 0 && value <= 1)) {
      return At(
          Find(item, "threshold")->line,
          fmt::format("the threshold of {} is {}: it has to be a number from 0 to 1", what, text));
    }
    to = value;
    return {};
  }

  // `replacement`, which is one for all of a label.
  Problem ReadReplacement(const YamlNode& item, const std::string& what, const std::string& label) {
    std::string text;
    if (const auto bad = Text(item, what, "replacement", false, text)) return bad;
    if (text.empty()) return {};
    const int line = Find(item, "replacement")->line;
    const auto replacement = ParseReplacement(text);
    if (!replacement) {
      return At(line, fmt::format("the replacement of {} is \"{}\": it has to be label, mask, "
                                  "pseudonym, hash or word",
                                  what, text));
    }
    const auto [place, added] = replacement_lines_.emplace(label, line);
    if (!added && rules_.replacements.at(label) != *replacement) {
      return At(
          line,
          fmt::format("what is found as \"{}\" is replaced by {} here and by {} in line "
                      "{}: a label has one replacement",
                      label, text, ReplacementName(rules_.replacements.at(label)), place->second));
    }
    rules_.replacements[label] = *replacement;
    return {};
  }

  Problem ReadPattern(const YamlNode& item) {
    if (const auto bad = Wants(item, YamlNode::Kind::kMap, "a pattern")) return bad;
    if (const auto bad = KnowsKeys(
            item, "a pattern",
            {"name", "label", "regex", "check", "context", "context_distance", "replacement"})) {
      return bad;
    }
    PatternRule rule;
    rule.file = name_;
    rule.line = item.line;
    if (const auto bad = OneLine(item, "a pattern", "name", true, rule.name)) return bad;
    const std::string what = fmt::format("pattern \"{}\"", rule.name);
    if (const auto bad = OneLine(item, what, "label", true, rule.label)) return bad;
    if (const auto bad = Text(item, what, "regex", true, rule.regex)) return bad;
    if (const auto bad = ReadCheck(item, what, rule.check)) return bad;
    if (const auto bad = ReadContext(item, what, rule)) return bad;
    if (const auto bad = ReadReplacement(item, what, rule.label)) return bad;
    if (const auto bad = Once("pattern", rule.name, item.line, pattern_lines_)) return bad;
    Put(rules_.patterns, std::move(rule));
    return {};
  }

  Problem ReadCheck(const YamlNode& item, const std::string& what, Check& to) const {
    std::string text;
    if (const auto bad = Text(item, what, "check", false, text)) return bad;
    if (text.empty()) return {};
    const auto check = ParseCheck(text);
    if (!check) {
      std::vector<std::string> names;
      for (const Check known : AllChecks()) names.emplace_back(CheckName(known));
      return At(Find(item, "check")->line,
                fmt::format("there is no check \"{}\", which {} names: there are {}", text, what,
                            Joined(names)));
    }
    to = *check;
    return {};
  }

  Problem ReadContext(const YamlNode& item, const std::string& what, PatternRule& rule) const {
    const YamlNode* context = Find(item, "context");
    if (context != nullptr) {
      const std::string name = fmt::format("the context of {}", what);
      const std::string word_name = fmt::format("a word in the context of {}", what);
      if (const auto bad = Wants(*context, YamlNode::Kind::kList, name)) return bad;
      for (const YamlNode& word : context->values) {
        if (const auto bad = Wants(word, YamlNode::Kind::kText, word_name)) return bad;
        if (const auto bad = NotBlank(word, word_name)) return bad;
        rule.context.push_back(word.text);
      }
      if (rule.context.empty()) {
        return At(context->line,
                  fmt::format("{} is an empty list: name words, or leave it out", name));
      }
    }
    std::string text;
    if (const auto bad = Text(item, what, "context_distance", false, text)) return bad;
    if (text.empty()) return {};
    const int line = Find(item, "context_distance")->line;
    if (context == nullptr) {
      return At(line, fmt::format("{} has a context_distance and no context: leave it out", what));
    }
    const auto [end, reason] =
        std::from_chars(text.data(), text.data() + text.size(), rule.context_distance);
    if (reason != std::errc() || end != text.data() + text.size() || rule.context_distance < 1 ||
        rule.context_distance > kMaxContextDistance) {
      return At(line, fmt::format("the context_distance of {} is {}: it has to be a whole number "
                                  "from 1 to {}",
                                  what, text, kMaxContextDistance));
    }
    return {};
  }

  // Each name once in a file.
  Problem Once(const char* kind, const std::string& name, int line,
               std::map<std::string, int>& lines) const {
    const auto [place, added] = lines.emplace(name, line);
    if (added) return {};
    return At(line, fmt::format("the {} \"{}\" was given in line {} already: keep one of them",
                                kind, name, place->second));
  }
  // In the place of the preset's of that name, else behind.
  template <typename T>
  static void Put(std::vector<T>& list, T item) {
    const auto same = std::find_if(list.begin(), list.end(),
                                   [&](const T& other) { return other.name == item.name; });
    if (same != list.end()) {
      *same = std::move(item);
    } else {
      list.push_back(std::move(item));
    }
  }

  const std::string& name_;
  Rules rules_;
  std::map<std::string, int> label_lines_, pattern_lines_, replacement_lines_;
};

}  // namespace

Result<Rules> ParseRules(std::string_view yaml, const std::string& name) {
  try {
    return RuleReader(name).Read(yaml);
  } catch (const std::bad_alloc&) {
    return Error{waterline::Code::kIo, fmt::format("{}: the system refused memory", name)};
  }
}

}  // namespace waterline::redaction
