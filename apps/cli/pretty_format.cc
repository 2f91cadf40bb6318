// Walks over the places where entities start or end; between two of them the text has the style of
// the innermost entity that is open.
// SPDX-License-Identifier: Apache-2.0
#include "pretty_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "byte_source.h"
#include "styled_lines.h"
#include "utf8_text.h"

namespace waterline::cli {
namespace {

// Backgrounds of the 256-colour palette on which black is easy to read, far from each other.
constexpr int kColours[] = {117, 156, 222, 218, 183, 115, 209, 153, 192, 180, 147, 223};

// More labels have no legend.
constexpr size_t kLegendLabels = 60;

int Colour(int32_t label) { return kColours[static_cast<size_t>(label) % std::size(kColours)]; }

std::string SpanStyle(int32_t label) { return fmt::format("38;5;16;48;5;{}", Colour(label)); }

// On dark grey, so that it is easy to read on dark and on light terminals.
std::string TagStyle(int32_t label) { return fmt::format("38;5;{};48;5;236", Colour(label)); }

// One span of text with its labels, likeliest first.
struct Mark {
  size_t start = 0;
  size_t end = 0;
  std::vector<const Entity*> entities;
};

// Outer marks before those inside them.
std::vector<Mark> CollectMarks(const std::vector<Entity>& entities) {
  std::vector<Mark> marks;
  for (const Entity& entity : entities) {
    // Entities come by start, so those of one span are near.
    auto same = marks.rbegin();
    while (same != marks.rend() && same->start == entity.byte_start &&
           same->end != entity.byte_end) {
      ++same;
    }
    if (same == marks.rend() || same->start != entity.byte_start) {
      marks.push_back({entity.byte_start, entity.byte_end, {&entity}});
    } else {
      same->entities.push_back(&entity);
    }
  }
  std::stable_sort(marks.begin(), marks.end(), [](const Mark& a, const Mark& b) {
    return a.start != b.start ? a.start < b.start : a.end > b.end;
  });
  return marks;
}

class MarkedText {
 public:
  MarkedText(const FormatOptions& options, const InputDocument& document, std::string& out)
      : options_(options),
        document_(document),
        text_(document.text),
        lines_(out, options.columns) {}

  void Write(const std::vector<Mark>& marks) {
    size_t next = 0;
    while (next < marks.size() || !open_.empty()) {
      const size_t close = FirstEnd();
      if (next < marks.size() && marks[next].start < close) {
        WriteUntil(marks[next].start);
        open_.push_back(&marks[next++]);
        if (!options_.colour) lines_.Add("[", "");
      } else {
        WriteUntil(close);
        Close(close);
      }
    }
    WriteUntil(text_.size());
    lines_.End();
  }

 private:
  size_t FirstEnd() const {
    size_t end = text_.size() + 1;
    for (const Mark* mark : open_) end = std::min(end, mark->end);
    return end;
  }

  std::string Style() const {
    if (open_.empty() || !options_.colour) return "";
    return SpanStyle(open_.back()->entities.front()->label);
  }

  void WriteUntil(size_t end) {
    lines_.Add(ShowControls(text_.substr(at_, end - at_)), Style());
    at_ = end;
  }

  // Ends the innermost open mark that ends at `end`.
  void Close(size_t end) {
    const auto ending = std::find_if(open_.rbegin(), open_.rend(),
                                     [&](const Mark* mark) { return mark->end == end; });
    const Mark* mark = *ending;
    open_.erase(std::next(ending).base());
    if (!options_.colour) {
      std::string tag;
      for (const Entity* entity : mark->entities) {
        tag += fmt::format("{}{} {:.2f}", tag.empty() ? "](" : ", ", Name(*entity), entity->score);
      }
      lines_.Add(tag + ")", "");
      return;
    }
    for (const Entity* entity : mark->entities) {
      // No-break spaces, so that a tag stays with its entity.
      lines_.Add(fmt::format("\u00A0{}\u00A0{:.2f}\u00A0", Name(*entity), entity->score),
                 TagStyle(entity->label));
    }
  }

  std::string Name(const Entity& entity) const {
    return ShowControls(LabelName(options_, document_, entity.label));
  }

  const FormatOptions& options_;
  const InputDocument& document_;
  std::string_view text_;
  StyledLines lines_;
  size_t at_ = 0;                  // All before this was written.
  std::vector<const Mark*> open_;  // Outer before inner.
};

// The relations of a document, a line each.
void WriteRelations(const FormatOptions& options, const InputDocument& document,
                    const Extraction& extraction, std::string& out) {
  const auto add = [&](StyledLines& lines, int32_t index) {
    const Entity& entity = extraction.entities[static_cast<size_t>(index)];
    std::string text = ShowControls(TextOf(document, entity));
    std::replace(text.begin(), text.end(), '\n', ' ');
    lines.Add(text, options.colour ? SpanStyle(entity.label) : "");
  };
  for (const Relation& relation : extraction.relations) {
    StyledLines lines(out, options.columns);
    lines.Add("  ", "");
    add(lines, relation.head);
    lines.Add(fmt::format(" -- {} {:.2f} --> ",
                          ShowControls(RelationName(options, document, relation.relation)),
                          relation.score),
              "");
    add(lines, relation.tail);
    lines.End();
  }
}

void WriteHeading(const FormatOptions& options, const InputDocument& document, std::string& out) {
  if (options.files.size() < 2 || document.line > 1) return;
  out += fmt::format("==> {} <==\n", DisplayName(options.files[document.file]));
}

}  // namespace

void FormatLegend(const FormatOptions& options, std::string& out) {
  if (!options.colour || options.labels.size() > kLegendLabels) return;
  StyledLines lines(out, options.columns);
  for (size_t i = 0; i < options.labels.size(); ++i) {
    if (i > 0) lines.Add(" ", "");
    lines.Add(fmt::format("\u00A0{}\u00A0", ShowControls(options.labels[i].name)),
              SpanStyle(static_cast<int32_t>(i)));
  }
  lines.Add("\n\n", "");
}

void FormatPretty(const FormatOptions& options, const InputDocument& document,
                  const Extraction& extraction, std::string& out) {
  WriteHeading(options, document, out);
  if (document.blank) {
    out += '\n';
    return;
  }
  if (extraction.error) {
    StyledLines lines(out, options.columns);
    lines.Add(fmt::format("(refused: {})", ShowControls(extraction.error->message)),
              options.colour ? "31" : "");
    lines.End();
    return;
  }
  MarkedText(options, document, out).Write(CollectMarks(extraction.entities));
  WriteRelations(options, document, extraction, out);
  if (extraction.words_cut > 0) {
    out += fmt::format("(cut here: {} words were not read)\n", extraction.words_cut);
  }
}

}  // namespace waterline::cli
