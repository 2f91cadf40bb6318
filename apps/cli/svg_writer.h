// Writes the few shapes of SVG that a chart is made of. Texts are escaped.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace waterline::cli {

struct Box {
  double x = 0, y = 0;  // Upper left corner.
  double width = 0, height = 0;
};

struct TextStyle {
  double x = 0, y = 0;  // Of the base line, where `anchor` says.
  double size = 12;
  std::string_view anchor = "start";  // "start", "middle" or "end".
  bool bold = false;
  bool upwards = false;  // Turned by a quarter.
};

// Collects one document of fixed size on white. Colours are as in CSS.
class SvgWriter {
 public:
  void Begin(double width, double height);
  // Defines a fill `url(#id)`: `colour` with `path` drawn over squares of 8.
  void Hatch(const std::string& id, std::string_view colour, std::string_view path);
  // With a tooltip unless that is "".
  void Rectangle(const Box& box, std::string_view fill, std::string_view stroke,
                 std::string_view tooltip);
  void Line(double x1, double y1, double x2, double y2, std::string_view colour,
            bool dashed = false);
  void Text(const TextStyle& style, std::string_view text);
  // Ends the document and returns it.
  std::string End();

 private:
  std::string text_;
};

}  // namespace waterline::cli
