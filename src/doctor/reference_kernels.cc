// The formulas, one after another.
// SPDX-License-Identifier: Apache-2.0
#include "doctor/reference_kernels.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>
#include <vector>

namespace waterline {

namespace {

double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

double Dot(const float* a, const float* b, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

// To the nearest bf16, ties to even.
float ToBf16(float x) {
  if (std::isnan(x)) return x;
  const auto bits = std::bit_cast<uint32_t>(x);
  const uint32_t below = bits & 0xffff;
  const bool up = below > 0x8000 || (below == 0x8000 && (bits & 0x10000) != 0);
  return std::bit_cast<float>((bits - below) + (up ? 0x10000u : 0u));
}

// To the nearest f16, ties to even.
float ToF16(float x) {
  if (!std::isfinite(x) || x == 0) return x;
  const int exponent = std::max(std::ilogb(x), -14);
  const float step = std::ldexp(1.0f, exponent - 10);
  const float rounded = std::nearbyint(x / step) * step;
  return std::abs(rounded) > 65504 ? std::copysign(INFINITY, x) : rounded;
}

// To the nearest tf32, ties away from zero.
float ToTf32(float x) {
  if (!std::isfinite(x) || x == 0) return x;
  const float step = std::ldexp(1.0f, std::ilogb(x) - 10);
  return std::round(x / step) * step;
}

// To the nearest multiples of largest / levels, in the f32 arithmetic of the kernels.
void Quantise(std::span<const float> from, int32_t levels, float* to) {
  float largest = 0;
  for (const float x : from) largest = std::max(largest, std::abs(x));
  const float step = largest / static_cast<float>(levels);
  const float inverse = largest > 0 ? static_cast<float>(levels) / largest : 0.0f;
  for (const float x : from) *to++ = std::nearbyint(x * inverse) * step;
}

void AddRow(const Table& table, int32_t row, std::vector<double>& to) {
  std::vector<float> wide(to.size());
  const size_t bytes = static_cast<size_t>(table.cols) * DtypeBytes(table.type);
  ToF32(table.type, table.data + static_cast<size_t>(row) * bytes, wide.data(), wide.size());
  for (size_t i = 0; i < to.size(); ++i) to[i] += wide[i];
}

// The output row of query i of the sequence in rows [begin, end), head by head.
void Attend(const AttentionArgs& args, int64_t begin, int64_t end, int64_t i, float* out) {
  const int64_t width = args.q.cols / args.heads;
  for (int64_t h = args.first_head; h < std::min(args.heads, args.end_head); ++h) {
    const float* q = args.q.row(i) + h * width;
    const int64_t key_column = h / (args.heads / args.key_heads) * width;
    std::vector<double> score;
    for (int64_t j = begin; j < end; ++j) {
      if (std::abs(i - j) > args.window || (args.causal && j > i)) {
        score.push_back(-std::numeric_limits<double>::infinity());
        continue;
      }
      const float* k = args.k.row(j) + key_column;
      double s = Dot(q, k, width);
      if (args.relative != nullptr) {
        const RelativeTerms& relative = *args.relative;
        const int64_t row = relative.bucket[static_cast<size_t>(i - j + relative.reach)];
        if (!relative.keys.empty()) s += Dot(q, relative.keys.row(row) + h * width, width);
        if (!relative.queries.empty()) s += Dot(k, relative.queries.row(row) + h * width, width);
        if (relative.bias.rows > 0) {
          float bias;
          const int64_t at = row * relative.bias.cols + h;
          std::memcpy(&bias, relative.bias.data + at * int64_t{sizeof bias}, sizeof bias);
          s += bias;
        }
      }
      score.push_back(s * args.scale);
    }
    const double largest = *std::max_element(score.begin(), score.end());
    double sum = 0;
    for (double& s : score) sum += s = std::exp(s - largest);
    for (int64_t c = 0; c < width; ++c) {
      double value = 0;
      for (int64_t j = begin; j < end; ++j) {
        const double weight = score[static_cast<size_t>(j - begin)];
        if (weight > 0) value += weight * args.v.row(j)[key_column + c];
      }
      out[h * width + c] = static_cast<float>(value / sum);
    }
  }
}

// One direction of one sequence of words, in the order of `words`.
void Recur(const LstmArgs& args, const std::vector<int64_t>& words, int64_t direction,
           MatView out) {
  const int64_t hidden = args.hidden;
  const float* weight = direction == 0 ? args.forward : args.backward;
  std::vector<double> h(static_cast<size_t>(hidden)), c(static_cast<size_t>(hidden));
  for (const int64_t word : words) {
    const std::vector<double> before = h;
    const auto gate = [&](int64_t which, int64_t unit) {
      const int64_t row = which * hidden + unit;
      double sum = args.gates.row(word)[direction * 4 * hidden + row];
      for (int64_t k = 0; k < hidden; ++k) {
        sum += before[static_cast<size_t>(k)] * weight[row * hidden + k];
      }
      return sum;
    };
    for (int64_t unit = 0; unit < hidden; ++unit) {
      const auto u = static_cast<size_t>(unit);
      c[u] = Sigmoid(gate(1, unit)) * c[u] + Sigmoid(gate(0, unit)) * std::tanh(gate(2, unit));
      h[u] = Sigmoid(gate(3, unit)) * std::tanh(c[u]);
      out.row(word)[direction * hidden + unit] = static_cast<float>(h[u]);
    }
  }
}

}  // namespace

double ReferenceAct(Act act, double x) {
  switch (act) {
    case Act::kNone:
      return x;
    case Act::kRelu:
      return x > 0 ? x : 0;
    case Act::kGelu:
      return 0.5 * x * std::erfc(-x / std::numbers::sqrt2);
    case Act::kGeluTanh: {
      const double root = std::sqrt(2 / std::numbers::pi);
      return 0.5 * x * (1 + std::tanh(root * (x + 0.044715 * x * x * x)));
    }
    case Act::kTanh:
      return std::tanh(x);
    case Act::kSilu:
      return x * Sigmoid(x);
  }
  return x;
}

void RoundNumbers(const Rounding& rounding, std::span<float> numbers) {
  if (rounding.bf16) std::transform(numbers.begin(), numbers.end(), numbers.begin(), ToBf16);
  if (rounding.f16) std::transform(numbers.begin(), numbers.end(), numbers.begin(), ToF16);
  if (rounding.tf32) std::transform(numbers.begin(), numbers.end(), numbers.begin(), ToTf32);
}

void RoundNumbers(const Rounding& rounding, MatView numbers) {
  for (int64_t r = 0; r < numbers.rows; ++r) {
    RoundNumbers(rounding, std::span(numbers.row(r), static_cast<size_t>(numbers.cols)));
  }
}

size_t ReferenceKernels::PackedBytes(WeightType, int64_t out, int64_t in) const {
  return static_cast<size_t>(out * in) * sizeof(float);
}

void ReferenceKernels::Pack(const float* from, int64_t row, int64_t rows, const Weight& w,
                            std::byte* packed) const {
  for (int64_t r = 0; r < rows; ++r) {
    const std::span<const float> source(from + r * w.in, static_cast<size_t>(w.in));
    float* to = reinterpret_cast<float*>(packed) + (row + r) * w.in;
    if (w.type == WeightType::kF32) std::copy(source.begin(), source.end(), to);
    if (w.type == WeightType::kBf16) std::transform(source.begin(), source.end(), to, ToBf16);
    if (w.type == WeightType::kInt8) Quantise(source, 127, to);
    if (w.type == WeightType::kF16) std::transform(source.begin(), source.end(), to, ToF16);
    if (w.type == WeightType::kTf32) std::transform(source.begin(), source.end(), to, ToTf32);
  }
}

void ReferenceKernels::PackInt8(const int8_t* from, const float* scales, int64_t row, int64_t rows,
                                const Weight& w, std::byte* packed) const {
  float* to = reinterpret_cast<float*>(packed) + row * w.in;
  for (int64_t i = 0; i < rows * w.in; ++i) {
    to[i] = static_cast<float>(from[i]) * scales[i / w.in];
  }
}

Rounding ReferenceKernels::InputRounding(WeightType type) const {
  return like_ == nullptr ? Rounding{} : like_->InputRounding(type);
}

Rounding ReferenceKernels::ProductRounding() const {
  return like_ == nullptr ? Rounding{} : like_->ProductRounding();
}

size_t ReferenceKernels::PackedLstmFloats(int64_t hidden) const {
  return static_cast<size_t>(4 * hidden * hidden);
}

void ReferenceKernels::PackLstm(const float* from, int64_t row, int64_t rows, int64_t hidden,
                                float* packed) const {
  std::copy_n(from, rows * hidden, packed + row * hidden);
}

void ReferenceKernels::Embed(const EmbedArgs& args, MatView out) const {
  for (int64_t t = 0; t < out.rows; ++t) {
    const auto at = static_cast<size_t>(t);
    std::vector<double> row(static_cast<size_t>(out.cols));
    AddRow(args.words, args.ids[at], row);
    if (args.places.data != nullptr) AddRow(args.places, args.positions[at], row);
    for (int64_t c = 0; c < out.cols; ++c) {
      const double every = args.every == nullptr ? 0 : args.every[c];
      out.row(t)[c] = static_cast<float>(row[static_cast<size_t>(c)] + every);
    }
  }
}

void ReferenceKernels::LinearPart(MatView x, const Weight& w, Act act, int64_t begin, int64_t end,
                                  std::span<std::byte>, std::span<std::byte>, MatView out) const {
  const auto* weight = reinterpret_cast<const float*>(w.packed);
  const Rounding rounding = InputRounding(w.type);
  std::vector<float> row(static_cast<size_t>(w.in));
  for (int64_t t = 0; t < x.rows; ++t) {
    std::copy_n(x.row(t), w.in, row.begin());
    RoundNumbers(rounding, row);
    if (rounding.levels > 0) Quantise(row, rounding.levels, row.data());
    for (int64_t n = begin; n < end; ++n) {
      const double bias = w.bias == nullptr ? 0 : w.bias[n];
      out.row(t)[n] =
          static_cast<float>(ReferenceAct(act, Dot(row.data(), weight + n * w.in, w.in) + bias));
    }
  }
}

void ReferenceKernels::AddLayerNorm(MatView x, MatView residual, const Norm& norm,
                                    MatView out) const {
  const auto width = static_cast<double>(norm.width);
  for (int64_t t = 0; t < x.rows; ++t) {
    std::vector<double> row;
    for (int64_t c = 0; c < norm.width; ++c) {
      // The sum is rounded to f32 first: it is the residual stream, not part of the normalisation.
      row.push_back(residual.data == nullptr ? x.row(t)[c] : x.row(t)[c] + residual.row(t)[c]);
    }
    double mean = 0;
    for (const double v : row) mean += norm.centred ? v / width : 0;
    double variance = 0;
    for (const double v : row) variance += (v - mean) * (v - mean) / width;
    for (int64_t c = 0; c < norm.width; ++c) {
      const double normal = (row[static_cast<size_t>(c)] - mean) /
                            std::sqrt(variance + static_cast<double>(norm.eps));
      const double beta = norm.beta == nullptr ? 0 : norm.beta[c];
      out.row(t)[c] = static_cast<float>(normal * norm.gamma[c] + beta);
    }
  }
}

void ReferenceKernels::AddAct(MatView a, MatView b, Act act, MatView out) const {
  for (int64_t t = 0; t < a.rows; ++t) {
    for (int64_t c = 0; c < a.cols; ++c) {
      const float other = b.empty() ? 0 : b.row(b.rows == 1 ? 0 : t)[c];
      const float sum = a.row(t)[c] + other;
      out.row(t)[c] = static_cast<float>(ReferenceAct(act, sum));
    }
  }
}

void ReferenceKernels::AddNorm(MatView x, MatView delta, const Norm& norm, MatView out) const {
  for (int64_t t = 0; t < x.rows && delta.data != nullptr; ++t) {
    for (int64_t c = 0; c < x.cols; ++c) x.row(t)[c] += delta.row(t)[c];
  }
  AddLayerNorm(x, {}, norm, out);
}

void ReferenceKernels::Gate(MatView x, Act act) const {
  const int64_t half = x.cols / 2;
  for (int64_t t = 0; t < x.rows; ++t) {
    float* row = x.row(t);
    for (int64_t c = 0; c < half; ++c) {
      row[c] = static_cast<float>(ReferenceAct(act, row[c]) * row[half + c]);
    }
  }
}

void ReferenceKernels::Scale(MatView x, const float* by, MatView out) const {
  for (int64_t t = 0; t < x.rows; ++t) {
    for (int64_t c = 0; c < x.cols; ++c) out.row(t)[c] = x.row(t)[c] * by[c];
  }
}

void ReferenceKernels::Rotate(MatView angles, std::span<const int32_t> positions, int heads,
                              MatView x) const {
  const int64_t half = angles.cols / 2;
  for (int64_t t = 0; t < x.rows; ++t) {
    const float* angle = angles.row(positions[static_cast<size_t>(t)]);
    for (int64_t h = 0; h < heads; ++h) {
      float* head = x.row(t) + h * 2 * half;
      for (int64_t m = 0; m < half; ++m) {
        const double a = head[m], b = head[half + m];
        const double cosine = angle[m], sine = angle[half + m];
        head[m] = static_cast<float>(a * cosine - b * sine);
        head[half + m] = static_cast<float>(b * cosine + a * sine);
      }
    }
  }
}

void ReferenceKernels::Attention(const AttentionArgs& args, MatView out) const {
  for (size_t s = 0; s + 1 < args.begins.size(); ++s) {
    const SequenceBegins keys = args.key_begins.empty() ? args.begins : args.key_begins;
    for (int64_t i = args.begins[s]; i < args.begins[s + 1]; ++i) {
      if (keys[s] == keys[s + 1]) {
        std::fill_n(out.row(i), out.cols, 0.f);
      } else {
        Attend(args, keys[s], keys[s + 1], i, out.row(i));
      }
    }
  }
}

void ReferenceKernels::Pool(MatView x, std::span<const RowRange> ranges, Pooling pooling,
                            MatView out) const {
  for (int64_t n = 0; n < out.rows; ++n) {
    const RowRange range = ranges[static_cast<size_t>(n)];
    for (int64_t c = 0; c < out.cols; ++c) {
      double sum = 0;
      double most = -std::numeric_limits<double>::infinity();
      for (int64_t t = range.begin; t < range.end; ++t) {
        sum += x.row(t)[c];
        most = std::max<double>(most, x.row(t)[c]);
      }
      double value = 0;
      if (range.begin < range.end) {
        if (pooling == Pooling::kFirst) value = x.row(range.begin)[c];
        if (pooling == Pooling::kLast) value = x.row(range.end - 1)[c];
        if (pooling == Pooling::kMean) value = sum / (range.end - range.begin);
        if (pooling == Pooling::kMax) value = most;
        if (pooling == Pooling::kSum) value = sum;
      }
      out.row(n)[c] = static_cast<float>(value);
    }
  }
}

void ReferenceKernels::Lstm(const LstmArgs& args, MatView out) const {
  for (size_t s = 0; s + 1 < args.begins.size(); ++s) {
    std::vector<int64_t> words;
    for (int64_t w = args.begins[s]; w < args.begins[s + 1]; ++w) words.push_back(w);
    if (args.first_direction == 0) Recur(args, words, 0, out);
    if (args.directions == 1) continue;
    std::reverse(words.begin(), words.end());
    if (args.last_direction == 1) Recur(args, words, 1, out);
  }
}

void ReferenceKernels::SpanScores(const SpanScoreArgs& args, std::span<float> scores) const {
  const int64_t features = args.start.cols;
  const Rounding rounding = ProductRounding();
  const bool rounds = rounding.bf16 || rounding.f16;
  std::vector<double> hidden(static_cast<size_t>(features));
  const auto rounded = [&](double x) -> double {
    auto number = static_cast<float>(x);
    RoundNumbers(rounding, std::span(&number, 1));
    return number;
  };
  for (size_t s = 0; s + 1 < args.word_begins.size(); ++s) {
    const RowRange group = args.label_groups[s];
    const int64_t labels = group.end - group.begin;
    auto at = static_cast<size_t>(args.score_begins[s]);
    for (int64_t i = args.word_begins[s]; i < args.word_begins[s + 1]; ++i) {
      for (int64_t k = 0; k < args.widths; ++k, at += static_cast<size_t>(labels)) {
        if (args.only_width >= 0 && k != args.only_width) continue;
        if (i < args.words.begin || i >= args.words.end) continue;
        if (!args.pairs && i + k >= args.word_begins[s + 1]) {
          std::fill_n(scores.begin() + static_cast<std::ptrdiff_t>(at), labels,
                      -std::numeric_limits<float>::infinity());
          continue;
        }
        const float* end = args.only_width >= 0
                               ? nullptr
                               : args.end.row(args.pairs ? args.word_begins[s] + k : i + k);
        for (int64_t f = 0; f < features; ++f) {
          const double sum =
              static_cast<double>(args.start.row(i)[f]) + (end == nullptr ? 0.f : end[f]);
          // Of a sum that is rounded twice, the first time is to f32.
          const double act = ReferenceAct(args.act, rounds ? static_cast<float>(sum) : sum);
          hidden[static_cast<size_t>(f)] = rounds ? rounded(act) : act;
        }
        for (int64_t c = 0; c < labels; ++c) {
          const float* label = args.labels.row(group.begin + c);
          double sum = args.labels.cols > features ? label[features] : 0;
          for (int64_t f = 0; f < features; ++f) {
            const double weight = rounds ? rounded(label[f]) : label[f];
            sum += hidden[static_cast<size_t>(f)] * weight;
          }
          scores[at + static_cast<size_t>(c)] = static_cast<float>(sum);
        }
      }
    }
  }
}

void ReferenceKernels::Unfold(MatView x, SequenceBegins begins, int64_t kernel, int64_t first,
                              MatView out) const {
  for (int64_t n = 0; n < out.rows; ++n) {
    const auto after = std::upper_bound(begins.begin(), begins.end(), first + n);
    for (int64_t c = 0; c < x.cols; ++c) {
      for (int64_t j = 0; j < kernel; ++j) {
        const int64_t source = first + n + j - (kernel - 1) / 2;
        const bool inside = *(after - 1) <= source && source < *after;
        out.row(n)[c * kernel + j] = inside ? x.row(source)[c] : 0;
      }
    }
  }
}

void ReferenceKernels::GatedConv(const GatedConvArgs& args, MatView out) const {
  const int64_t width = out.cols;
  for (size_t s = 0; s + 1 < args.begins.size(); ++s) {
    for (int64_t t = args.begins[s]; t < args.begins[s + 1]; ++t) {
      for (int64_t c = 0; c < width; ++c) {
        double sum = args.bias == nullptr ? 0 : args.bias[c];
        for (int64_t j = 0; j < args.kernel; ++j) {
          const int64_t source = t - args.kernel + 1 + j;
          if (source < args.begins[s]) continue;
          const float* row = args.x.row(source);
          sum += static_cast<double>(args.taps[j * width + c]) * row[c] * row[2 * width + c];
        }
        out.row(t)[c] = static_cast<float>(sum * args.x.row(t)[width + c]);
      }
    }
  }
}

void ReferenceKernels::MixLayers(const MixArgs& args, MatView out) const {
  const int64_t sequences = static_cast<int64_t>(args.begins.size()) - 1;
  const int64_t layers = args.means.rows / sequences;
  for (int64_t r = 0; r < out.rows; ++r) {
    const auto after = std::upper_bound(args.begins.begin(), args.begins.end(),
                                        args.rows[static_cast<size_t>(r)].begin);
    const int64_t sequence = after - args.begins.begin() - 1;
    std::vector<double> z, middle, share;
    for (int64_t k = 0; k < layers; ++k) {
      z.push_back(Dot(args.means.row(k * sequences + sequence), args.squeeze, out.cols) +
                  *args.squeeze_bias);
    }
    for (int64_t m = 0; m < args.middle; ++m) {
      double sum = args.b1[m];
      for (int64_t k = 0; k < layers; ++k) {
        sum += args.w1[m * layers + k] * z[static_cast<size_t>(k)];
      }
      middle.push_back(std::max(sum, 0.0));
    }
    for (int64_t k = 0; k < layers; ++k) {
      double sum = args.b2[k];
      for (int64_t m = 0; m < args.middle; ++m) {
        sum += args.w2[k * args.middle + m] * middle[static_cast<size_t>(m)];
      }
      share.push_back(Sigmoid(sum));
    }
    for (int64_t c = 0; c < out.cols; ++c) {
      double sum = 0;
      for (int64_t k = 0; k < layers; ++k) {
        sum += share[static_cast<size_t>(k)] * args.layers.row(k * out.rows + r)[c];
      }
      out.row(r)[c] = static_cast<float>(sum);
    }
  }
}

void ReferenceKernels::ClearEmpty(std::span<const RowRange> ranges, MatView x) const {
  for (size_t n = 0; n < ranges.size(); ++n) {
    if (ranges[n].end > ranges[n].begin) continue;
    for (int64_t c = 0; c < x.cols; ++c) x.row(static_cast<int64_t>(n))[c] = 0;
  }
}

void ReferenceKernels::FeedForward(MatView x, const Weight& up, Act act, const Weight& down,
                                   std::span<std::byte>, MatView out) const {
  std::vector<float> numbers(static_cast<size_t>(x.rows * up.out));
  const MatView middle{numbers.data(), x.rows, up.out, up.out};
  Linear(x, up, act, {}, middle);
  Linear(middle, down, Act::kNone, {}, out);
}

void ReferenceKernels::FindCandidates(const CandidateArgs& args, MatView out) const {
  auto* const set = reinterpret_cast<CandidateSet*>(out.data);
  auto* to = reinterpret_cast<Candidate*>(set + 1);
  const int64_t capacity = out.cols / 2 - 1;
  *set = {};
  for (size_t s = 0; s < args.label_groups.size(); ++s) {
    const int64_t labels = args.label_groups[s].end - args.label_groups[s].begin;
    for (int64_t i = args.score_begins[s]; i < args.score_begins[s + 1]; ++i) {
      const float logit = args.logits[static_cast<size_t>(i)];
      const int64_t label = (i - args.score_begins[s]) % labels;
      if (std::isnan(logit)) set->nan = 1;
      if (!(logit > args.limits[static_cast<size_t>(args.limit_begins[s] + label)])) continue;
      if (set->count++ < capacity) *to++ = {static_cast<int32_t>(i), logit};
    }
  }
}

}  // namespace waterline
