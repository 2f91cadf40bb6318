// Linear maps, feed-forward layers, attention and span scores.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "doctor/attention_cases.h"
#include "doctor/check_lists.h"
#include "doctor/linear_cases.h"
#include "doctor/span_scores_cases.h"

namespace waterline {
namespace {

constexpr const char* kPadding = ": wrote outside of its columns";

double Products(int64_t a, int64_t b, int64_t c) {
  return static_cast<double>(a) * static_cast<double>(b) * static_cast<double>(c);
}

// n terms of size 1 / sqrt(n), summed in f32 one after another: the error grows as sqrt(n) half
// units in the last place of a sum of size 1, here with a factor of 8 for the tails. Activations
// add a few units.
double LinearTolerance(int64_t terms) {
  return 6e-8 * 8 * std::sqrt(static_cast<double>(terms)) + 1e-6;
}

// Rows of a large case that are compared: the formula is slow.
constexpr int64_t kComparedRows = 24;

// Of each type, the numbers that are multiplied are the same in both; only their sums are rounded.
void CompareLinear(const CheckSubject& subject, const LinearCase& test, CaseLog& log) {
  if (!log.Admits(Products(test.rows, test.in, test.out))) return;
  const std::string what = fmt::format("{} x {} x {}", test.rows, test.in, test.out);
  OwnedMat x = RandomMat(test.rows, test.in, 1);
  const std::vector<float> from = OwnedWeight::Rows(test.out, test.in, 2);
  const OwnedWeight w(subject.kernels, from, test.out, test.in, test.has_bias, subject.type);
  const OwnedWeight expected_w(subject.reference, from, test.out, test.in, test.has_bias,
                               subject.type);
  OwnedMat out(test.rows, test.out);
  RunLinear(subject.kernels, x, w.weight, test.act, out);
  log.ExpectAlso(out.PaddingUntouched(), what + kPadding);
  const bool all = test.rows <= kLargestWholeCase;
  const int64_t compared = all ? test.rows : kComparedRows;
  OwnedMat some_x(compared, test.in), got(compared, test.out), expected(compared, test.out);
  for (int64_t r = 0; r < compared; ++r) {
    const int64_t row = all ? r : r * (test.rows - 1) / (compared - 1);
    std::copy_n(x.view().row(row), test.in, some_x.view().row(r));
    std::copy_n(out.view().row(row), test.out, got.view().row(r));
  }
  RunLinear(subject.reference, some_x, expected_w.weight, test.act, expected);
  log.Compare(what, got.view(), expected.view(), LinearTolerance(test.in));
}

void CheckLinear(const CheckSubject& subject, CaseLog& log) {
  for (const LinearCase& test : kLinearCases) CompareLinear(subject, test, log);
  if (!subject.of_device) return;
  for (const LinearCase& test : kDeviceLinearCases) CompareLinear(subject, test, log);
}

// The parts that threads share, put together.
void CheckLinearParts(const CheckSubject& subject, CaseLog& log) {
  if (subject.of_device) return;  // One worker queues a pass: nothing is computed in parts.
  constexpr int64_t kRows = 35;
  const Kernels& kernels = subject.kernels;
  for (const auto& [in, cols] : {std::pair<int64_t, int64_t>{64, 7}, {300, 96}, {1000, 211}}) {
    const std::string what = fmt::format("{} x {} x {}", kRows, in, cols);
    OwnedMat x = RandomMat(kRows, in, 3);
    const OwnedWeight w(kernels, OwnedWeight::Rows(cols, in, 4), cols, in, true, subject.type);
    OwnedMat whole(kRows, cols), joined(kRows, cols);
    RunLinear(kernels, x, w.weight, Act::kGelu, whole);
    const LinearParts parts = kernels.PartsOfLinear(kRows, w.weight);
    AlignedBytes rounded(parts.rounded), scratch(parts.scratch);
    kernels.RoundInputs(x, 0, kRows, w.weight, rounded.span());
    for (int64_t begin = 0; begin < cols; begin += parts.outputs) {
      kernels.LinearPart(x, w.weight, Act::kGelu, begin, std::min(cols, begin + parts.outputs),
                         rounded.span(), scratch.span(), joined);
    }
    log.Compare(what, joined.view(), whole.view(), 0);
  }
}

void CheckFeedForward(const CheckSubject& subject, CaseLog& log) {
  struct Case {
    int64_t rows, width, middle;
    Act act;
  };
  constexpr Case kCases[] = {
      {3, 20, 50, Act::kRelu}, {70, 64, 256, Act::kGelu}, {200, 384, 1536, Act::kGelu}};
  for (const Case& test : kCases) {
    OwnedMat x = RandomMat(test.rows, test.width, 1);
    const std::vector<float> to_middle = OwnedWeight::Rows(test.middle, test.width, 2),
                             from_middle = OwnedWeight::Rows(test.width, test.middle, 3);
    const auto weights = [&](const Kernels& kernels) {
      return std::pair(
          OwnedWeight(kernels, to_middle, test.middle, test.width, true, subject.type),
          OwnedWeight(kernels, from_middle, test.width, test.middle, true, subject.type));
    };
    const auto [up, down] = weights(subject.kernels);
    const size_t bytes = subject.kernels.FeedForwardScratchBytes(test.rows, up.weight, down.weight);
    if (bytes == 0) continue;  // These kernels have no such operation of their own.
    if (!log.Admits(2 * Products(test.rows, test.width, test.middle))) continue;
    const std::string what = fmt::format("{} x {} x {}", test.rows, test.width, test.middle);
    // Its promise is the bits of two linear maps, which are compared with the formula above.
    OwnedMat out(test.rows, test.width), middle(test.rows, test.middle),
        expected(test.rows, test.width);
    AlignedBytes scratch(bytes);
    subject.kernels.FeedForward(x, up.weight, test.act, down.weight, scratch.span(), out);
    RunLinear(subject.kernels, x, up.weight, test.act, middle);
    RunLinear(subject.kernels, middle, down.weight, Act::kNone, expected);
    log.Compare(what, out.view(), expected.view(), 0);
    log.ExpectAlso(out.PaddingUntouched(), what + kPadding);
  }
}

// --- Attention

// Scores of size s carry an error of a few 1e-7 s into exp, whose relative error is the score's
// absolute one; values are of size 1.
constexpr double kAttentionSums = 4e-6;

// Inputs are rounded before; weights of values are rounded, too, and sum to 1.
double AttentionTolerance(const CheckSubject& subject, MatView values) {
  const Rounding rounding = subject.kernels.ProductRounding();
  const double roundoff = rounding.bf16 ? 0x1p-8 : rounding.f16 ? 0x1p-11 : 0;
  float most = 0;
  for (int64_t r = 0; r < values.rows; ++r) {
    for (int64_t c = 0; c < values.cols; ++c) most = std::max(most, std::abs(values.row(r)[c]));
  }
  return kAttentionSums + roundoff * most;
}

std::string Describe(const AttentionCase& test) {
  std::string text =
      fmt::format("sequences of {}, {} heads of {}, terms {}", fmt::join(test.lengths, ", "),
                  test.heads, test.width, TermsName(test.terms));
  if (test.window != kAllKeys) text += fmt::format(", window {}", test.window);
  if (test.causal) text += ", causal";
  if (test.key_heads != 0) text += fmt::format(", {} key heads", test.key_heads);
  return text;
}

void CompareAttention(const CheckSubject& subject, const AttentionCase& test, CaseLog& log) {
  double work = 0;
  for (const int64_t length : test.lengths) {
    work += 4 * Products(length, length, test.heads * test.width);
  }
  if (!log.Admits(work)) return;
  AttentionInputs inputs(test);
  RoundNumbers(subject.kernels.ProductRounding(), inputs.qkv.view());
  RoundNumbers(subject.kernels.ProductRounding(), inputs.tables.view());
  const OwnedMat out = inputs.Run(subject.kernels), expected = inputs.Run(subject.reference);
  log.Compare(Describe(test), out.view(), expected.view(),
              AttentionTolerance(subject, inputs.args.v));
  log.ExpectAlso(out.PaddingUntouched(), Describe(test) + kPadding);
}

void CheckAttention(const CheckSubject& subject, CaseLog& log) {
  for (const AttentionCase& test : AttentionCases()) CompareAttention(subject, test, log);
}

void CheckMaskedAttention(const CheckSubject& subject, CaseLog& log) {
  for (const AttentionCase& test : MaskedAttentionCases()) CompareAttention(subject, test, log);
}

void CheckCrossAttention(const CheckSubject& subject, CaseLog& log) {
  const std::vector<int64_t> queries{3, 40, 0, 17, 2}, keys{70, 5, 9, 1, 0};
  const std::vector<int32_t> begins = BeginsOf(queries), key_begins = BeginsOf(keys);
  OwnedMat q = RandomMat(begins.back(), 2 * 16, 1);
  OwnedMat k = RandomMat(key_begins.back(), 2 * 16, 2);
  OwnedMat v = RandomMat(key_begins.back(), 2 * 16, 3);
  for (const MatView& m : {q.view(), k.view(), v.view()}) {
    RoundNumbers(subject.kernels.ProductRounding(), m);
  }
  AlignedBytes scratch(subject.kernels.AttentionScratchBytes(70, 16, nullptr));
  const AttentionArgs args{.q = q,
                           .k = k,
                           .v = v,
                           .begins = begins,
                           .key_begins = key_begins,
                           .longest = 70,
                           .heads = 2,
                           .key_heads = 2,
                           .scale = 0.25f,
                           .relative = nullptr,
                           .scratch = scratch.span()};
  OwnedMat out(begins.back(), 2 * 16), expected(begins.back(), 2 * 16);
  subject.kernels.Attention(args, out);
  subject.reference.Attention(args, expected);
  log.Compare("queries with other rows than keys", out.view(), expected.view(),
              AttentionTolerance(subject, v));
}

// --- Span scores

// F products of size 1: the sum is of size sqrt(F), and its error some sqrt(F) half units of that.
double SpanScoreTolerance(int64_t features) {
  return 6e-8 * 4 * static_cast<double>(features) + 1e-6;
}

void CompareSpanScores(const CheckSubject& subject, const std::string& what,
                       const SpanScoreInputs& inputs, CaseLog& log) {
  log.Compare(what, inputs.Run(subject.kernels), inputs.Run(subject.reference),
              SpanScoreTolerance(inputs.args.start.cols));
}

double SpanScoreWork(const SpanScoreCase& test) {
  double work = 0;
  for (size_t s = 0; s < test.words.size(); ++s) {
    work += Products(test.words[s] * test.widths, test.labels[s], test.features);
  }
  return work;
}

void CheckSpanScores(const CheckSubject& subject, CaseLog& log) {
  for (const SpanScoreCase& test : SpanScoreCases()) {
    if (!log.Admits(SpanScoreWork(test))) continue;
    CompareSpanScores(subject,
                      fmt::format("{} words, {} labels, {} features", fmt::join(test.words, ", "),
                                  fmt::join(test.labels, ", "), test.features),
                      SpanScoreInputs(test), log);
  }
  for (const int64_t entities : {1, 5, 40}) {
    const SpanScoreCase test{{entities}, {7}, 600, entities, Act::kRelu, true};
    if (!log.Admits(SpanScoreWork(test))) continue;
    SpanScoreInputs inputs(test);
    inputs.args.pairs = true;
    CompareSpanScores(subject, fmt::format("pairs of {}", entities), inputs, log);
  }
  for (const int64_t only : {0, 2, 4}) {
    const SpanScoreCase test{{60, 3, 1}, {7, 33, 2}, 100, 5, Act::kNone, true};
    if (!log.Admits(SpanScoreWork(test))) continue;
    SpanScoreInputs inputs(test);
    inputs.args.only_width = only;
    inputs.args.end = {};
    CompareSpanScores(subject, fmt::format("width {} alone", only), inputs, log);
  }
}

constexpr KernelCheck kChecks[] = {
    {"linear map", CheckScope::kEveryType, CheckLinear},
    {"linear map in parts", CheckScope::kEveryType, CheckLinearParts},
    {"feed-forward layer", CheckScope::kEveryType, CheckFeedForward},
    {"attention", CheckScope::kEveryProduct, CheckAttention},
    {"attention with masks", CheckScope::kEveryProduct, CheckMaskedAttention},
    {"attention across", CheckScope::kEveryProduct, CheckCrossAttention},
    {"span scores", CheckScope::kEveryProduct, CheckSpanScores},
};

}  // namespace

std::span<const KernelCheck> ProductChecks() { return kChecks; }

}  // namespace waterline
