// SPDX-License-Identifier: Apache-2.0
#include "svg_writer.h"

#include <fmt/format.h>

#include <iterator>
#include <utility>

#include "markup_text.h"

namespace waterline::cli {
void SvgWriter::Begin(double width, double height) {
  fmt::format_to(std::back_inserter(text_),
                 "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" "
                 "viewBox=\"0 0 {0} {1}\" font-family=\"Helvetica, Arial, 'DejaVu Sans', "
                 "sans-serif\">\n<rect width=\"{0}\" height=\"{1}\" fill=\"white\"/>\n",
                 width, height);
}

void SvgWriter::Hatch(const std::string& id, std::string_view colour, std::string_view path) {
  fmt::format_to(std::back_inserter(text_),
                 "<pattern id=\"{}\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\">"
                 "<rect width=\"8\" height=\"8\" fill=\"{}\"/><path d=\"{}\" stroke=\"#555\" "
                 "stroke-width=\"0.8\"/></pattern>\n",
                 EscapeMarkup(id), colour, path);
}

void SvgWriter::Rectangle(const Box& box, std::string_view fill, std::string_view stroke,
                          std::string_view tooltip) {
  fmt::format_to(std::back_inserter(text_),
                 "<rect x=\"{:.2f}\" y=\"{:.2f}\" width=\"{:.2f}\" height=\"{:.2f}\" fill=\"{}\" "
                 "stroke=\"{}\" stroke-width=\"0.5\"",
                 box.x, box.y, box.width, box.height, fill, stroke);
  if (tooltip.empty()) {
    text_ += "/>\n";
  } else {
    text_ += "><title>" + EscapeMarkup(tooltip) + "</title></rect>\n";
  }
}

void SvgWriter::Line(double x1, double y1, double x2, double y2, std::string_view colour,
                     bool dashed) {
  fmt::format_to(
      std::back_inserter(text_),
      "<line x1=\"{:.2f}\" y1=\"{:.2f}\" x2=\"{:.2f}\" y2=\"{:.2f}\" stroke=\"{}\"{}/>\n", x1, y1,
      x2, y2, colour, dashed ? " stroke-width=\"1.5\" stroke-dasharray=\"8 5\"" : "");
}

// Text does not stand in the way of the tooltip below it, and has a seam of white, so that it is
// readable on hatches.
void SvgWriter::Text(const TextStyle& style, std::string_view text) {
  fmt::format_to(
      std::back_inserter(text_),
      "<text x=\"{0:.2f}\" y=\"{1:.2f}\" font-size=\"{2}\" text-anchor=\"{3}\"{4}{5} "
      "pointer-events=\"none\" paint-order=\"stroke\" stroke=\"white\" "
      "stroke-width=\"2\" stroke-opacity=\"0.7\">{6}</text>\n",
      style.x, style.y, style.size, style.anchor, style.bold ? " font-weight=\"bold\"" : "",
      style.upwards ? fmt::format(" transform=\"rotate(-90 {:.2f} {:.2f})\"", style.x, style.y)
                    : std::string(),
      EscapeMarkup(text));
}

std::string SvgWriter::End() {
  text_ += "</svg>\n";
  return std::move(text_);
}

}  // namespace waterline::cli
