// SPDX-License-Identifier: Apache-2.0
#include "ops/ops.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "base/check.h"

namespace waterline {
namespace {

// Rows of the wide middle of a feed-forward that exist at once: as many as kernels take at once, so
// that every chunk reads the weights once and the middle stays near the core.
constexpr int64_t kChunkRows = kLinearRows;
// Rows that are worth a part of their own in operations that do little with each.
constexpr int64_t kPartRows = 8;
// Words whose spans are worth packing the labels for.
constexpr int64_t kPartWords = 32;
// Tokens whose embedding rows are read at once.
constexpr int64_t kEmbedRows = 128;

std::span<std::byte> Scratch(Mat& mat) {
  if (mat.view().data == nullptr) return {};
  return {reinterpret_cast<std::byte*>(mat.view().data),
          static_cast<size_t>(mat.rows() * mat.view().stride) * sizeof(float)};
}

// Scratch memory of at least `bytes`, as a matrix so that it has a slot in the plan.
Mat MakeScratch(Arena& arena, size_t bytes, const char* name) {
  return Mat(arena, 1, static_cast<int64_t>((bytes + sizeof(float) - 1) / sizeof(float)), name);
}

size_t WholeLines(size_t bytes) { return (bytes + 63) / 64 * 64; }

// The `index`th of those that Ops::MembersScratch made.
std::span<std::byte> ScratchOf(Mat& mat, size_t bytes, int64_t index) {
  const std::span<std::byte> all = Scratch(mat);
  return all.empty() ? all : all.subspan(WholeLines(bytes) * static_cast<size_t>(index), bytes);
}

int64_t Sequences(SequenceBegins begins) { return static_cast<int64_t>(begins.size()) - 1; }

int64_t Longest(SequenceBegins begins) {
  int32_t longest = 0;
  for (size_t s = 1; s < begins.size(); ++s) longest = std::max(longest, begins[s] - begins[s - 1]);
  return longest;
}

}  // namespace

Mat Ops::Embed(const EmbedTokens& tokens, const char* name) {
  const FileTable& words = tokens.words;
  const auto count = static_cast<int64_t>(tokens.ids.size());
  WATERLINE_CHECK(tokens.places.rows == 0 || tokens.positions.size() == tokens.ids.size());
  WATERLINE_CHECK(tokens.places.rows == 0 || tokens.places.cols == words.cols);
  Mat out(arena_, count, words.cols, name);
  const int64_t most = std::min(count, kEmbedRows);
  Mat scratch =
      MakeScratch(arena_, static_cast<size_t>(most) * words.row_bytes(), "embedding rows");
  if (dry()) return out;

  const std::span<std::byte> rows = Scratch(scratch);
  std::array<int32_t, kEmbedRows> local;  // Of each token of the chunk: its row in `rows`.
  for (int64_t begin = 0; begin < count; begin += kEmbedRows) {
    const auto from = static_cast<size_t>(begin);
    const std::span<const int32_t> ids =
        tokens.ids.subspan(from, std::min(tokens.ids.size() - from, local.size()));
    const int64_t distinct = ReadRows(words, ids, rows, local);
    const auto chunk = static_cast<int64_t>(ids.size());
    kernels_.Embed(
        {.ids = std::span(local).first(ids.size()),
         .words = {.rows = distinct,
                   .cols = words.cols,
                   .type = words.tensor->type,
                   .data = rows.data()},
         .positions = tokens.positions.empty() ? tokens.positions
                                               : tokens.positions.subspan(from, ids.size()),
         .places = tokens.places,
         .every = tokens.every},
        out.view().Rows(begin, begin + chunk));
  }
  return out;
}

// Reads the rows `ids` of `table`, each once, to the front of `rows`; local[i] is then where
// ids[i] is. Returns how many there are.
int64_t Ops::ReadRows(const FileTable& table, std::span<const int32_t> ids,
                      std::span<std::byte> rows, std::span<int32_t> local) {
  std::array<uint8_t, kEmbedRows> order;
  static_assert(kEmbedRows <= 256);
  std::iota(order.begin(), order.begin() + ids.size(), uint8_t{0});
  std::sort(order.begin(), order.begin() + ids.size(),
            [&](uint8_t a, uint8_t b) { return ids[a] < ids[b]; });
  const size_t bytes = table.row_bytes();
  int32_t distinct = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    const int32_t id = ids[order[i]];
    if (i == 0 || id != ids[order[i - 1]]) {
      const std::span<std::byte> row = rows.subspan(static_cast<size_t>(distinct++) * bytes, bytes);
      const Result<void> read = table.file->Read(*table.tensor, int64_t{id} * table.cols, row);
      if (!read.ok()) {
        if (!error_) error_ = read.error();
        std::fill(row.begin(), row.end(), std::byte{0});
      }
    }
    local[order[i]] = distinct - 1;
  }
  return distinct;
}

