// What goes row by row: embeddings, norms, sums, gates, rotations, pooling, copies.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "doctor/check_lists.h"
#include "doctor/operands.h"
#include "doctor/rows_cases.h"

namespace waterline {
namespace {

// Outputs are some units in size; sums of a row lose a few units in the last place.
constexpr double kTolerance = 4e-6;

// What was written, and that nothing was written around it.
void Compare(CaseLog& log, const std::string& what, const OwnedMat& out, const OwnedMat& expected,
             double tolerance) {
  log.Compare(what, out.view(), expected.view(), tolerance);
  log.ExpectAlso(out.PaddingUntouched(), what + ": wrote outside of its columns");
}

OwnedMat CopyOf(MatView from) {
  OwnedMat copy(from.rows, from.cols);
  for (int64_t r = 0; r < from.rows; ++r) std::copy_n(from.row(r), from.cols, copy.view().row(r));
  return copy;
}

// A table at an odd address: of f32 random numbers, of 16-bit types any patterns, NaN and
// infinities too.
std::vector<std::byte> Patterns(int64_t count, Dtype type, uint32_t seed) {
  std::vector<std::byte> bytes(static_cast<size_t>(count) * DtypeBytes(type) + 1);
  if (type == Dtype::kF32) {
    const std::vector<float> floats = RandomFloats(count, seed);
    std::memcpy(bytes.data() + 1, floats.data(), floats.size() * sizeof(float));
    return bytes;
  }
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    const auto bits = static_cast<uint16_t>(i * 40503u + seed);
    std::memcpy(bytes.data() + 1 + 2 * i, &bits, sizeof bits);
  }
  return bytes;
}

void CheckEmbed(const CheckSubject& subject, CaseLog& log) {
  std::vector<int32_t> every_row;
  for (int32_t i = 255; i >= 0; --i) every_row.push_back(i);
  for (const Dtype type : {Dtype::kF16, Dtype::kBF16, Dtype::kF32}) {
    const std::vector<std::byte> table = Patterns(256 * 256, type, 0);
    EmbedArgs args;
    args.words = {256, 256, type, table.data() + 1};
    args.ids = every_row;
    OwnedMat out(256, 256), expected(256, 256);
    subject.kernels.Embed(args, out);
    subject.reference.Embed(args, expected);
    Compare(log, fmt::format("every pattern of {}", DtypeName(type)), out, expected, 0);
  }
  for (const int64_t width : kRowWidths) {
    const std::vector<std::byte> words = Patterns(9 * width, Dtype::kF32, 1);
    const std::vector<std::byte> places = Patterns(5 * width, Dtype::kF32, 2);
    const std::vector<float> every = RandomFloats(width, 3);
    const std::vector<int32_t> ids{8, 0, 3, 3};
    const std::vector<int32_t> positions{0, 1, 2, 4};
    const EmbedArgs args{ids,
                         {9, width, Dtype::kF32, words.data() + 1},
                         positions,
                         {5, width, Dtype::kF32, places.data() + 1},
                         every.data()};
    OwnedMat out(4, width), expected(4, width);
    subject.kernels.Embed(args, out);
    subject.reference.Embed(args, expected);
    // Two roundings of sums of size 3.
    Compare(log, fmt::format("with places, {} wide", width), out, expected, 1e-6);
  }
}

void CheckLayerNorm(const CheckSubject& subject, CaseLog& log) {
  for (const int64_t width : kRowWidths) {
    if (width < 3) continue;  // The variance of nearly equal numbers has no accurate digit.
    const std::vector<float> gamma = RandomFloats(width, 5), beta = RandomFloats(width, 6);
    for (const bool centred : {true, false}) {
      const Norm norm{width, gamma.data(), width % 2 == 0 && centred ? beta.data() : nullptr, 1e-7f,
                      centred};
      OwnedMat x = RandomMat(5, width, 1), residual = RandomMat(5, width, 2);
      for (const MatView& second : {MatView{}, residual.view()}) {
        OwnedMat out(5, width), expected(5, width);
        subject.kernels.AddLayerNorm(x, second, norm, out);
        subject.reference.AddLayerNorm(x, second, norm, expected);
        Compare(log,
                fmt::format("{} wide, centred {}, residual {}", width, centred, !second.empty()),
                out, expected, kTolerance);
      }
    }
  }
}

void CheckAddNorm(const CheckSubject& subject, CaseLog& log) {
  for (const int64_t width : kRowWidths) {
    if (width < 3) continue;
    const std::vector<float> gamma = RandomFloats(width, 5), beta = RandomFloats(width, 6);
    for (const bool centred : {true, false}) {
      const Norm norm{width, gamma.data(), centred ? beta.data() : nullptr, 1e-6f, centred};
      const OwnedMat from = RandomMat(5, width, 1);
      OwnedMat delta = RandomMat(5, width, 2);
      for (const MatView& added : {MatView{}, delta.view()}) {
        OwnedMat x = CopyOf(from.view()), sum = CopyOf(from.view());
        OwnedMat out(5, width), expected(5, width);
        subject.kernels.AddNorm(x, added, norm, out);
        subject.reference.AddNorm(sum, added, norm, expected);
        const std::string what =
            fmt::format("{} wide, centred {}, delta {}", width, centred, !added.empty());
        Compare(log, what + ": the sum", x, sum, 0);
        Compare(log, what, out, expected, kTolerance);
      }
    }
  }
}

void CheckAddAct(const CheckSubject& subject, CaseLog& log) {
  for (const int64_t width : kRowWidths) {
    OwnedMat a = RandomMat(5, width, 1);
    for (const int64_t rows : {5, 1, 0}) {  // As many rows, one for all, none.
      OwnedMat b = RandomMat(rows, width, 2);
      for (const Act act : {Act::kNone, Act::kRelu}) {
        OwnedMat out(5, width), expected(5, width);
        subject.kernels.AddAct(a, b, act, out);
        subject.reference.AddAct(a, b, act, expected);
        Compare(log, fmt::format("{} wide, {} rows", width, rows), out, expected, 0);
      }
    }
  }
}

void CheckScale(const CheckSubject& subject, CaseLog& log) {
  for (const int64_t width : kRowWidths) {
    OwnedMat x = RandomMat(5, width, 1), by = RandomMat(1, width, 2);
    OwnedMat out(5, width), expected(5, width);
    subject.kernels.Scale(x, by.view().data, out);
    subject.reference.Scale(x, by.view().data, expected);
    Compare(log, fmt::format("{} wide", width), out, expected, 0);
  }
}

void CheckGate(const CheckSubject& subject, CaseLog& log) {
  for (const int64_t width : kRowWidths) {
    for (const Act act :
         {Act::kNone, Act::kRelu, Act::kGelu, Act::kGeluTanh, Act::kTanh, Act::kSilu}) {
      OwnedMat x = RandomMat(3, 2 * width, 1, 2), expected = RandomMat(3, 2 * width, 1, 2);
      subject.kernels.Gate(x, act);
      subject.reference.Gate(expected, act);
      Compare(log, fmt::format("{} wide, activation {}", width, static_cast<int>(act)), x, expected,
              kTolerance);
    }
  }
}

void CheckRotate(const CheckSubject& subject, CaseLog& log) {
  for (const int64_t width : {2, 8, 14, 16, 32, 64, 128, 6}) {
    for (const int heads : {1, 3}) {
      OwnedMat angles = AnglesOf(10, width);
      const std::vector<int32_t> positions{0, 1, 2, 0, 9, 5};
      const int64_t turned = heads * width;
      OwnedMat x = RandomMat(6, turned + 5, 1), expected = RandomMat(6, turned + 5, 1);
      const OwnedMat before = CopyOf(x.view());
      subject.kernels.Rotate(angles, positions, heads, x.view().Cols(0, turned));
      subject.reference.Rotate(angles, positions, heads, expected.view().Cols(0, turned));
      const std::string what = fmt::format("{} heads of {}", heads, width);
      Compare(log, what, x, expected, kTolerance);
      // Position 0 and the columns behind the heads stay as they are.
      log.Compare(what + ", position 0", x.view().Rows(0, 1), before.view().Rows(0, 1), 0);
      log.Compare(what + ", behind", x.view().Cols(turned, turned + 5),
                  before.view().Cols(turned, turned + 5), 0);
    }
  }
}

void CheckPool(const CheckSubject& subject, CaseLog& log) {
  const std::vector<RowRange> ranges{{0, 1}, {1, 4}, {4, 4}, {2, 12}, {11, 12}};
  for (const int64_t width : kRowWidths) {
    OwnedMat x = RandomMat(12, width, 1);
    for (const Pooling pooling :
         {Pooling::kFirst, Pooling::kLast, Pooling::kMean, Pooling::kMax, Pooling::kSum}) {
      OwnedMat out(5, width), expected(5, width);
      subject.kernels.Pool(x, ranges, pooling, out);
      subject.reference.Pool(x, ranges, pooling, expected);
      // The mean of 10 rows rounds ten times, their sum nine; the others are exact.
      const double tolerance = pooling == Pooling::kMean  ? 1e-6
                               : pooling == Pooling::kSum ? 5e-6
                                                          : 0;
      Compare(log, fmt::format("{} wide, pooling {}", width, static_cast<int>(pooling)), out,
              expected, tolerance);
    }
  }
}

void CheckClearEmpty(const CheckSubject& subject, CaseLog& log) {
  const std::vector<RowRange> ranges{{0, 1}, {1, 1}, {1, 4}, {4, 4}, {5, 5}};
  for (const int64_t width : kRowWidths) {
    OwnedMat x = RandomMat(5, width, 1), expected = RandomMat(5, width, 1);
    subject.kernels.ClearEmpty(ranges, x);
    subject.reference.ClearEmpty(ranges, expected);
    Compare(log, fmt::format("{} wide", width), x, expected, 0);
  }
}

void CheckCopies(const CheckSubject& subject, CaseLog& log) {
  const std::vector<int64_t> rows{3, 0, 6, 6, 1};
  for (const int64_t width : kRowWidths) {
    OwnedMat x = RandomMat(7, width, 1);
    OwnedMat same(7, width), picked(5, width), expected(5, width);
    subject.kernels.CopyRows(x, same);
    Compare(log, fmt::format("{} wide", width), same, x, 0);
    subject.kernels.GatherRows(x, rows, picked);
    subject.reference.GatherRows(x, rows, expected);
    Compare(log, fmt::format("gathered, {} wide", width), picked, expected, 0);
  }
}

constexpr KernelCheck kChecks[] = {
    {"embedding", CheckScope::kOnce, CheckEmbed},
    {"layer norm", CheckScope::kOnce, CheckLayerNorm},
    {"sum and norm", CheckScope::kOnce, CheckAddNorm},
    {"sum and activation", CheckScope::kOnce, CheckAddAct},
    {"scaling", CheckScope::kOnce, CheckScale},
    {"gate", CheckScope::kOnce, CheckGate},
    {"rotation", CheckScope::kOnce, CheckRotate},
    {"pooling", CheckScope::kOnce, CheckPool},
    {"clearing", CheckScope::kOnce, CheckClearEmpty},
    {"copies", CheckScope::kOnce, CheckCopies},
};

}  // namespace

std::span<const KernelCheck> RowChecks() { return kChecks; }

}  // namespace waterline
