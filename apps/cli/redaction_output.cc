// SPDX-License-Identifier: Apache-2.0
#include "redaction_output.h"

#include <fmt/format.h>

#include <utility>

#include "byte_size.h"
#include "json_writer.h"
#include "redaction_mapping.h"

namespace waterline::cli {
namespace {

using redaction::RedactedSpan;
using redaction::RedactedText;

constexpr char kTexts[] = "texts";
constexpr char kRefused[] = "refused";
constexpr char kRedacted[] = "redacted";  // Texts in which something was.
constexpr std::string_view kModel = "model ";
constexpr std::string_view kPattern = "pattern ";

constexpr char kNotice[] =
    "No recogniser finds everything: what was not found is still in the texts.";

Result<std::optional<OutputFile>> OpenFile(const std::string& path, bool resumable) {
  if (path.empty()) return std::optional<OutputFile>();
  Result<OutputFile> file = resumable ? OutputFile::OpenResumable(path) : OutputFile::Open(path);
  if (!file.ok()) return file.error();
  return std::optional<OutputFile>(*std::move(file));
}

}  // namespace

RedactionOutput::RedactionOutput(const RedactArguments& arguments, redaction::Rules rules,
                                 std::string key, redaction::PatternSet patterns)
    : arguments_(arguments),
      rules_(std::move(rules)),
      key_(std::move(key)),
      patterns_(std::move(patterns)) {
  replacement_.replacement = arguments.replacement;
  replacement_.of_labels.insert(rules_.replacements.begin(), rules_.replacements.end());
  replacement_.word = arguments.word;
  replacement_.key = key_;
  replacement_.keyed_pseudonyms = arguments.keyed_pseudonyms;
}

Result<std::unique_ptr<TextOutput>> RedactionOutput::Open(const RedactArguments& arguments,
                                                          redaction::Rules rules, std::string key,
                                                          const std::vector<std::string>& files) {
  Result<redaction::PatternSet> patterns = redaction::PatternSet::Compile(rules.patterns);
  if (!patterns.ok()) return patterns.error();
  std::unique_ptr<RedactionOutput> output(
      new RedactionOutput(arguments, std::move(rules), std::move(key), *std::move(patterns)));
  if (arguments.format == RedactionFormat::kJsonl) {
    Result<OutputFile> lines = OutputFile::OpenResumable(arguments.output);
    if (!lines.ok()) return lines.error();
    output->lines_.emplace(*std::move(lines));
  } else {
    const bool folder = arguments.format == RedactionFormat::kFiles;
    Result<CopyOutput> copy =
        CopyOutput::Open(arguments.output, folder ? CopyLayout::kFolder : CopyLayout::kStream,
                         files, arguments.read, LeftUnfinished(arguments));
    if (!copy.ok()) return copy.error();
    output->copy_.emplace(*std::move(copy));
  }
  Result<std::optional<OutputFile>> mapping = OpenFile(arguments.mapping, /*resumable=*/true);
  if (!mapping.ok()) return mapping.error();
  output->mapping_ = *std::move(mapping);
  if (output->mapping_) {
    if (Result<void> closed = output->mapping_->MakePrivate(); !closed.ok()) return closed.error();
  }
  Result<std::optional<OutputFile>> report = OpenFile(arguments.report, /*resumable=*/false);
  if (!report.ok()) return report.error();
  output->report_ = *std::move(report);
  return std::unique_ptr<TextOutput>(std::move(output));
}

RunSettings RedactionOutput::Settings() const {
  std::string patterns;
  for (const redaction::PatternRule& rule : rules_.patterns) {
    patterns += fmt::format("{}:{}:{}\n", rule.name, rule.label, rule.regex);
  }
  std::string replacements;
  for (const auto& [label, replacement] : rules_.replacements) {
    replacements += fmt::format("{}:{}\n", label, redaction::ReplacementName(replacement));
  }
  // What tells keys apart, and not the key.
  const redaction::Finding all{0, 1, "key"};
  const std::string key =
      key_.empty() ? ""
                   : redaction::Redact("k", {&all, 1},
                                       {.replacement = redaction::Replacement::kHash, .key = key_})
                         .text;
  return {{"--format", fmt::format("redact {}", static_cast<int>(arguments_.format))},
          {"the patterns", std::move(patterns)},
          {"the rules' replacements", std::move(replacements)},
          {"--replacement", redaction::ReplacementName(arguments_.replacement)},
          {"--word", arguments_.word},
          {"--pseudonyms", arguments_.keyed_pseudonyms ? "key" : "document"},
          {"--key", key},
          {"--mapping", arguments_.mapping}};
}

Result<void> RedactionOutput::Begin(const RunInput& input,
                                    const std::optional<OutputPosition>& before) {
  files_ = input.files;
  labels_ = input.labels;
  if (before) counts_ = before->counts;
  const auto mark = [&](const OutputMark& of) {
    return before ? std::optional<OutputMark>(of) : std::nullopt;
  };
  const OutputPosition position = before.value_or(OutputPosition());
  if (copy_) {
    const Result<void> begun = copy_->Begin(mark(position.text), position.file);
    if (!begun.ok()) return begun;
  } else if (lines_->resumable()) {
    if (Result<void> rewound = lines_->Rewind(position.text); !rewound.ok()) return rewound;
  }
  if (!mapping_) return {};
  if (mapping_->resumable()) {
    if (Result<void> rewound = mapping_->Rewind(position.mapping); !rewound.ok()) return rewound;
  }
  if (position.mapping.bytes == 0) {
    AppendMappingHead(arguments_.format == RedactionFormat::kFiles, mapping_buffer_);
  }
  return {};
}

void RedactionOutput::Complete(const InputDocument& document, Extraction& extraction) {
  std::vector<redaction::PatternMatch>& matches = matches_.emplace_back();
  if (document.blank || extraction.error) return;
  Result<std::vector<redaction::PatternMatch>> found = patterns_.Find(document.text);
  if (found.ok()) {
    matches = *std::move(found);
  } else {
    extraction.error = found.error();
  }
}

Result<void> RedactionOutput::Add(const InputDocument& document, const Extraction& extraction) {
  const std::vector<redaction::PatternMatch> matches = std::move(matches_.front());
  matches_.pop_front();
  if (document.blank) {
    if (lines_) {
      buffer_ += '\n';
      return {};
    }
    const Result<bool> added = copy_->Add(document, "", "");
    return added.ok() ? Result<void>() : added.error();
  }
  if (extraction.error) return AddRefused(document, *extraction.error);
  return AddRedacted(document, FindingsOf(matches, rules_.patterns, extraction.entities, labels_));
}

std::string RedactionOutput::NameOf(const InputDocument& document) const {
  const std::optional<std::string> name = copy_ ? copy_->NameOf(document.file) : std::nullopt;
  return name.value_or(files_[document.file]);
}

Result<void> RedactionOutput::AddRefused(const InputDocument& document, const Error& error) {
  if (!document.lost_file) {
    ++counts_[kTexts];
    ++counts_[kRefused];
  }
  bool stands = true;
  if (lines_) {
    FormatRefusal(document, files_, arguments_.read.text_field, error.message, buffer_);
  } else {
    const Result<bool> added = copy_->Add(document, std::nullopt, error.message);
    if (!added.ok()) return added.error();
    stands = *added;
  }
  if (mapping_ && stands) AppendRefusedMapping(NameOf(document), document, mapping_buffer_);
  return {};
}

Result<void> RedactionOutput::AddRedacted(const InputDocument& document,
                                          const TextFindings& found) {
  const RedactedText made = redaction::Redact(document.text, found.findings, replacement_);
  Count(made, found);
  if (lines_) {
    FormatRedaction(document, files_, arguments_.read.text_field, arguments_.extract.offsets, made,
                    found, rules_.patterns, buffer_);
  } else {
    const Result<bool> added = copy_->Add(document, made.text, "");
    if (!added.ok()) return added.error();
  }
  if (mapping_) {
    AppendMapping(NameOf(document), document, arguments_.read.id_field, made, found.findings,
                  mapping_buffer_);
  }
  return {};
}

void RedactionOutput::Count(const RedactedText& made, const TextFindings& found) {
  ++counts_[kTexts];
  counts_[kRedacted] += !made.spans.empty();
  for (const RedactedSpan& span : made.spans) {
    const std::optional<size_t> rule = found.rules[span.finding];
    std::string name(rule ? kPattern : kModel);
    name +=
        rule ? std::string_view(rules_.patterns[*rule].name) : found.findings[span.finding].label;
    ++counts_[name];
  }
}

Result<void> RedactionOutput::Flush() {
  Result<void> written = lines_ ? lines_->Write(buffer_) : copy_->Flush();
  buffer_.clear();
  if (written.ok() && mapping_) written = mapping_->Write(mapping_buffer_);
  mapping_buffer_.clear();
  return written;
}

Result<void> RedactionOutput::Commit() {
  Result<void> done = Flush();
  if (done.ok() && mapping_) done = mapping_->Commit();
  if (done.ok() && report_) done = report_->Write(FormatReport());
  if (done.ok() && report_) done = report_->Commit();
  if (!done.ok()) return done;
  return lines_ ? lines_->Commit() : copy_->Commit();
}

void RedactionOutput::Keep() {
  if (lines_) lines_->Keep();
  if (copy_) copy_->Keep();
  if (mapping_) mapping_->Keep();
}

bool RedactionOutput::resumable() const {
  const bool output = lines_ ? lines_->resumable() : copy_->resumable();
  return output && (!mapping_ || mapping_->resumable());
}

OutputPosition RedactionOutput::position() const {
  OutputPosition position;
  position.text = lines_ ? lines_->mark() : copy_->mark();
  if (copy_) position.file = copy_->file();
  if (mapping_) position.mapping = mapping_->mark();
  position.counts = counts_;
  return position;
}

bool RedactionOutput::reader_gone() const {
  return lines_ ? lines_->reader_gone() : copy_->reader_gone();
}

// How much was replaced of each label.
std::map<std::string, int64_t> RedactionOutput::CountLabels() const {
  std::map<std::string, int64_t> labels;
  for (const auto& [name, count] : counts_) {
    if (name.starts_with(kModel)) labels[name.substr(kModel.size())] += count;
    for (const redaction::PatternRule& rule : rules_.patterns) {
      if (name == std::string(kPattern) + rule.name) labels[rule.label] += count;
    }
  }
  return labels;
}

std::vector<std::string> RedactionOutput::ClosingNotes() const {
  const auto count = [this](const char* name) {
    const auto found = counts_.find(name);
    return found == counts_.end() ? 0 : found->second;
  };
  std::string labels;
  for (const auto& [label, number] : CountLabels()) {
    labels += fmt::format("{}{} {}", labels.empty() ? "" : ", ", FormatCount(number), label);
  }
  const int64_t texts = count(kTexts);
  return {
      fmt::format("replaced in {} of {} {}: {}", FormatCount(count(kRedacted)), FormatCount(texts),
                  texts == 1 ? "text" : "texts", labels.empty() ? "nothing" : labels),
      kNotice};
}

std::string RedactionOutput::FormatReport() const {
  const auto count = [this](const std::string& name) {
    const auto found = counts_.find(name);
    return found == counts_.end() ? 0 : found->second;
  };
  std::string text;
  JsonWriter json(text);
  json.StartObject();
  json.IntField("texts", count(kTexts));
  json.IntField("texts_with_redactions", count(kRedacted));
  json.IntField("refused_texts", count(kRefused));
  json.Key("redactions");
  json.StartObject();
  for (const auto& [label, number] : CountLabels()) {
    json.Key(label);
    json.StartObject();
    json.IntField("count", number);
    if (const int64_t model = count(std::string(kModel) + label); model > 0) {
      json.IntField("model", model);
    }
    for (const redaction::PatternRule& rule : rules_.patterns) {
      const int64_t matched = count(std::string(kPattern) + rule.name);
      if (rule.label == label && matched > 0) json.IntField("pattern " + rule.name, matched);
    }
    json.EndObject();
  }
  json.EndObject();
  json.Key("labels");
  json.StartArray();
  for (const Label& label : labels_) json.String(label.name);
  json.EndArray();
  json.Key("patterns");
  json.StartArray();
  for (const redaction::PatternRule& rule : rules_.patterns) json.String(rule.name);
  json.EndArray();
  json.Field("replacement", redaction::ReplacementName(arguments_.replacement));
  json.Field("notice", kNotice);
  json.EndObject();
  text += '\n';
  return text;
}

}  // namespace waterline::cli
