// SPDX-License-Identifier: Apache-2.0
#include "redaction/yaml_tree.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <cstddef>
#include <new>
#include <optional>
#include <sstream>
#include <utility>

#include "base/utf8.h"

namespace waterline::redaction {
namespace {

constexpr size_t kMaxDepth = 5;  // A rule file is a map of lists of maps of lists of text.
constexpr size_t kMaxNodes = 20'000;

// Makes a tree of what YAML's parser reads. Its own would follow aliases and drop repeated keys.
class TreeMaker : public YAML::EventHandler {
 public:
  struct Problem {
    int line;
    std::string message;
  };
  const std::optional<Problem>& problem() const { return problem_; }
  YamlNode&& root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Add(mark, {}, anchor, YamlNode::Kind::kNull, {});
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Fail(mark.line + 1, "an alias (*) is not read here: write out what it stands for");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Add(mark, tag, anchor, YamlNode::Kind::kText, value);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, YamlNode::Kind::kList);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, YamlNode::Kind::kMap);
  }
  void OnMapEnd() override { Close(); }

 private:
  void Fail(int line, std::string message) {
    if (!problem_) problem_ = Problem{line, std::move(message)};
  }

  // The new node, or nullptr after a problem.
  YamlNode* Add(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                YamlNode::Kind kind, const std::string& text) {
    const int line = mark.line + 1;
    if (anchor != 0) Fail(line, "an anchor (&) is not read here: write out what its aliases mean");
    if (!tag.empty() && tag != "?" && tag != "!") {
      Fail(line, fmt::format("the tag {} is not read here: leave it out", tag));
    }
    if (++nodes_ > kMaxNodes) {
      Fail(line, fmt::format("there are more than {} values: leave some out", kMaxNodes));
    }
    if (problem_) return nullptr;
    YamlNode node{kind, line, text};
    if (open_.empty()) {
      root_ = std::move(node);
      return &root_;
    }
    YamlNode& parent = *open_.back();
    if (parent.kind == YamlNode::Kind::kList || parent.keys.size() > parent.values.size()) {
      // What is not there has the place of what comes next.
      if (kind == YamlNode::Kind::kNull && parent.kind == YamlNode::Kind::kMap) {
        node.line = parent.keys.back().line;
      }
      parent.values.push_back(std::move(node));
      return &parent.values.back();
    }
    if (kind != YamlNode::Kind::kText) {
      Fail(line, fmt::format("a key is {}: it has to be text", KindName(kind)));
      return nullptr;
    }
    for (const YamlNode& key : parent.keys) {
      if (key.text != text) continue;
      Fail(line, fmt::format("the key \"{}\" was given in line {} already: keep one of them", text,
                             key.line));
      return nullptr;
    }
    // Keys are few, so that looking at all of them costs nothing.
    if (parent.keys.size() == 32) {
      Fail(line, "there are more than 32 keys beside each other");
      return nullptr;
    }
    parent.keys.push_back(std::move(node));
    return &parent.keys.back();
  }

  void Open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            YamlNode::Kind kind) {
    if (open_.size() >= kMaxDepth) {
      Fail(mark.line + 1,
           fmt::format("lists and keys lie more than {} deep in each other", kMaxDepth));
    }
    YamlNode* node = Add(mark, tag, anchor, kind, {});
    if (node != nullptr) open_.push_back(node);
  }
  void Close() {
    if (!problem_) open_.pop_back();
  }

  YamlNode root_;
  std::vector<YamlNode*>
      open_;  // The last is the innermost; none of their parents grows meanwhile.
  size_t nodes_ = 0;
  std::optional<Problem> problem_;
};

Error At(const std::string& name, int line, const std::string& message) {
  return {Code::kInvalidArgument, fmt::format("{}:{}: {}", name, line, message)};
}

int LineOf(std::string_view text, size_t byte) {
  return 1 + static_cast<int>(
                 std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(byte), '\n'));
}

// YAML has no control characters, and its parser takes one of them for the end of the file.
std::optional<Error> BadCharacter(std::string_view yaml, const std::string& name) {
  if (const size_t byte = FindInvalidUtf8(yaml); byte != kValidUtf8) {
    return At(name, LineOf(yaml, byte),
              fmt::format("byte {} is not UTF-8: save the file as UTF-8", byte));
  }
  for (size_t i = 0; i < yaml.size(); ++i) {
    const auto c = static_cast<unsigned char>(yaml[i]);
    if ((c >= 0x20 && c != 0x7F) || c == '\t' || c == '\n' || c == '\r') continue;
    return At(name, LineOf(yaml, i), fmt::format("a control character, U+{:04X}: leave it out", c));
  }
  return {};
}

}  // namespace

const char* KindName(YamlNode::Kind kind) {
  switch (kind) {
    case YamlNode::Kind::kNull:
      return "nothing";
    case YamlNode::Kind::kText:
      return "text";
    case YamlNode::Kind::kList:
      return "a list";
    case YamlNode::Kind::kMap:
      return "keys with values";
  }
  return "?";
}

Result<YamlNode> ReadYaml(std::string_view yaml, const std::string& name) {
  if (const auto bad = BadCharacter(yaml, name)) return *bad;
  TreeMaker maker;
  try {
    std::istringstream stream{std::string(yaml)};
    YAML::Parser parser(stream);
    const bool first = parser.HandleNextDocument(maker);
    if (maker.problem()) return At(name, maker.problem()->line, maker.problem()->message);
    TreeMaker other;
    if (first && parser.HandleNextDocument(other)) {
      return At(name, 1, "there is more than one document (---): a rule file has one");
    }
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const YAML::Exception& e) {
    if (maker.problem()) return At(name, maker.problem()->line, maker.problem()->message);
    return At(name, std::max(e.mark.line, 0) + 1, fmt::format("this is not YAML: {}", e.msg));
  } catch (const std::exception& e) {
    return At(name, 1, fmt::format("this is not YAML: {}", e.what()));
  }
  return std::move(maker.root());
}

}  // namespace waterline::redaction
