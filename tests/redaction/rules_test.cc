// SPDX-License-Identifier: Apache-2.0
#include "redaction/rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <random>
#include <string>

#include "redaction/patterns.h"
#include "redaction/presets.h"

namespace waterline::redaction {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

Rules Read(std::string_view yaml) {
  auto rules = ParseRules(yaml, "my.yaml");
  EXPECT_TRUE(rules.ok()) << rules.error().message;
  return rules.ok() ? *std::move(rules) : Rules{};
}
std::string Refusal(std::string_view yaml) {
  const auto rules = ParseRules(yaml, "my.yaml");
  EXPECT_FALSE(rules.ok()) << yaml;
  if (rules.ok()) return {};
  EXPECT_EQ(rules.error().code, waterline::Code::kInvalidArgument);
  return rules.error().message;
}
std::vector<std::string> Names(const Rules& rules) {
  std::vector<std::string> names;
  for (const Label& label : rules.labels) names.push_back(label.name);
  for (const PatternRule& rule : rules.patterns) names.push_back(rule.name);
  return names;
}

constexpr const char* kWhole = R"(# All keys.
labels:
  - city
  - name: person
    description: full name of a person
    threshold: 0.4
    replacement: pseudonym
  - {name: "e: mail"}
patterns:
  - name: employee
    label: employee id
    regex: 'E-(?<value>[0-9]{6})'
    check: luhn
    context: [staff, "personnel number"]
    context_distance: 12
    replacement: mask
  - name: ticket
    label: ticket
    regex: |-
      (?x) T-   # Of our tracker.
      [0-9]+
)";

TEST(ParseRules, ReadsAllKeys) {
  const Rules rules = Read(kWhole);
  ASSERT_THAT(Names(rules), ElementsAre("city", "person", "e: mail", "employee", "ticket"));
  EXPECT_EQ(rules.labels[0].description, "");
  EXPECT_FALSE(rules.labels[0].threshold);
  EXPECT_EQ(rules.labels[1].description, "full name of a person");
  EXPECT_FLOAT_EQ(*rules.labels[1].threshold, 0.4f);
  const PatternRule& employee = rules.patterns[0];
  EXPECT_EQ(employee.label, "employee id");
  EXPECT_EQ(employee.regex, "E-(?<value>[0-9]{6})");
  EXPECT_EQ(employee.check, Check::kLuhn);
  EXPECT_THAT(employee.context, ElementsAre("staff", "personnel number"));
  EXPECT_EQ(employee.context_distance, 12);
  EXPECT_EQ(employee.file, "my.yaml");
  EXPECT_EQ(employee.line, 10);
  EXPECT_EQ(rules.patterns[1].check, Check::kNone);
  EXPECT_EQ(rules.patterns[1].context_distance, 40);
  EXPECT_EQ(rules.patterns[1].regex, "(?x) T-   # Of our tracker.\n[0-9]+");
  EXPECT_THAT(rules.replacements, ElementsAre(std::pair("employee id", Replacement::kMask),
                                              std::pair("person", Replacement::kPseudonym)));
  EXPECT_TRUE(PatternSet::Compile(rules.patterns).ok());
}

TEST(ParseRules, TakesWordsForWordsThatYamlMightTakeForOthers) {
  EXPECT_THAT(Names(Read("labels: [no, yes, on, 12, 1.5, 'null', \"~\", true]\r\n")),
              ElementsAre("no", "yes", "on", "12", "1.5", "null", "~", "true"));
}

TEST(ParseRules, ReadsOtherScriptsAndAByteOrderMark) {
  EXPECT_THAT(Names(Read("\xEF\xBB\xBFlabels: [личность, 人名]")), ElementsAre("личность", "人名"));
}

TEST(ParseRules, ExtendsAPreset) {
  const Rules all = Read("extends: pii");
  const Rules preset = *ParseRules(*PresetText("pii"), "pii");
  EXPECT_EQ(Names(all), Names(preset));
  EXPECT_EQ(all.patterns[0].file, "pii");
  EXPECT_THAT(all.replacements, IsEmpty());
}

