// SPDX-License-Identifier: Apache-2.0
#include "eval_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <memory>
#include <string_view>
#include <utility>

#include "byte_size.h"
#include "html_format.h"
#include "json_writer.h"
#include "utf8_text.h"

namespace waterline::cli {
namespace {

constexpr std::string_view kAll = "all";

// `text` and spaces up to a width of a terminal's columns.
std::string Padded(std::string_view text, size_t width) {
  const size_t shown = DisplayWidth(text);
  return std::string(text) + std::string(width > shown ? width - shown : 1, ' ');
}

size_t NameWidth(const EvalReport& report) {
  size_t width = 12;
  for (const Label& label : report.labels) width = std::max(width, DisplayWidth(label.name) + 2);
  return width;
}

std::string Percents(const Agreement& of) {
  return fmt::format("{:>7} {:>7} {:>7}  {:>6.2f} {:>6.2f} {:>6.2f}  {:>6.2f} {:>6.2f} {:>6.2f}",
                     of.gold, of.found, of.right, 100 * of.Precision(), 100 * of.Recall(),
                     100 * of.F1(), 100 * of.RelaxedPrecision(), 100 * of.RelaxedRecall(),
                     100 * of.RelaxedF1());
}

void AppendTable(const EvalReport& report, const Evaluation& evaluation, bool tuned,
                 std::string& out) {
  const size_t width = NameWidth(report);
  const auto to = std::back_inserter(out);
  fmt::format_to(to,
                 "{}   gold   found   right       P      R     F1   relaxed P      R     F1{}\n",
                 Padded("", width), tuned ? "  threshold" : "");
  for (size_t i = 0; i < report.labels.size(); ++i) {
    fmt::format_to(to, "{}{}", Padded(ShowControls(report.labels[i].name), width),
                   Percents(evaluation.labels[i]));
    if (tuned) fmt::format_to(to, "     {:.4f}", report.thresholds[i]);
    out += '\n';
  }
  fmt::format_to(to, "{}{}\n", Padded(kAll, width), Percents(evaluation.all));
}

void AppendConfusion(const EvalReport& report, std::string& out) {
  const std::vector<std::vector<int64_t>>& confusion = report.run.evaluation.confusion;
  const size_t width = NameWidth(report) + 4;
  const auto to = std::back_inserter(out);
  fmt::format_to(to,
                 "\nconfusion: gold in rows, found in columns, of spans with the same borders\n");
  out += Padded("", width);
  for (size_t i = 0; i < report.labels.size(); ++i) fmt::format_to(to, "{:>6}", i + 1);
  out += "  none\n";
  for (size_t row = 0; row < confusion.size(); ++row) {
    const bool none = row == report.labels.size();
    const std::string name =
        none ? "none" : fmt::format("{:>3} {}", row + 1, ShowControls(report.labels[row].name));
    out += Padded(name, width);
    for (size_t column = 0; column < confusion.size(); ++column) {
      if (none && column == row) continue;
      fmt::format_to(to, "{:>6}", confusion[row][column]);
    }
    out += '\n';
  }
}

void WriteAgreement(const Agreement& of, JsonWriter& json) {
  const auto number = [&](std::string_view name, double value) {
    json.Key(name);
    json.Double(value);
  };
  json.IntField("gold", of.gold);
  json.IntField("found", of.found);
  json.IntField("right", of.right);
  number("precision", of.Precision());
  number("recall", of.Recall());
  number("f1", of.F1());
  number("relaxed_precision", of.RelaxedPrecision());
  number("relaxed_recall", of.RelaxedRecall());
  number("relaxed_f1", of.RelaxedF1());
}

void WriteEvaluation(const EvalReport& report, const Evaluation& evaluation, bool tuned,
                     JsonWriter& json) {
  json.Key("all");
  json.StartObject();
  WriteAgreement(evaluation.all, json);
  json.EndObject();
  json.Key("labels");
  json.StartArray();
  for (size_t i = 0; i < report.labels.size(); ++i) {
    json.StartObject();
    json.Field("label", report.labels[i].name);
    json.Key("threshold");
    json.Double(static_cast<double>(tuned ? report.thresholds[i]
                                          : report.labels[i].threshold.value_or(report.threshold)));
    WriteAgreement(evaluation.labels[i], json);
    json.EndObject();
  }
  json.EndArray();
}

// What a span is called on the page of mistakes.
std::string Called(const EvalReport& report, const LabelledSpan& span, const Verdict& verdict,
                   bool gold) {
  const auto name = [&](int32_t label) { return report.labels[static_cast<size_t>(label)].name; };
  if (verdict.right) return "right: " + name(span.label);
  switch (verdict.mistake) {
    case Mistake::kLabel:
      return fmt::format("wrong label: {} found as {}", name(span.label), name(verdict.other));
    case Mistake::kBorders:
      return (gold ? "borders, gold: " : "borders, found: ") + name(span.label);
    case Mistake::kMissed:
      return "missed: " + name(span.label);
    case Mistake::kSpurious:
      return "spurious: " + name(span.label);
  }
  return "?";
}

// The spans of a text as entities of an output with labels of its own. Empty: nothing is wrong.
class MistakenText {
 public:
  MistakenText(const EvalReport& report, const GoldText& gold, const EvaluatedText& text)
      : report_(report) {
    document_.text = gold.text;
    document_.line = gold.line;
    size_t at = 0;
    byte_of_.reserve(gold.text.size() + 1);
    for (; at < gold.text.size(); ++at) {
      if ((static_cast<unsigned char>(gold.text[at]) & 0xC0) != 0x80) byte_of_.push_back(at);
    }
    byte_of_.push_back(at);
    const auto [of_gold, of_found] = Judge(text);
    for (size_t i = 0; i < text.gold.size(); ++i) {
      wrong_ = wrong_ || !of_gold[i].right;
      if (of_gold[i].right) continue;
      Add(text.gold[i], Called(report_, text.gold[i], of_gold[i], true), kNoScore);
    }
    for (size_t i = 0; i < text.found.size(); ++i) {
      wrong_ = wrong_ || !of_found[i].right;
      // Told already, from the gold side.
      if (!of_found[i].right && of_found[i].mistake == Mistake::kLabel) continue;
      Add(text.found[i], Called(report_, text.found[i], of_found[i], false), text.found[i].score);
    }
  }

