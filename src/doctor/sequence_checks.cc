// What goes along sequences: LSTM, convolutions, the sum of layers; and the search for candidates.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "doctor/check_lists.h"
#include "doctor/lstm_cases.h"
#include "doctor/operands.h"

namespace waterline {
namespace {

constexpr double kTolerance = 4e-6;
// Hidden states are below 1; the gates forget, so that errors of a few 1e-7 a step do not add up
// over more than a few steps.
constexpr double kLstmTolerance = 5e-6;
// Up to 12 terms of some units, whose weights are off by some 1e-6.
constexpr double kMixTolerance = 2e-5;

void Compare(CaseLog& log, const std::string& what, const OwnedMat& out, const OwnedMat& expected,
             double tolerance) {
  log.Compare(what, out.view(), expected.view(), tolerance);
  log.ExpectAlso(out.PaddingUntouched(), what + ": wrote outside of its columns");
}

void CheckLstm(const CheckSubject& subject, CaseLog& log) {
  for (const LstmCase& test : LstmCases()) {
    const LstmInputs inputs(test);
    const auto work = static_cast<double>(inputs.gates.view().rows * 8 * test.hidden * test.hidden);
    if (!log.Admits(work)) continue;
    Compare(log,
            fmt::format("sequences of {}, {} wide, {} directions", fmt::join(test.lengths, ", "),
                        test.hidden, test.directions),
            inputs.Run(subject.kernels), inputs.Run(subject.reference), kLstmTolerance);
  }
}

void CheckUnfold(const CheckSubject& subject, CaseLog& log) {
  const std::vector<int32_t> begins = BeginsOf({3, 1, 0, 6});
  OwnedMat x = RandomMat(10, 19, 1);
  for (const int64_t kernel : {1, 3, 5, 9}) {
    for (const auto& [first, rows] : {std::pair<int64_t, int64_t>{0, 10}, {2, 5}, {9, 1}}) {
      OwnedMat out(rows, 19 * kernel), expected(rows, 19 * kernel);
      subject.kernels.Unfold(x, begins, kernel, first, out);
      subject.reference.Unfold(x, begins, kernel, first, expected);
      Compare(log, fmt::format("{} taps from row {}", kernel, first), out, expected, 0);
    }
  }
}

void CheckGatedConv(const CheckSubject& subject, CaseLog& log) {
  const std::vector<int32_t> begins = BeginsOf({5, 1, 0, 9});
  for (const int64_t kernel : {1, 3, 4}) {
    for (const bool has_bias : {false, true}) {
      OwnedMat x = RandomMat(15, 3 * 21, 1);
      const std::vector<float> taps = RandomFloats(kernel * 21, 2), bias = RandomFloats(21, 3);
      const GatedConvArgs args{.x = x,
                               .begins = begins,
                               .kernel = kernel,
                               .taps = taps.data(),
                               .bias = has_bias ? bias.data() : nullptr};
      OwnedMat out(15, 21), expected(15, 21);
      subject.kernels.GatedConv(args, out);
      subject.reference.GatedConv(args, expected);
      Compare(log, fmt::format("{} taps, bias {}", kernel, has_bias), out, expected, kTolerance);
    }
  }
}

void CheckMixLayers(const CheckSubject& subject, CaseLog& log) {
  for (const auto& [layers, width] : {std::pair<int64_t, int64_t>{4, 32}, {12, 100}, {1, 7}}) {
    const std::vector<int32_t> begins = BeginsOf({5, 0, 1, 9});
    const std::vector<RowRange> rows{{0, 1}, {3, 4}, {5, 6}, {6, 7}, {13, 14}, {14, 15}};
    const int64_t middle = layers / 2, read = 6, sequences = 4;
    OwnedMat all = RandomMat(layers * read, width, 1);
    OwnedMat means = RandomMat(layers * sequences, width, 2);
    const std::vector<float> squeeze = RandomFloats(width, 3), squeeze_bias = RandomFloats(1, 4);
    const std::vector<float> w1 = RandomFloats(middle * layers, 5), b1 = RandomFloats(middle, 6);
    const std::vector<float> w2 = RandomFloats(layers * middle, 7), b2 = RandomFloats(layers, 8);
    AlignedBytes scratch(subject.kernels.MixScratchBytes(layers, middle));
    const MixArgs args{.layers = all,
                       .means = means,
                       .rows = rows,
                       .begins = begins,
                       .squeeze = squeeze.data(),
                       .squeeze_bias = squeeze_bias.data(),
                       .middle = middle,
                       .w1 = w1.data(),
                       .b1 = b1.data(),
                       .w2 = w2.data(),
                       .b2 = b2.data(),
                       .scratch = scratch.span()};
    OwnedMat out(read, width), expected(read, width);
    subject.kernels.MixLayers(args, out);
    subject.reference.MixLayers(args, expected);
    Compare(log, fmt::format("{} layers of {}", layers, width), out, expected, kMixTolerance);
  }
}

// Places and labels of each sequence.
using CandidateCase = std::vector<std::pair<int64_t, int32_t>>;

void CompareCandidates(const CheckSubject& subject, const CandidateCase& test, CaseLog& log) {
  std::vector<int64_t> score_begins{0};
  std::vector<RowRange> label_groups;
  std::vector<int32_t> limit_begins;
  std::vector<float> limits;
  for (const auto& [places, labels] : test) {
    score_begins.push_back(score_begins.back() + places * labels);
    label_groups.push_back({17, 17 + labels});
    limit_begins.push_back(static_cast<int32_t>(limits.size()));
    for (int32_t c = 0; c < labels; ++c) limits.push_back(0.5f * static_cast<float>(c % 5));
  }
  const std::vector<float> logits = RandomFloats(score_begins.back(), 1);
  const CandidateArgs args{logits, score_begins, label_groups, limits, limit_begins};
  struct Found {
    CandidateSet set;
    std::vector<std::pair<int32_t, float>> candidates;
  };
  const auto find = [&](const Kernels& kernels) {
    OwnedMat out(1, 2 * (1 + score_begins.back()));
    kernels.FindCandidates(args, out);
    const auto* set = reinterpret_cast<const CandidateSet*>(out.view().data);
    const auto* first = reinterpret_cast<const Candidate*>(set + 1);
    Found found{*set, {}};
    const auto room = static_cast<int32_t>(score_begins.back());
    for (int32_t i = 0; i < std::clamp(set->count, 0, room); ++i) {
      found.candidates.emplace_back(first[i].index, first[i].logit);
    }
    std::sort(found.candidates.begin(), found.candidates.end());
    return found;
  };
  const Found got = find(subject.kernels), expected = find(subject.reference);
  log.Expect(
      got.set.count == expected.set.count && got.set.nan == expected.set.nan &&
          got.candidates == expected.candidates,
      fmt::format("{} sequences: {} candidates (NaN {}), expected {} (NaN {}){}", test.size(),
                  got.set.count, got.set.nan, expected.set.count, expected.set.nan,
                  got.set.count == expected.set.count ? ", and others" : ""));
}

void CheckCandidates(const CheckSubject& subject, CaseLog& log) {
  if (!subject.of_device) return;
  for (const CandidateCase& test :
       {CandidateCase{{1, 1}}, CandidateCase{{0, 3}, {5, 0}, {100, 7}, {0, 0}, {33, 1}, {1, 60}},
        CandidateCase{{2000, 3}, {0, 5}, {17, 9}}, CandidateCase{{1024, 1}},
        CandidateCase{{1025, 1}}}) {
    CompareCandidates(subject, test, log);
  }
}

constexpr KernelCheck kChecks[] = {
    {"LSTM", CheckScope::kOnce, CheckLstm},
    {"unfolding", CheckScope::kOnce, CheckUnfold},
    {"gated convolution", CheckScope::kOnce, CheckGatedConv},
    {"sum of layers", CheckScope::kOnce, CheckMixLayers},
    {"candidates", CheckScope::kOnce, CheckCandidates},
};

}  // namespace

std::span<const KernelCheck> SequenceChecks() { return kChecks; }

}  // namespace waterline