void Ops::Share(int64_t count, Team::Part part) {
  if (dry() || count == 0) return;
  team_ == nullptr ? part(0, count, 0) : team_->For(count, part);
}

Mat Ops::MembersScratch(size_t bytes, int members, const char* name) {
  return MakeScratch(arena_,
                     members == 1 ? bytes : WholeLines(bytes) * static_cast<size_t>(members), name);
}

Mat Ops::LinearScratch(int64_t rows, const Weight& w, const Weight* other) {
  const auto bytes_for = [&](const Weight& weight) {
    const LinearParts parts = kernels_.PartsOfLinear(std::min(rows, kLinearRows), weight);
    return parts.rounded + parts.scratch * static_cast<size_t>(members());
  };
  size_t bytes = bytes_for(w);
  if (other != nullptr) bytes = std::max(bytes, bytes_for(*other));
  return bytes == 0 ? Mat() : MakeScratch(arena_, bytes, "linear scratch");
}

// The rounded rows are shared; then every member takes whole panels of outputs.
void Ops::RunLinear(MatView x, const Weight& w, Act act, Mat& scratch, MatView out) {
  if (members() == 1) return kernels_.Linear(x, w, act, Scratch(scratch), out);
  if (dry()) return;
  const LinearParts parts = kernels_.PartsOfLinear(std::min(x.rows, kLinearRows), w);
  const std::span<std::byte> rounded = Scratch(scratch).first(parts.rounded);
  for (int64_t row = 0; row < x.rows; row += kLinearRows) {
    const int64_t last = std::min(x.rows, row + kLinearRows);
    const MatView rows = x.Rows(row, last);
    const MatView to = out.Rows(row, last);
    if (parts.rounded > 0) {
      Share(rows.rows, [&](int64_t begin, int64_t end, int) {
        kernels_.RoundInputs(rows, begin, end, w, rounded);
      });
    }
    Share((w.out + parts.outputs - 1) / parts.outputs, [&](int64_t begin, int64_t end, int member) {
      const std::span<std::byte> own = Scratch(scratch).subspan(
          parts.rounded + static_cast<size_t>(member) * parts.scratch, parts.scratch);
      kernels_.LinearPart(rows, w, act, begin * parts.outputs, std::min(w.out, end * parts.outputs),
                          rounded, own, to);
    });
  }
}

Mat Ops::Linear(MatView x, const Weight& w, Act act, const char* name) {
  WATERLINE_CHECK(x.cols == w.in);
  Mat out(arena_, x.rows, w.out, name);
  Mat scratch = LinearScratch(x.rows, w);
  RunLinear(x, w, act, scratch, out);
  return out;
}

void Ops::AddLayerNorm(Mat& x, MatView residual, const Norm& norm) {
  WATERLINE_CHECK(x.cols() == norm.width);
  WATERLINE_CHECK(residual.empty() || (residual.rows == x.rows() && residual.cols == x.cols()));
  Share((x.rows() + kPartRows - 1) / kPartRows, [&](int64_t begin, int64_t end, int) {
    const auto part = [&](MatView m) {
      return m.Rows(begin * kPartRows, std::min(m.rows, end * kPartRows));
    };
    kernels_.AddLayerNorm(part(x), residual.empty() ? residual : part(residual), norm, part(x));
  });
}

Mat Ops::FeedForward(MatView x, const Weight& up, Act act, const Weight& down, const char* name) {
  WATERLINE_CHECK(x.cols == up.in && up.out == down.in);
  Mat out(arena_, x.rows, down.out, name);
  const int64_t most = std::min(x.rows, kChunkRows);
  Mat middle(arena_, most, up.out, "feed-forward chunk");
  Mat scratch = LinearScratch(most, up, &down);
  for (int64_t begin = 0; begin < x.rows; begin += kChunkRows) {
    const int64_t end = std::min(x.rows, begin + kChunkRows);
    const MatView part = middle.view().Rows(0, end - begin);
    RunLinear(x.Rows(begin, end), up, act, scratch, part);
    RunLinear(part, down, Act::kNone, scratch, out.view().Rows(begin, end));
  }
  return out;
}