TEST(ParseRules, PutsItsEntriesInThePlaceOfThePresets) {
  const Rules rules = Read(
      "extends: pii\n"
      "labels: [{name: person, threshold: 0.9, replacement: hash}, pet]\n"
      "patterns:\n"
      "- {name: ipv4, label: address of a machine, regex: x}\n"
      "- {name: own, label: own, regex: y}\n");
  const Rules preset = Read("extends: pii");
  ASSERT_EQ(rules.labels.size(), preset.labels.size() + 1);
  EXPECT_EQ(rules.labels[0].name, "person");
  EXPECT_FLOAT_EQ(*rules.labels[0].threshold, 0.9f);
  EXPECT_EQ(rules.labels.back().name, "pet");
  ASSERT_EQ(rules.patterns.size(), preset.patterns.size() + 1);
  for (size_t i = 0; i < preset.patterns.size(); ++i) {
    EXPECT_EQ(rules.patterns[i].name, preset.patterns[i].name);
    if (rules.patterns[i].name != "ipv4") continue;
    EXPECT_EQ(rules.patterns[i].label, "address of a machine");
    EXPECT_EQ(rules.patterns[i].regex, "x");
    EXPECT_EQ(rules.patterns[i].check, Check::kNone);
  }
  EXPECT_EQ(rules.patterns.back().name, "own");
  EXPECT_THAT(rules.replacements, ElementsAre(std::pair("person", Replacement::kHash)));
}

TEST(ParseRules, DropsWhatIsNotWanted) {
  const Rules rules = Read("extends: pii\ndrop: [username, ip address, mac_address, phone number]");
  const Rules preset = Read("extends: pii");
  EXPECT_EQ(rules.labels.size(), preset.labels.size() - 2);
  size_t kept = 0;
  for (const PatternRule& rule : preset.patterns) {
    kept += rule.label != "ip address" && rule.label != "phone number" &&
            rule.name != "mac_address" && rule.label != "username";
  }
  EXPECT_EQ(rules.patterns.size(), kept);
  // What was dropped may be written anew.
  EXPECT_THAT(Names(Read("extends: pii\ndrop: [username]\nlabels: [username]")),
              ::testing::Contains("username"));
}

