// What was found in one text, as the output shows it: for programs, for annotation tools, for
// people. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "input_document.h"
#include "waterline/engine.h"

namespace waterline::cli {

enum class OutputFormat { kPretty, kJsonl, kCsv, kConll, kSpacy, kProdigy, kBrat, kHtml };

struct FormatOptions {
  OutputFormat format = OutputFormat::kJsonl;
  std::vector<std::string> files;          // Of the input; "-" is standard input.
  std::vector<Label> labels;               // Of the run: what Entity::label counts,
  std::vector<std::string> relations;      // and Relation::relation; of texts without their own.
  Offsets offsets = Offsets::kCodePoints;  // What the offsets of entities and words count.
  bool overlapping = false;                // Entities may lie inside others.
  std::string text_field = "text";         // Of the input, where it has fields.
  bool colour = false;                     // kPretty: with ANSI colours instead of brackets.
  int columns = 0;                         // kPretty: lines are wrapped there; 0: not at all.
};

// Appends to `out` what stands before the first document: the header of CSV, the legend of colours,
// the head of HTML; and what stands behind the last.
void FormatStart(const FormatOptions& options, std::string& out);
void FormatEnd(const FormatOptions& options, std::string& out);

// Appends one document. `extraction.error` is set when it was refused.
//   kJsonl   one line; the fields of its JSON, as they stood there and in their order, or else
//            "file" (of several), "text"; then "entities": [{"start", "end", "text", "label",
//            "score"}]; where relations were asked for, "relations": [{"head", "tail", "relation",
//            "score"}], with head and tail as the Python package has them: {"start", "end", "text",
//            "type", "entity_idx"}, the last an index into "entities"; then "truncated_words" when
//            there are any; then "error" when it was refused. Where the fields could not be read:
//            "line", "entities", "error". A blank line stays blank. A field of the input is left
//            out where one of the same name is written.
//   kCsv     one line an entity: file,line,start,end,text,label,score; quoted as RFC 4180 says,
//            lines end in "\n". `line` is empty where the document is a whole file. With relations
//            of the run five columns more: relation,tail_start,tail_end,tail_text,tail_label; they
//            are empty for an entity, and a document's entities are followed by a line for each
//            relation, with its head in the columns of the entity and its own score.
//   kPretty  the text with its entities marked: [Ada](person 0.97); below it a line a relation:
//            "  Ada -- works for 0.93 --> Acme"; a heading for each of several files. Control
//            characters are shown as pictures.
//   kConll   a line "-DOCSTART-\tO", then a line a word with a tab and B-label, I-label or O
//   (IOB2);
//            words are those of tagged_words.h; white space in words and labels becomes "_". A
//            blank line follows where a line of the text ends outside of entities, and the
//            document.
//   kSpacy   one line, as spaCy's Doc.from_json reads it: {"text", "ents": [{"start", "end",
//            "label", "score"}], "tokens": [{"id", "start", "end"}]}; where entities may overlap,
//            "spans": {"sc": [...]} instead of "ents".
//   kProdigy one line, as Prodigy reads it: {"text", the other fields of the input, "spans":
//            [{"start", "end", "label", "score", "token_start", "token_end"}], "tokens": [{"text",
//            "start", "end", "id", "ws"}], "meta": {"file", "line"} unless the input has one}.
//   kHtml    an article of a page: the text with its entities in colour, below it its relations.
//            The page has a legend that shows and hides labels, and a slider for the least score.
//   kBrat    nothing: brat_format.h writes files.
// Of kConll, kSpacy, kProdigy and kBrat refused and blank documents are left out.
void FormatDocument(const FormatOptions& options, const InputDocument& document,
                    const Extraction& extraction, std::string& out);

// The name of a label and of a relation of `document`.
const std::string& LabelName(const FormatOptions& options, const InputDocument& document,
                             int32_t label);
const std::string& RelationName(const FormatOptions& options, const InputDocument& document,
                                int32_t relation);

// Whether relations were asked for in `document`.
bool AsksForRelations(const FormatOptions& options, const InputDocument& document);

// The part of the text that is `entity`.
std::string_view TextOf(const InputDocument& document, const Entity& entity);

// Where `document` of `files` stands, for messages: "book.txt", "data.jsonl:17", "standard
// input:3".
std::string DocumentPlace(const std::vector<std::string>& files, const InputDocument& document);

}  // namespace waterline::cli