Mat Ops::Attention(MatView qkv, SequenceBegins begins, int heads, float scale,
                   const RelativeTerms* relative) {
  const int64_t width = qkv.cols / 3;
  WATERLINE_CHECK(qkv.cols == 3 * width && width % heads == 0);
  const int64_t longest = Longest(begins);
  // A dry pass may ask what a shape would take that the model cannot read.
  WATERLINE_CHECK(dry() || relative == nullptr || longest <= relative->reach + 1);
  Mat out(arena_, qkv.rows, width, "attention");
  const size_t bytes = kernels_.AttentionScratchBytes(longest, width / heads, relative);
  Mat scratch = MembersScratch(bytes, std::min(members(), heads), "attention scratch");
  Share(heads, [&](int64_t begin, int64_t end, int member) {
    const int64_t first = begin * (width / heads), last = end * (width / heads);
    RelativeTerms terms;
    if (relative != nullptr) {
      terms = *relative;
      if (!terms.keys.empty()) terms.keys = terms.keys.Cols(first, last);
      if (!terms.queries.empty()) terms.queries = terms.queries.Cols(first, last);
    }
    kernels_.Attention({.q = qkv.Cols(first, last),
                        .k = qkv.Cols(width + first, width + last),
                        .v = qkv.Cols(2 * width + first, 2 * width + last),
                        .begins = begins,
                        .longest = longest,
                        .heads = static_cast<int>(end - begin),
                        .scale = scale,
                        .relative = relative == nullptr ? nullptr : &terms,
                        .scratch = ScratchOf(scratch, bytes, heads < members() ? begin : member)},
                       out.view().Cols(first, last));
  });
  return out;
}

Mat Ops::Conv1d(MatView x, const Weight& w, int64_t kernel, SequenceBegins begins, Act act) {
  WATERLINE_CHECK(x.cols * kernel == w.in && kernel % 2 == 1);
  Mat out(arena_, x.rows, w.out, "convolution");
  const int64_t most = std::min(x.rows, kChunkRows);
  Mat window(arena_, most, w.in, "convolution windows");
  Mat scratch = LinearScratch(most, w);
  for (int64_t begin = 0; begin < x.rows; begin += kChunkRows) {
    const int64_t end = std::min(x.rows, begin + kChunkRows);
    const MatView part = window.view().Rows(0, end - begin);
    Share(end - begin, [&](int64_t first, int64_t last, int) {
      kernels_.Unfold(x, begins, kernel, begin + first, part.Rows(first, last));
    });
    RunLinear(part, w, act, scratch, out.view().Rows(begin, end));
  }
  return out;
}

Mat Ops::Pool(MatView x, std::span<const RowRange> ranges, Pooling pooling, const char* name) {
  Mat out(arena_, static_cast<int64_t>(ranges.size()), x.cols, name);
  kernels_.Pool(x, ranges, pooling, out);
  return out;
}

void Ops::ClearEmpty(Mat& x, std::span<const RowRange> ranges) {
  WATERLINE_CHECK(x.rows() == static_cast<int64_t>(ranges.size()));
  kernels_.ClearEmpty(ranges, x);
}

Mat Ops::Lstm(MatView x, const LstmWeights& w, SequenceBegins begins) {
  const Mat gates = Linear(x, w.input, Act::kNone, "LSTM gates");
  Mat out(arena_, x.rows, 2 * w.hidden, "LSTM");
  const size_t bytes = kernels_.LstmScratchBytes(w.hidden, Sequences(begins));
  Mat scratch = MembersScratch(bytes, std::min(members(), 2), "LSTM scratch");
  Share(2, [&](int64_t first, int64_t last, int) {  // Directions.
    kernels_.Lstm({.gates = gates,
                   .forward = w.forward,
                   .backward = w.backward,
                   .hidden = w.hidden,
                   .begins = begins,
                   .scratch = ScratchOf(scratch, bytes, first),
                   .first_direction = static_cast<int>(first),
                   .last_direction = static_cast<int>(last - 1)},
                  out);
  });
  return out;
}

void Ops::SpanScores(SpanScoreArgs args, std::span<float> scores) {
  WATERLINE_CHECK(args.start.cols == args.end.cols && args.start.rows == args.end.rows);
  WATERLINE_CHECK(args.labels.cols == args.start.cols || args.labels.cols == args.start.cols + 1);
  WATERLINE_CHECK(args.word_begins.size() == args.label_begins.size());
  const size_t bytes =
      kernels_.SpanScoreScratchBytes(args.start.cols, args.widths, Longest(args.label_begins));
  Mat scratch = MembersScratch(bytes, members(), "span score scratch");
  const int64_t words = args.start.rows;
  Share((words + kPartWords - 1) / kPartWords, [&](int64_t begin, int64_t end, int member) {
    SpanScoreArgs part = args;
    part.words = {static_cast<int32_t>(begin * kPartWords),
                  static_cast<int32_t>(std::min(words, end * kPartWords))};
    part.scratch = ScratchOf(scratch, bytes, member);
    kernels_.SpanScores(part, scores);
  });
}

}  // namespace waterline