TEST(ParseRules, SaysWhereAndWhatIsWrong) {
  const struct {
    const char* yaml;
    const char* message;
  } kWrong[] = {
      {"", "my.yaml:1: the file is empty: it needs labels, patterns or a preset to extend"},
      {"# nothing\n", "my.yaml:1: the file is empty"},
      {"~", "my.yaml:1: the file is empty"},
      {"labels: []", "my.yaml:1: there is nothing to look for: "},
      {"[a]", "my.yaml:1: a rule file is a list: it has to be keys with values"},
      {"a", "my.yaml:1: a rule file is text: it has to be keys with values"},
      {"labels: [a]\nrules: []",
       "my.yaml:2: a rule file has no key \"rules\": its keys are extends, drop, labels, patterns"},
      {"labels: [a]\nlabels: [b]",
       "my.yaml:2: the key \"labels\" was given in line 1 already: keep one of them"},
      {"labels: a", "my.yaml:1: labels is text: it has to be a list"},
      {"labels:\n", "my.yaml:1: labels is nothing: it has to be a list"},
      {"labels:\n- a\n- b\n- a", "my.yaml:4: the label \"a\" was given in line 2 already"},
      {"labels:\n- ~\n", "my.yaml:2: a label is nothing: it has to be text, or keys with values"},
      {"labels: [' ']", "my.yaml:1: a label is blank: write something"},
      {"labels:\n- [a]", "my.yaml:2: a label is a list"},
      {"labels:\n- description: b", "my.yaml:2: a label has no name: it needs one"},
      {"labels:\n- name: [a]", "my.yaml:2: the name of a label is a list: it has to be text"},
      {"labels:\n- name: \"a\\nb\"", "my.yaml:2: the name of a label has a line break"},
      {"labels:\n- name: a\n  colour: red",
       "my.yaml:3: a label has no key \"colour\": its keys are name, description, threshold, "
       "replacement"},
      {"labels:\n- name: a\n  threshold: 1.5",
       "my.yaml:3: the threshold of label \"a\" is 1.5: it has to be a number from 0 to 1"},
      {"labels: [{name: a, threshold: .nan}]", "my.yaml:1: the threshold of label \"a\" is .nan"},
      {"labels: [{name: a, threshold: nan}]", "my.yaml:1: the threshold of label \"a\" is nan"},
      {"labels: [{name: a, threshold: 0.5x}]", "my.yaml:1: the threshold of label \"a\" is 0.5x"},
      {"labels: [{name: a, threshold: 1e99}]", "my.yaml:1: the threshold of label \"a\" is 1e99"},
      {"labels: [{name: a, threshold: [1]}]", "my.yaml:1: the threshold of label \"a\" is a list"},
      {"labels: [{name: a, replacement: star}]",
       "my.yaml:1: the replacement of label \"a\" is \"star\": it has to be label, mask, "
       "pseudonym, "
       "hash or word"},
      {"labels: [{name: a, replacement: mask}]\npatterns:\n- {name: b, label: a, regex: x, "
       "replacement: word}",
       "my.yaml:3: what is found as \"a\" is replaced by word here and by mask in line 1: a label "
       "has "
       "one replacement"},
      {"patterns: {a: b}", "my.yaml:1: patterns is keys with values: it has to be a list"},
      {"patterns: [a]", "my.yaml:1: a pattern is text: it has to be keys with values"},
      {"patterns:\n- name: a\n  regex: x", "my.yaml:2: pattern \"a\" has no label: it needs one"},
      {"patterns:\n- name: a\n  label: x", "my.yaml:2: pattern \"a\" has no regex: it needs one"},
      {"patterns:\n- name: a\n  label: x\n  regex:",
       "my.yaml:4: the regex of pattern \"a\" is nothing"},
      {"patterns: [{name: a, label: b, regex: c, regexp: d}]",
       "my.yaml:1: a pattern has no key \"regexp\": its keys are name, label, regex, check, "
       "context, "
       "context_distance, replacement"},
      {"patterns:\n- {name: a, label: b, regex: c}\n- {name: a, label: b, regex: c}",
       "my.yaml:3: the pattern \"a\" was given in line 2 already"},
      {"patterns: [{name: a, label: b, regex: c, check: lun}]",
       "my.yaml:1: there is no check \"lun\", which pattern \"a\" names: there are luhn, "},
      {"patterns: [{name: a, label: b, regex: c, context: ssn}]",
       "my.yaml:1: the context of pattern \"a\" is text: it has to be a list"},
      {"patterns: [{name: a, label: b, regex: c, context: []}]",
       "my.yaml:1: the context of pattern \"a\" is an empty list: name words, or leave it out"},
      {"patterns: [{name: a, label: b, regex: c, context: ['']}]",
       "my.yaml:1: a word in the context of pattern \"a\" is blank"},
      {"patterns: [{name: a, label: b, regex: c, context_distance: 3}]",
       "my.yaml:1: pattern \"a\" has a context_distance and no context: leave it out"},
      {"patterns: [{name: a, label: b, regex: c, context: [d], context_distance: 0}]",
       "my.yaml:1: the context_distance of pattern \"a\" is 0: it has to be a whole number from 1 "
       "to "
       "1000"},
      {"patterns: [{name: a, label: b, regex: c, context: [d], context_distance: 99999999999}]",
       "my.yaml:1: the context_distance of pattern \"a\" is 99999999999"},
      {"patterns: [{name: a, label: b, regex: c, context: [d], context_distance: 3.5}]",
       "my.yaml:1: the context_distance of pattern \"a\" is 3.5"},
      {"extends: gdpr", "my.yaml:1: there is no preset \"gdpr\": there are pii, hipaa, gdpr-basic"},
      {"extends: [pii]", "my.yaml:1: the extends of a rule file is a list"},
      {"drop: [a]\nlabels: [b]", "my.yaml:1: drop takes from a preset, and none is extended"},
      {"extends: pii\ndrop: [urls]",
       "my.yaml:2: the preset has no label and no pattern \"urls\" to drop: it has person, "},
      {"extends: pii\ndrop: url", "my.yaml:2: drop is text: it has to be a list"},
      {"labels: [a", "my.yaml:1: this is not YAML: "},
      {"labels:\n\t- a", "my.yaml:2: this is not YAML: "},
      {"labels:\n  - 'a", "my.yaml:2: this is not YAML: "},
      {"labels: [a]\n--- \nlabels: [b]", "my.yaml:1: there is more than one document (---)"},
      {"labels: [&a b, *a]", "my.yaml:1: an anchor (&) is not read here"},
      {"labels: [*a]", "my.yaml:1: this is not YAML: "},
      {"labels: [!!binary aGk=]", "my.yaml:1: the tag tag:yaml.org,2002:binary is not read here"},
      {"? [a]\n: b", "my.yaml:1: a key is a list: it has to be text"},
      {"labels:\n- a\n- \xFF", "my.yaml:3: byte 14 is not UTF-8: save the file as UTF-8"},
      {"labels: [a]\n\x04[]{}", "my.yaml:2: a control character, U+0004: leave it out"},
      {"[[[[[[[[[[a]]]]]]]]]]", "my.yaml:1: lists and keys lie more than 5 deep in each other"},
  };
  for (const auto& wrong : kWrong) {
    EXPECT_THAT(Refusal(wrong.yaml), StartsWith(wrong.message)) << wrong.yaml;
  }
}