  bool wrong() const { return wrong_; }

  void Format(const FormatOptions& options, std::string& out) {
    document_.settings.labels = std::make_shared<const std::vector<Label>>(std::move(names_));
    FormatHtml(options, document_, extraction_, out);
  }

 private:
  static constexpr float kNoScore = std::numeric_limits<float>::quiet_NaN();

  void Add(const LabelledSpan& span, std::string name, float score) {
    Entity entity;
    entity.byte_start = byte_of_[span.start];
    entity.byte_end = byte_of_[span.end];
    entity.label = static_cast<int32_t>(names_.size());
    entity.score = score;
    extraction_.entities.push_back(entity);
    names_.push_back({.name = std::move(name)});
  }

  const EvalReport& report_;
  InputDocument document_;
  Extraction extraction_;
  std::vector<Label> names_;
  std::vector<size_t> byte_of_;  // By code point.
  bool wrong_ = false;
};

}  // namespace

std::string FormatEvaluation(const EvalReport& report) {
  std::string out;
  AppendTable(report, report.run.evaluation, /*tuned=*/false, out);
  AppendConfusion(report, out);
  if (report.tuned) {
    out += "\nwith the best threshold for each label\n";
    AppendTable(report, *report.tuned, /*tuned=*/true, out);
  }
  return out;
}

std::string FormatEvaluationJson(const EvalReport& report) {
  std::string text;
  JsonWriter json(text);
  json.StartObject();
  json.SizeField("texts", report.run.texts.size());
  json.IntField("refused_texts", report.run.refused);
  json.IntField("left_out", report.left_out);
  WriteEvaluation(report, report.run.evaluation, /*tuned=*/false, json);
  json.Key("confusion");
  json.StartArray();
  for (const std::vector<int64_t>& row : report.run.evaluation.confusion) {
    json.StartArray();
    for (const int64_t count : row) json.Int(count);
    json.EndArray();
  }
  json.EndArray();
  if (report.tuned) {
    json.Key("tuned");
    json.StartObject();
    WriteEvaluation(report, *report.tuned, /*tuned=*/true, json);
    json.EndObject();
  }
  json.EndObject();
  text += '\n';
  return text;
}

std::string FormatThresholds(const EvalReport& report) {
  std::string text;
  JsonWriter json(text);
  json.StartObject();
  for (size_t i = 0; i < report.labels.size(); ++i) {
    const Label& label = report.labels[i];
    json.Key(label.name);
    json.StartObject();
    if (!label.description.empty()) json.Field("description", label.description);
    json.Key("threshold");
    json.Double(static_cast<double>(report.thresholds[i]));
    json.EndObject();
  }
  json.EndObject();
  text += '\n';
  return text;
}

std::string FormatMistakes(const EvalReport& report, const std::vector<GoldText>& gold) {
  FormatOptions options;
  options.format = OutputFormat::kHtml;
  options.files = {report.file};
  std::string out;
  FormatHtmlStart(options, out);
  std::string articles;
  int64_t wrong = 0;
  for (size_t i = 0; i < gold.size(); ++i) {
    MistakenText text(report, gold[i], report.run.texts[i]);
    if (!text.wrong()) continue;
    ++wrong;
    text.Format(options, articles);
  }
  fmt::format_to(std::back_inserter(out),
                 "<article>\n<h2>{} of {} texts have mistakes</h2>\n"
                 "<pre style=\"overflow-x:auto;font-size:.8em\">{}</pre>\n</article>\n",
                 FormatCount(wrong), FormatCount(static_cast<int64_t>(gold.size())),
                 EscapeHtml(FormatEvaluation(report)));
  out += articles;
  FormatHtmlEnd(out);
  return out;
}

}  // namespace waterline::cli
