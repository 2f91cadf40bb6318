// SPDX-License-Identifier: Apache-2.0
#include "ops/ops.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "base/check.h"

namespace waterline {
namespace {

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
  if (words.resident != nullptr || !kernels_.on_host()) {
    kernels_.Embed({.ids = tokens.ids,
                    .words = {.rows = words.rows,
                              .cols = words.cols,
                              .type = words.tensor == nullptr ? Dtype::kF32 : words.tensor->type,
                              .data = words.resident},
                    .positions = tokens.positions,
                    .places = tokens.places,
                    .every = tokens.every},
                   out);
    return out;
  }
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
  if (count == 0) return;
  // Dry kernels too are called, as some note what they will read.
  dry() || team_ == nullptr ? part(0, count, 0) : team_->For(count, part);
}

Mat Ops::MembersScratch(size_t bytes, int members, const char* name) {
  return MakeScratch(arena_,
                     members == 1 ? bytes : WholeLines(bytes) * static_cast<size_t>(members), name);
}

Mat Ops::LinearScratch(int64_t rows, const Weight& w, const Weight* other) {
  const auto bytes_for = [&](const Weight& weight) {
    const LinearParts parts = kernels_.PartsOfLinear(std::min(rows, kernels_.chunk_rows()), weight);
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

void Ops::LinearInto(MatView x, const Weight& w, Act act, MatView out) {
  WATERLINE_CHECK(x.cols == w.in && out.cols == w.out && x.rows == out.rows);
  Mat scratch = LinearScratch(x.rows, w);
  RunLinear(x, w, act, scratch, out);
}

Mat Ops::LinearFromFile(MatView x, const FileTable& w, const float* bias, const char* name) {
  constexpr int64_t kRowsAtOnce = 48;  // Whole panels of every instruction set.
  WATERLINE_CHECK(x.cols == w.cols);
  Weight piece{.out = std::min(kRowsAtOnce, w.rows), .in = w.cols};
  const size_t bytes = kernels_.PackedBytes(WeightType::kF32, piece.out, piece.in);
  Mat out(arena_, x.rows, w.rows, name);
  const Mat place = MakeScratch(arena_, bytes, "weights of one use");
  Mat scratch = LinearScratch(x.rows, piece);
  if (dry()) return out;
  std::pmr::vector<float> rows(static_cast<size_t>(piece.out * w.cols), memory_);
  std::pmr::vector<float> packed(static_cast<size_t>(place.cols()), memory_);
  for (int64_t row = 0; row < w.rows; row += kRowsAtOnce) {
    piece.out = std::min(kRowsAtOnce, w.rows - row);
    const Result<void> done = w.file->ReadF32(
        *w.tensor, row * w.cols, std::span(rows).first(static_cast<size_t>(piece.out * w.cols)));
    if (!done.ok()) {
      if (!error_) error_ = done.error();
      return out;
    }
    piece.packed = reinterpret_cast<const std::byte*>(place.view().data);
    piece.bias = bias == nullptr ? nullptr : bias + row;
    kernels_.Pack(rows.data(), 0, piece.out, piece, reinterpret_cast<std::byte*>(packed.data()));
    kernels_.CopyIn({packed.data(), 1, place.cols(), place.cols()}, place);
    RunLinear(x, piece, Act::kNone, scratch, out.view().Cols(row, row + piece.out));
  }
  return out;
}

void Ops::GatherRows(MatView x, std::span<const int64_t> rows, MatView out) {
  WATERLINE_CHECK(x.cols == out.cols && static_cast<int64_t>(rows.size()) == out.rows);
  kernels_.GatherRows(x, rows, out);
}

void Ops::Copy(MatView from, MatView to) {
  WATERLINE_CHECK(from.rows == to.rows && from.cols == to.cols);
  kernels_.CopyRows(from, to);
}

void Ops::CopyIn(MatView from, MatView to) {
  WATERLINE_CHECK(from.rows == to.rows && from.cols == to.cols);
  kernels_.CopyIn(from, to);
}

void Ops::CopyOut(MatView from, MatView to) {
  WATERLINE_CHECK(from.rows == to.rows && from.cols == to.cols);
  kernels_.CopyOut(from, to);
}

void Ops::AddAct(MatView a, MatView b, Act act, MatView out) {
  WATERLINE_CHECK(a.rows == out.rows && a.cols == out.cols);
  WATERLINE_CHECK(b.empty() || (a.cols == b.cols && (a.rows == b.rows || b.rows == 1)));
  kernels_.AddAct(a, b, act, out);
}

void Ops::Scale(MatView x, MatView by, MatView out) {
  WATERLINE_CHECK(by.rows == 1 && by.cols == x.cols);
  WATERLINE_CHECK(x.rows == out.rows && x.cols == out.cols);
  kernels_.Scale(x, by.data, out);
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

void Ops::NormHeads(MatView x, const Norm& norm) {
  WATERLINE_CHECK(x.cols % norm.width == 0);
  for (int64_t begin = 0; begin < x.cols; begin += norm.width) {
    const MatView head = x.Cols(begin, begin + norm.width);
    kernels_.AddLayerNorm(head, {}, norm, head);
  }
}

Mat Ops::AddNorm(Mat& x, MatView delta, const Norm& norm, const char* name) {
  WATERLINE_CHECK(x.cols() == norm.width);
  WATERLINE_CHECK(delta.empty() || (delta.rows == x.rows() && delta.cols == x.cols()));
  Mat out(arena_, x.rows(), x.cols(), name);
  kernels_.AddNorm(x, delta, norm, out);
  return out;
}

Mat Ops::FeedForward(MatView x, const Weight& up, Act act, const Weight& down, const char* name) {
  const bool gated = up.out == 2 * down.in;
  WATERLINE_CHECK(x.cols == up.in && (gated || up.out == down.in));
  Mat out(arena_, x.rows, down.out, name);
  if (const size_t bytes = gated ? 0 : kernels_.FeedForwardScratchBytes(x.rows, up, down);
      bytes > 0) {
    Mat scratch = MakeScratch(arena_, bytes, "feed-forward chunk");
    kernels_.FeedForward(x, up, act, down, Scratch(scratch), out);
    return out;
  }
  // In chunks so that each reads the weights once and the wide middle stays near the core.
  const int64_t chunk = kernels_.chunk_rows();
  const int64_t most = std::min(x.rows, chunk);
  Mat middle(arena_, most, up.out, "feed-forward chunk");
  Mat scratch = LinearScratch(most, up, &down);
  for (int64_t begin = 0; begin < x.rows; begin += chunk) {
    const int64_t end = std::min(x.rows, begin + chunk);
    const MatView part = middle.view().Rows(0, end - begin);
    RunLinear(x.Rows(begin, end), up, gated ? Act::kNone : act, scratch, part);
    if (gated) kernels_.Gate(part, act);
    RunLinear(part.Cols(0, down.in), down, Act::kNone, scratch, out.view().Rows(begin, end));
  }
  return out;
}

void Ops::Rotate(MatView x, MatView angles, std::span<const int32_t> positions, int heads) {
  WATERLINE_CHECK(x.cols == heads * angles.cols && angles.cols % 2 == 0);
  WATERLINE_CHECK(x.rows == static_cast<int64_t>(positions.size()));
  kernels_.Rotate(angles, positions, heads, x);
}

Mat Ops::Attention(MatView qkv, SequenceBegins begins, const AttentionForm& form) {
  const int key_heads = form.key_heads == 0 ? form.heads : form.key_heads;
  const int64_t head_width = qkv.cols / (form.heads + 2 * key_heads);
  const int64_t width = form.heads * head_width, key_width = key_heads * head_width;
  WATERLINE_CHECK(qkv.cols == width + 2 * key_width && form.heads % key_heads == 0);
  const RelativeTerms* const relative = form.relative;
  WATERLINE_CHECK(relative == nullptr || relative->bias.rows == 0 || relative->keys.empty());
  const int64_t longest = Longest(begins);
  // A dry pass may ask what a shape would take that the model cannot read.
  WATERLINE_CHECK(dry() || relative == nullptr || longest <= relative->reach + 1);
  Mat out(arena_, qkv.rows, width, "attention");
  const int heads = form.heads;
  const size_t bytes = kernels_.AttentionScratchBytes(longest, head_width, relative);
  Mat scratch = MembersScratch(bytes, std::min(members(), heads), "attention scratch");
  Share(heads, [&](int64_t first, int64_t last, int member) {
    kernels_.Attention({.q = qkv.Cols(0, width),
                        .k = qkv.Cols(width, width + key_width),
                        .v = qkv.Cols(width + key_width, qkv.cols),
                        .begins = begins,
                        .longest = longest,
                        .heads = heads,
                        .key_heads = key_heads,
                        .scale = form.scale,
                        .relative = relative,
                        .window = form.window,
                        .causal = form.causal,
                        .first_head = static_cast<int>(first),
                        .end_head = static_cast<int>(last),
                        .scratch = ScratchOf(scratch, bytes, heads < members() ? first : member)},
                       out);
  });
  return out;
}

Mat Ops::CrossAttention(MatView q, MatView k, MatView v, SequenceBegins queries,
                        SequenceBegins keys, int heads, float scale) {
  WATERLINE_CHECK(q.cols == k.cols && k.cols == v.cols && k.rows == v.rows && q.cols % heads == 0);
  WATERLINE_CHECK(queries.size() == keys.size());
  const int64_t longest = Longest(keys);
  Mat out(arena_, q.rows, q.cols, "attention");
  Mat scratch =
      MakeScratch(arena_, kernels_.AttentionScratchBytes(longest, q.cols / heads, nullptr),
                  "attention scratch");
  kernels_.Attention({.q = q,
                      .k = k,
                      .v = v,
                      .begins = queries,
                      .key_begins = keys,
                      .longest = longest,
                      .heads = heads,
                      .key_heads = heads,
                      .scale = scale,
                      .relative = nullptr,
                      .scratch = Scratch(scratch)},
                     out);
  return out;
}

Mat Ops::Conv1d(MatView x, const Weight& w, int64_t kernel, SequenceBegins begins, Act act) {
  WATERLINE_CHECK(x.cols * kernel == w.in && kernel % 2 == 1);
  Mat out(arena_, x.rows, w.out, "convolution");
  const int64_t chunk = kernels_.chunk_rows();
  const int64_t most = std::min(x.rows, chunk);
  Mat window(arena_, most, w.in, "convolution windows");
  Mat scratch = LinearScratch(most, w);
  for (int64_t begin = 0; begin < x.rows; begin += chunk) {
    const int64_t end = std::min(x.rows, begin + chunk);
    const MatView part = window.view().Rows(0, end - begin);
    Share(end - begin, [&](int64_t first, int64_t last, int) {
      kernels_.Unfold(x, begins, kernel, begin + first, part.Rows(first, last));
    });
    RunLinear(part, w, act, scratch, out.view().Rows(begin, end));
  }
  return out;
}

Mat Ops::FindCandidates(const CandidateArgs& args, int64_t capacity, const char* name) {
  WATERLINE_CHECK(args.score_begins.size() == args.label_groups.size() + 1);
  WATERLINE_CHECK(args.limit_begins.size() == args.score_begins.size());
  Mat out(arena_, 1, 2 + 2 * capacity, name);
  kernels_.FindCandidates(args, out);
  return out;
}

Mat Ops::GatedConv(const GatedConvArgs& args, const char* name) {
  WATERLINE_CHECK(args.x.cols % 3 == 0);
  Mat out(arena_, args.x.rows, args.x.cols / 3, name);
  kernels_.GatedConv(args, out);
  return out;
}

Mat Ops::Pool(MatView x, std::span<const RowRange> ranges, Pooling pooling, const char* name) {
  Mat out(arena_, static_cast<int64_t>(ranges.size()), x.cols, name);
  PoolInto(x, ranges, pooling, out);
  return out;
}

void Ops::PoolInto(MatView x, std::span<const RowRange> ranges, Pooling pooling, MatView out) {
  WATERLINE_CHECK(x.cols == out.cols && static_cast<int64_t>(ranges.size()) == out.rows);
  kernels_.Pool(x, ranges, pooling, out);
}

Mat Ops::MixLayers(MixArgs args, const char* name) {
  const auto rows = static_cast<int64_t>(args.rows.size());
  const int64_t sequences = Sequences(args.begins);
  const int64_t layers = sequences == 0 ? 0 : args.means.rows / sequences;
  WATERLINE_CHECK(args.layers.rows == layers * rows && args.means.rows == layers * sequences);
  WATERLINE_CHECK(args.layers.cols == args.means.cols);
  Mat out(arena_, rows, args.layers.cols, name);
  Mat scratch = MakeScratch(arena_, kernels_.MixScratchBytes(layers, args.middle), "layer weights");
  args.scratch = Scratch(scratch);
  kernels_.MixLayers(args, out);
  return out;
}

void Ops::ClearEmpty(Mat& x, std::span<const RowRange> ranges) {
  WATERLINE_CHECK(x.rows() == static_cast<int64_t>(ranges.size()));
  kernels_.ClearEmpty(ranges, x);
}

Mat Ops::Lstm(MatView x, const LstmWeights& w, SequenceBegins begins) {
  const Mat gates = Linear(x, w.input, Act::kNone, "LSTM gates");
  Mat out(arena_, x.rows, w.directions * w.hidden, "LSTM");
  const size_t bytes = kernels_.LstmScratchBytes(w.hidden, Sequences(begins));
  const auto directions = static_cast<int>(w.directions);
  Mat scratch = MembersScratch(bytes, std::min(members(), directions), "LSTM scratch");
  Share(directions, [&](int64_t first, int64_t last, int) {
    kernels_.Lstm({.gates = gates,
                   .forward = w.forward,
                   .backward = w.backward,
                   .hidden = w.hidden,
                   .directions = w.directions,
                   .begins = begins,
                   .scratch = ScratchOf(scratch, bytes, first),
                   .first_direction = static_cast<int>(first),
                   .last_direction = static_cast<int>(last - 1)},
                  out);
  });
  return out;
}

void Ops::SpanScores(SpanScoreArgs args, MatView scores) {
  WATERLINE_CHECK(args.only_width >= 0 ||
                  (args.start.cols == args.end.cols && args.start.rows == args.end.rows));
  WATERLINE_CHECK(args.labels.cols == args.start.cols || args.labels.cols == args.start.cols + 1);
  WATERLINE_CHECK(args.word_begins.size() == args.label_groups.size() + 1);
  int64_t most_labels = 0;
  for (const RowRange& group : args.label_groups) {
    most_labels = std::max<int64_t>(most_labels, group.end - group.begin);
  }
  const size_t bytes = kernels_.SpanScoreScratchBytes(args.start.cols, args.widths, most_labels);
  Mat scratch = MembersScratch(bytes, members(), "span score scratch");
  const std::span<float> to(scores.data, static_cast<size_t>(scores.cols));
  const int64_t words = args.start.rows;
  Share((words + kPartWords - 1) / kPartWords, [&](int64_t begin, int64_t end, int member) {
    SpanScoreArgs part = args;
    part.words = {static_cast<int32_t>(begin * kPartWords),
                  static_cast<int32_t>(std::min(words, end * kPartWords))};
    part.scratch = ScratchOf(scratch, bytes, member);
    kernels_.SpanScores(part, to);
  });
}

}  // namespace waterline