TEST(ParseRules, RefusesFilesThatAreTooLarge) {
  EXPECT_THAT(Refusal(std::string(kMaxRuleFile + 1, ' ')),
              StartsWith("my.yaml: the file has 1048577 bytes, and a rule file may have 1048576"));
  std::string many = "labels:\n";
  for (int i = 0; i < 30'000; ++i) many += "- l" + std::to_string(i) + "\n";
  EXPECT_THAT(Refusal(many), HasSubstr("there are more than 20000 values: leave some out"));
  // Each level ten times the one before.
  std::string bomb = "a: &a [x]\n";
  for (char c = 'b'; c < 'k'; ++c) {
    bomb += std::string(1, c) + ": &" + c + " [";
    for (int i = 0; i < 10; ++i) bomb += std::string("*") + static_cast<char>(c - 1) + ", ";
    bomb += "]\n";
  }
  EXPECT_THAT(Refusal(bomb), StartsWith("my.yaml:1: an anchor (&) is not read here"));
  for (const char* open : {"[", "{a: ", "- ", "? "}) {
    std::string deep;
    while (deep.size() < kMaxRuleFile - 8) deep += open;
    EXPECT_THAT(Refusal(deep), StartsWith("my.yaml:1: ")) << open;
  }
}

// What editors and accidents make of rule files: rules, or one sentence that says where.
TEST(ParseRules, ReadsOrRefusesWhateverIsWritten) {
  const std::string preset(*PresetText("hipaa"));
  std::mt19937 random(1);
  const auto below = [&random](size_t end) { return static_cast<size_t>(random() % end); };
  constexpr std::string_view kMarks = "-:[]{}#&*!|>'\"%@`,? \n\t\r~0a\x80\xC3\x04";
  int read = 0, refused = 0;
  for (int n = 0; n < 1500; ++n) {
    std::string yaml = n % 4 == 0 ? preset : kWhole;
    for (size_t changes = 1 + below(4); changes > 0 && !yaml.empty(); --changes) {
      const size_t at = below(yaml.size());
      switch (below(5)) {
        case 0:
          yaml.erase(at, 1 + below(12));
          break;
        case 1:
          yaml.insert(at, 1, kMarks[below(kMarks.size())]);
          break;
        case 2:
          yaml[at] = kMarks[below(kMarks.size())];
          break;
        case 3:
          yaml.insert(at, yaml.substr(below(yaml.size()), below(60)));
          break;
        default:
          yaml.resize(at);
      }
    }
    const auto rules = ParseRules(yaml, "my.yaml");
    if (rules.ok()) {
      ++read;
      EXPECT_FALSE(rules->labels.empty() && rules->patterns.empty());
      (void)PatternSet::Compile(rules->patterns);
      continue;
    }
    ++refused;
    const std::string& message = rules.error().message;
    EXPECT_THAT(message, ::testing::ContainsRegex("^my.yaml:[0-9]+: "));
  }
  EXPECT_GT(read, 150);
  EXPECT_GT(refused, 150);
}

TEST(ParseRules, TakesAnyBytes) {
  EXPECT_TRUE(rc::check("", [](const std::string& bytes) {
    (void)ParseRules(bytes, "a");
    (void)ParseRules("labels: [" + bytes, "a");
    (void)ParseRules("patterns:\n- name: " + bytes + "\n  label: b\n  regex: '" + bytes + "'", "a");
  }));
}

TEST(ParseReplacement, ReadsTheNamesOfReplacements) {
  for (const Replacement replacement :
       {Replacement::kLabel, Replacement::kMask, Replacement::kPseudonym, Replacement::kHash,
        Replacement::kWord}) {
    EXPECT_EQ(ParseReplacement(ReplacementName(replacement)), replacement);
  }
  EXPECT_EQ(ParseReplacement("Mask"), std::nullopt);
}

}  // namespace
}  // namespace waterline::redaction
