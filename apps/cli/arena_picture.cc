// SPDX-License-Identifier: Apache-2.0
#include "arena_picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

#include "byte_size.h"
#include "svg_writer.h"
#include "utf8_text.h"

namespace waterline::cli {
namespace {

// In units of the picture. The plot is the rectangle between the axes.
constexpr double kWidth = 1280, kLeft = 84, kRight = 24, kTop = 84, kPlotHeight = 560;
constexpr double kPlotWidth = kWidth - kLeft - kRight, kPlotBottom = kTop + kPlotHeight;
constexpr double kLegendTop = kPlotBottom + 94, kLegendRow = 22;
constexpr size_t kLegendColumns = 4;
constexpr double kHeadroom = 1.08;  // Bytes that the axis shows, for each one of the peak.
constexpr double kMiB = 1024 * 1024;

// Paul Tol's "light" scheme: distinct for colour-blind eyes, and black text is readable on all.
constexpr std::string_view kColours[] = {"#77aadd", "#ee8866", "#eedd88", "#ffaabb", "#99ddff",
                                         "#44bb99", "#bbcc33", "#aaaa00", "#dddddd"};
// What is drawn over a colour when there are more names than colours: nothing, then lines.
constexpr std::string_view kHatches[] = {"",       "M0 8L8 0", "M0 0L8 8",
                                         "M4 0V8", "M0 4H8",   "M0 8L8 0M0 0L8 8"};
constexpr size_t kStyles = std::size(kColours) * std::size(kHatches);

// The buffers of one name.
struct Series {
  std::string name;
  size_t count = 0;
  size_t largest = 0;  // Bytes of one buffer.
  double area = 0;     // Bytes times steps, of all.
};

std::vector<Series> CollectSeries(const std::vector<PlannedBuffer>& buffers) {
  std::vector<Series> all;
  for (const PlannedBuffer& buffer : buffers) {
    auto at = std::find_if(all.begin(), all.end(),
                           [&](const Series& series) { return series.name == buffer.name; });
    if (at == all.end()) at = all.insert(at, Series{.name = buffer.name});
    ++at->count;
    at->largest = std::max(at->largest, buffer.bytes);
    at->area += static_cast<double>(buffer.bytes) * (buffer.death - buffer.birth);
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Series& x, const Series& y) { return x.area > y.area; });
  return all;
}

// The distance of grid lines: 1, 2 or 5 times a power of ten, at most `most` of them up to `range`.
double GridStep(double range, int most) {
  const double least = range / most;
  const double power = std::pow(10, std::floor(std::log10(least)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= least) return factor * power;
  }
  return 10 * power;
}

// The end of a path that is too long for a title.
std::string Shortened(const std::string& path) {
  constexpr size_t kMost = 80;
  if (path.size() <= kMost) return path;
  const size_t slash = path.find('/', path.size() - kMost);
  return "..." + (slash == std::string::npos ? std::string() : path.substr(slash));
}

// About how long `text` is in print, with room around it.
double LengthOf(const std::string& text, double size) {
  return static_cast<double>(DisplayWidth(text)) * size * 0.58 + 6;
}

// `text` as two lines, broken at the space nearest to its middle; one line where there is none.
std::vector<std::string> Halves(const std::string& text) {
  const size_t middle = text.size() / 2;
  size_t best = std::string::npos;
  for (size_t at = text.find(' '); at != std::string::npos; at = text.find(' ', at + 1)) {
    const auto distance = [&](size_t to) { return std::max(to, middle) - std::min(to, middle); };
    if (best == std::string::npos || distance(at) < distance(best)) best = at;
  }
  if (best == std::string::npos) return {text};
  return {text.substr(0, best), text.substr(best + 1)};
}

class ArenaPicture {
 public:
  ArenaPicture(const BatchPlan& batch, size_t workspace)
      : batch_(batch), workspace_(workspace), series_(CollectSeries(batch.buffers)) {
    for (const PlannedBuffer& buffer : batch.buffers) steps_ = std::max(steps_, buffer.death);
    top_bytes_ = static_cast<double>(std::max<size_t>(batch.bytes, 1)) * kHeadroom;
  }

  std::string Draw(const std::string& model) {
    const size_t rows = (series_.size() + kLegendColumns - 1) / kLegendColumns;
    svg_.Begin(kWidth, kLegendTop + static_cast<double>(rows) * kLegendRow + 12);
    DefineHatches();
    DrawTitle(model);
    DrawGrid();
    for (const PlannedBuffer& buffer : batch_.buffers) DrawBuffer(buffer);
    for (const PlannedBuffer& buffer : batch_.buffers) DrawName(buffer);
    DrawPeak();
    DrawLegend();
    return svg_.End();
  }

 private:
  double X(double step) const { return kLeft + step / steps_ * kPlotWidth; }
  double Y(double bytes) const { return kPlotBottom - bytes / top_bytes_ * kPlotHeight; }

  Box BoxOf(const PlannedBuffer& buffer) const {
    const double top = Y(static_cast<double>(buffer.offset + buffer.bytes));
    return {X(buffer.birth), top, X(buffer.death) - X(buffer.birth),
            Y(static_cast<double>(buffer.offset)) - top};
  }

  size_t StyleOf(const std::string& name) const {
    const auto at = std::find_if(series_.begin(), series_.end(),
                                 [&](const Series& series) { return series.name == name; });
    return static_cast<size_t>(at - series_.begin()) % kStyles;
  }

  static std::string FillOf(size_t style) {
    if (style < std::size(kColours)) return std::string(kColours[style]);
    return fmt::format("url(#hatch{})", style);
  }

