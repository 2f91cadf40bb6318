// SPDX-License-Identifier: Apache-2.0
#include "html_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <string_view>
#include <vector>

#include "markup_text.h"
#include "utf8_text.h"

namespace waterline::cli {
namespace {

constexpr std::string_view kHead = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Entities</title>
<style>
:root { color-scheme: light dark; --faint: #62626a; }
body { font: 16px/1.6 system-ui, sans-serif; margin: 0; color: #1c1c1e; background: #fff; }
header { position: sticky; top: 0; background: #f5f5f7; border-bottom: 1px solid #d0d0d5; padding: .6rem 1.2rem; }
main { max-width: 60rem; margin: 0 auto; padding: 0 1.2rem 4rem; }
#legend { max-height: min(9rem, 30vh); overflow-y: auto; }
h2 { font-size: .85rem; color: var(--faint); margin: 1.6rem 0 .2rem; font-weight: 600; overflow-wrap: anywhere; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; }
.error { color: #b00020; }
mark { background: hsl(var(--h) 80% 86%); color: inherit; border-radius: .25em; padding: .05em .2em; box-decoration-break: clone; -webkit-box-decoration-break: clone; }
mark mark { padding: .05em 0; }
mark > small { font-size: .68em; color: hsl(var(--h) 60% 28%); margin-inline: .4em; unicode-bidi: isolate; user-select: none; }
mark > small:last-child { margin-inline-end: 0; }
mark.off { background: none; padding: 0; }
mark.off > small { display: none; }
label { display: inline-block; max-width: 100%; margin: .1rem .9rem .1rem 0; overflow-wrap: anywhere; }
input { vertical-align: middle; }
.swatch { display: inline-block; width: .8em; height: .8em; border-radius: .2em; background: hsl(var(--h) 80% 76%); }
.count { color: var(--faint); font-size: .85em; }
ul { margin: .2rem 0; padding-left: 1.4rem; font-size: .9em; }
@media (prefers-color-scheme: dark) {
  :root { --faint: #a4a4ad; }
  body { background: #1c1c1e; color: #eaeaee; } header { background: #2a2a2e; border-color: #444; }
  mark { background: hsl(var(--h) 45% 28%); } mark > small { color: hsl(var(--h) 70% 78%); }
  .swatch { background: hsl(var(--h) 45% 45%); } .error { color: #ff6b81; }
}
@media print { header { position: static; } #legend { max-height: none; } }
</style>
</head>
<body>
<header>
<div id="legend" role="group" aria-label="labels"></div>
<label>score from <input id="least" type="range" min="0" max="1" step="0.01" value="0"> <output id="shown">0.00</output></label>
</header>
<main>
)";

constexpr std::string_view kTail = R"HTML(</main>
<script>
"use strict";
const marks = [...document.querySelectorAll("mark")];
const counts = new Map();
for (const mark of marks) {
  const of = counts.get(mark.dataset.label) || { n: 0, hue: mark.style.getPropertyValue("--h"), on: true };
  of.n += 1;
  counts.set(mark.dataset.label, of);
}
if (marks.length === 0) document.getElementById("legend").textContent = "no entities";
const least = document.getElementById("least");
function show() {
  document.getElementById("shown").textContent = Number(least.value).toFixed(2);
  for (const mark of marks) {
    const on = counts.get(mark.dataset.label).on && Number(mark.dataset.score) >= Number(least.value);
    mark.classList.toggle("off", !on);
  }
}
for (const [name, of] of [...counts].sort((a, b) => b[1].n - a[1].n)) {
  const label = document.createElement("label");
  const box = document.createElement("input");
  box.type = "checkbox";
  box.checked = true;
  box.addEventListener("change", () => { of.on = box.checked; show(); });
  const swatch = document.createElement("span");
  swatch.className = "swatch";
  swatch.style.setProperty("--h", of.hue);
  const count = document.createElement("span");
  count.className = "count";
  count.textContent = " " + of.n;
  label.append(box, swatch, " " + name, count);
  document.getElementById("legend").append(label);
}
least.addEventListener("input", show);
show();
</script>
</body>
</html>
)HTML";

// Labels of the run lie far apart on the colour wheel; others where their name falls.
int HueOf(const FormatOptions& options, const std::string& label) {
  const auto found = std::find_if(options.labels.begin(), options.labels.end(),
                                  [&](const Label& known) { return known.name == label; });
  if (found != options.labels.end()) {
    constexpr int kGoldenAngle = 137;
    return static_cast<int>(found - options.labels.begin()) * kGoldenAngle % 360;
  }
  uint32_t hash = 2166136261u;  // FNV-1a.
  for (const char c : label) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return static_cast<int>(hash % 360);
}

bool HasScore(const Entity& entity) { return !std::isnan(entity.score); }

// An entity, or the part of it that lies inside of the one around it.
struct Open {
  size_t end = 0;
  const Entity* entity = nullptr;
};

class MarkedHtml {
 public:
  MarkedHtml(const FormatOptions& options, const InputDocument& document, std::string& out)
      : options_(options), document_(document), text_(document.text), out_(out) {}

  void Write(const std::vector<Entity>& entities) {
    std::vector<const Entity*> order;
    for (const Entity& entity : entities) order.push_back(&entity);
    // Outer ones before those inside them.
    std::stable_sort(order.begin(), order.end(), [](const Entity* a, const Entity* b) {
      return a->byte_start != b->byte_start ? a->byte_start < b->byte_start
                                            : a->byte_end > b->byte_end;
    });
    for (const Entity* entity : order) {
      CloseUntil(entity->byte_start);
      WriteUntil(entity->byte_start);
      const size_t end =
          open_.empty() ? entity->byte_end : std::min(entity->byte_end, open_.back().end);
      const std::string& label = LabelName(options_, document_, entity->label);
      fmt::format_to(std::back_inserter(out_),
                     "<mark style=\"--h:{}\" data-label=\"{}\" data-score=\"{:.4f}\">",
                     HueOf(options_, label), EscapeHtml(label),
                     HasScore(*entity) ? entity->score : 1);
      open_.push_back({end, entity});
    }
    CloseUntil(text_.size() + 1);
    WriteUntil(text_.size());
  }

 private:
  void WriteUntil(size_t end) {
    if (end > at_) out_ += EscapeHtml(text_.substr(at_, end - at_));
    at_ = std::max(at_, end);
  }

  void CloseUntil(size_t at) {
    while (!open_.empty() && open_.back().end <= at) {
      WriteUntil(open_.back().end);
      const Entity& entity = *open_.back().entity;
      const std::string score = HasScore(entity) ? fmt::format(" {:.2f}", entity.score) : "";
      fmt::format_to(std::back_inserter(out_), "<small>{}{}</small></mark>",
                     EscapeHtml(LabelName(options_, document_, entity.label)), score);
      open_.pop_back();
    }
  }

  const FormatOptions& options_;
  const InputDocument& document_;
  std::string_view text_;
  std::string& out_;
  size_t at_ = 0;
  std::vector<Open> open_;
};

}  // namespace

std::string EscapeHtml(std::string_view text) { return EscapeMarkup(ShowControls(text)); }

void FormatHtmlStart(const FormatOptions&, std::string& out) { out += kHead; }

void FormatHtml(const FormatOptions& options, const InputDocument& document,
                const Extraction& extraction, std::string& out) {
  if (document.blank) return;
  const std::string place = DocumentPlace(options.files, document);
  fmt::format_to(std::back_inserter(out), "<article>\n<h2>{}</h2>\n",
                 IsUtf8(place) ? EscapeHtml(place) : "(not UTF-8)");
  if (extraction.error) {
    fmt::format_to(std::back_inserter(out), "<p class=\"error\">{}</p>\n",
                   EscapeHtml(extraction.error->message));
  }
  out += "<p class=\"text\" dir=\"auto\">";
  MarkedHtml(options, document, out).Write(extraction.entities);
  out += "</p>\n";
  if (!extraction.relations.empty()) {
    out += "<ul>\n";
    for (const Relation& relation : extraction.relations) {
      const Entity& head = extraction.entities[static_cast<size_t>(relation.head)];
      const Entity& tail = extraction.entities[static_cast<size_t>(relation.tail)];
      fmt::format_to(std::back_inserter(out), "<li>{} \u2014 {} {:.2f} \u2192 {}</li>\n",
                     EscapeHtml(TextOf(document, head)),
                     EscapeHtml(RelationName(options, document, relation.relation)), relation.score,
                     EscapeHtml(TextOf(document, tail)));
    }
    out += "</ul>\n";
  }
  out += "</article>\n";
}

void FormatHtmlEnd(std::string& out) { out += kTail; }

}  // namespace waterline::cli
