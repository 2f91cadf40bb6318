// SPDX-License-Identifier: Apache-2.0
#include "gold_reader.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "byte_source.h"
#include "input_stream.h"
#include "line_splitter.h"

namespace waterline::cli {
namespace {

namespace dom = simdjson::dom;

constexpr size_t kMaxLineBytes = 64 << 20;

size_t CodePoints(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

Error Invalid(std::string message) { return {Code::kInvalidArgument, std::move(message)}; }

Result<void> ReadWords(dom::array words, GoldText& gold) {
  gold.words.emplace();
  size_t at = 0;
  for (const dom::element item : words) {
    std::string_view word;
    if (item.get(word) != simdjson::SUCCESS || word.empty()) {
      return Invalid("\"tokenized_text\" holds something other than words");
    }
    if (!gold.text.empty()) {
      gold.text += ' ';
      ++at;
    }
    const size_t points = CodePoints(word);
    gold.words->push_back({at, at + points});
    gold.text += word;
    at += points;
  }
  return {};
}

// [start, end, label] or an object of these.
bool ReadEntity(dom::element item, uint64_t& start, uint64_t& end, std::string_view& label) {
  dom::array list;
  if (item.get(list) == simdjson::SUCCESS) {
    return list.size() >= 3 && list.at(0).get(start) == simdjson::SUCCESS &&
           list.at(1).get(end) == simdjson::SUCCESS && list.at(2).get(label) == simdjson::SUCCESS;
  }
  return item["start"].get(start) == simdjson::SUCCESS &&
         item["end"].get(end) == simdjson::SUCCESS &&
         (item["label"].get(label) == simdjson::SUCCESS ||
          item["type"].get(label) == simdjson::SUCCESS);
}

Result<void> ReadEntities(dom::array list, bool of_words, GoldText& gold) {
  const size_t points = CodePoints(gold.text);
  for (const dom::element item : list) {
    uint64_t start = 0, end = 0;
    std::string_view label;
    const auto refuse = [&](const char* what) {
      return Invalid(
          fmt::format("entity {}: {} {}", gold.entities.size() + 1, simdjson::minify(item), what));
    };
    if (!ReadEntity(item, start, end, label) || label.empty()) {
      return refuse("is not a start, an end and a label");
    }
    if (of_words) {
      if (start > end || end >= gold.words->size()) return refuse("names words that are not there");
      gold.entities.push_back(
          {(*gold.words)[start].start, (*gold.words)[end].end, std::string(label)});
    } else {
      if (start >= end || end > points) return refuse("lies outside of its text");
      gold.entities.push_back({start, end, std::string(label)});
    }
  }
  return {};
}

Result<GoldText> ReadLine(dom::parser& parser, std::string_view line) {
  GoldText gold;
  dom::element record;
  if (parser.parse(line.data(), line.size()).get(record) != simdjson::SUCCESS) {
    return Invalid("it is not JSON");
  }
  dom::array words, entities;
  std::string_view text;
  if (record["tokenized_text"].get(words) == simdjson::SUCCESS &&
      record["ner"].get(entities) == simdjson::SUCCESS) {
    Result<void> read = ReadWords(words, gold);
    if (read.ok()) read = ReadEntities(entities, /*of_words=*/true, gold);
    if (!read.ok()) return read.error();
    return gold;
  }
  const bool has_entities = record["entities"].get(entities) == simdjson::SUCCESS ||
                            record["spans"].get(entities) == simdjson::SUCCESS ||
                            record["ents"].get(entities) == simdjson::SUCCESS;
  if (record["text"].get(text) != simdjson::SUCCESS || !has_entities) {
    return Invalid("it has neither \"text\" and \"entities\" nor \"tokenized_text\" and \"ner\"");
  }
  gold.text = text;
  if (Result<void> read = ReadEntities(entities, /*of_words=*/false, gold); !read.ok()) {
    return read.error();
  }
  return gold;
}

}  // namespace

Result<std::vector<GoldText>> ReadGold(const std::string& path) {
  Result<InputStream> stream = InputStream::Open(path, "");
  if (!stream.ok()) return stream.error();
  std::vector<GoldText> texts;
  LineSplitter lines(kMaxLineBytes);
  dom::parser parser;
  Line line;
  bool ended = false;
  while (!ended) {
    const Result<std::string_view> piece = stream->Read();
    if (!piece.ok()) return piece.error();
    lines.Feed(*piece);
    ended = piece->empty();
    while (lines.Next(line)) {
      if (line.bytes.find_first_not_of(" \t\r") == std::string_view::npos && !line.too_long)
        continue;
      Result<GoldText> gold =
          line.too_long ? Invalid("it is longer than 64 MiB") : ReadLine(parser, line.bytes);
      if (!gold.ok()) {
        return Invalid(
            fmt::format("{}:{}: {}", DisplayName(path), line.number, gold.error().message));
      }
      gold->line = line.number;
      texts.push_back(*std::move(gold));
    }
  }
  return texts;
}

std::vector<std::string> LabelsOf(const std::vector<GoldText>& texts) {
  std::vector<std::string> labels;
  std::unordered_set<std::string_view> known;
  for (const GoldText& text : texts) {
    for (const GoldEntity& entity : text.entities) {
      if (known.insert(entity.label).second) labels.push_back(entity.label);
    }
  }
  return labels;
}

}  // namespace waterline::cli