  void DefineHatches() {
    for (size_t style = std::size(kColours); style < std::min(series_.size(), kStyles); ++style) {
      svg_.Hatch(fmt::format("hatch{}", style), kColours[style % std::size(kColours)],
                 kHatches[style / std::size(kColours)]);
    }
  }

  void DrawTitle(const std::string& model) {
    svg_.Text({kLeft, 32, 20, "start", true},
              "Workspace of a pass of " + ShowName(Shortened(model)));
    svg_.Text({kLeft, 56, 14, "start"},
              fmt::format(
                  "{} {}, {} tokens, {} words, {} labels: peak {} of a workspace of {}, in "
                  "{} buffers",
                  FormatCount(batch_.sequences), batch_.sequences == 1 ? "sequence" : "sequences",
                  FormatCount(batch_.tokens), FormatCount(batch_.words), FormatCount(batch_.labels),
                  FormatByteSize(batch_.bytes), FormatByteSize(workspace_),
                  FormatCount(static_cast<int64_t>(batch_.buffers.size()))));
  }

  void DrawGrid() {
    const double bytes_step = GridStep(top_bytes_ / kMiB, 10);
    for (int i = 0; i * bytes_step * kMiB <= top_bytes_; ++i) {
      const double y = Y(i * bytes_step * kMiB);
      svg_.Line(kLeft, y, kWidth - kRight, y, i == 0 ? "#333" : "#ddd");
      svg_.Text({kLeft - 8, y + 4, 12, "end"}, fmt::format("{:.6g}", i * bytes_step));
    }
    const int step = std::max(1, static_cast<int>(GridStep(steps_, 12)));
    for (int i = 0; i <= steps_; i += step) {
      svg_.Line(X(i), kPlotBottom, X(i), kPlotBottom + 5, "#333");
      svg_.Text({X(i), kPlotBottom + 20, 12, "middle"}, fmt::format("{}", i));
    }
    svg_.Line(kLeft, kTop, kLeft, kPlotBottom, "#333");
    svg_.Text({kLeft + kPlotWidth / 2, kPlotBottom + 42, 13, "middle"},
              "step of the pass (each takes or gives back a buffer)");
    svg_.Text({24, kTop + kPlotHeight / 2, 13, "middle", false, true}, "MiB of the workspace");
  }

  void DrawBuffer(const PlannedBuffer& buffer) {
    svg_.Rectangle(
        BoxOf(buffer), FillOf(StyleOf(buffer.name)), "#555",
        fmt::format("{}: {} at {}, steps {} to {}", ShowName(buffer.name),
                    FormatExactByteSize(buffer.bytes),
                    FormatCount(static_cast<int64_t>(buffer.offset)), buffer.birth, buffer.death));
  }

  // Across where there is room, upwards, or across in two lines; else not.
  void DrawName(const PlannedBuffer& buffer) {
    const Box box = BoxOf(buffer);
    const std::string name = ShowName(buffer.name);
    const std::vector<std::string> halves = Halves(name);
    for (const double size : {12.0, 10.0, 8.0}) {
      const Box line = {0, 0, LengthOf(name, size), size + 2};
      if (box.width >= line.width && box.height >= line.height) {
        return DrawLines({name}, box, size, /*upwards=*/false);
      }
      if (box.height >= line.width && box.width >= line.height) {
        return DrawLines({name}, box, size, /*upwards=*/true);
      }
      double widest = 0;
      for (const std::string& half : halves) widest = std::max(widest, LengthOf(half, size));
      if (box.width >= widest && box.height >= 2 * line.height) {
        return DrawLines(halves, box, size, /*upwards=*/false);
      }
    }
  }

  void DrawLines(const std::vector<std::string>& lines, const Box& box, double size, bool upwards) {
    const double x = box.x + box.width / 2, y = box.y + box.height / 2;
    const double above = static_cast<double>(lines.size() - 1) / 2;
    for (size_t i = 0; i < lines.size(); ++i) {
      const double drop = size * 0.35 + (static_cast<double>(i) - above) * (size + 2);
      svg_.Text({upwards ? x + drop : x, upwards ? y : y + drop, size, "middle", false, upwards},
                lines[i]);
    }
  }

  void DrawPeak() {
    const double y = Y(static_cast<double>(batch_.bytes));
    svg_.Line(kLeft, y, kWidth - kRight, y, "#b00020", /*dashed=*/true);
    svg_.Text({kWidth - kRight - 4, y - 8, 13, "end", true},
              "peak " + FormatExactByteSize(batch_.bytes));
  }

  void DrawLegend() {
    svg_.Text({kLeft, kLegendTop - 14, 13, "start", true},
              "Buffers by name, with the size of the largest");
    const size_t rows = (series_.size() + kLegendColumns - 1) / kLegendColumns;
    for (size_t i = 0; i < series_.size(); ++i) {
      const double x = kLeft + static_cast<double>(i / rows) * kPlotWidth / kLegendColumns;
      const double y = kLegendTop + static_cast<double>(i % rows) * kLegendRow;
      svg_.Rectangle({x, y, 26, 14}, FillOf(i % kStyles), "#555", "");
      svg_.Text(
          {x + 34, y + 11.5, 12, "start"},
          fmt::format("{}: {}{}", ShowName(series_[i].name), FormatByteSize(series_[i].largest),
                      series_[i].count == 1 ? std::string()
                                            : fmt::format(", {} buffers", series_[i].count)));
    }
  }

  const BatchPlan& batch_;
  size_t workspace_;
  std::vector<Series> series_;
  int steps_ = 1;
  double top_bytes_ = 1;
  SvgWriter svg_;
};

}  // namespace

std::string DrawArena(const BatchPlan& batch, const std::string& model, size_t workspace) {
  return ArenaPicture(batch, workspace).Draw(model);
}

}  // namespace waterline::cli
