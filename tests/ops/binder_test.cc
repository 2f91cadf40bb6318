// What the binder refuses, and parts of tensors.
// SPDX-License-Identifier: Apache-2.0
#include "ops/binder.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>

#include "kernels/kernels.h"
#include "weights/safetensors_writer.h"

namespace waterline {

namespace {

TEST(Binder, RefusesInt8OfMoreInputsThanItsSumsHold) {
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("waterline-binder-" + std::to_string(getpid()));
  const std::vector<float> row(8261, 1.0f);
  {
    auto writer = SafetensorsWriter::Make(path, {{"wide.weight", Dtype::kF32, {1, 8261}}}, {});
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE(writer->Write(std::as_bytes(std::span(row))).ok());
    ASSERT_TRUE(writer->Close().ok());
  }
  const auto file = TensorFile::Open(path);
  std::filesystem::remove(path);
  ASSERT_TRUE(file.ok());
  const auto problems = [&](WeightType type) {
    BindingReport report;
    (void)Binder(*file, *CpuKernels("portable"), report).As(type).Linear("wide", 1, 8261, false);
    return report.problems;
  };
  EXPECT_THAT(problems(WeightType::kBf16), testing::IsEmpty());
  EXPECT_THAT(problems(WeightType::kInt8),
              testing::ElementsAre(testing::AllOf(testing::HasSubstr("8261 inputs"),
                                                  testing::HasSubstr("at most 8260"))));
}

// A file of one tensor `name` whose element i is i modulo 97.
class OneTensor {
 public:
  OneTensor(const std::string& name, std::vector<int64_t> shape) {
    const std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("waterline-binder-" + std::to_string(getpid()));
    int64_t count = 1, all = 0;
    for (const int64_t n : shape) count *= n;
    const std::string bias_name = name.substr(0, name.rfind('.')) + ".bias";
    all = count + shape[0];
    std::vector<float> values;
    for (int64_t i = 0; i < all; ++i) values.push_back(Element(i));
    auto writer = SafetensorsWriter::Make(
        path, {{bias_name, Dtype::kF32, {shape[0]}}, {name, Dtype::kF32, shape}}, {});
    EXPECT_TRUE(writer->Write(std::as_bytes(std::span(values).first(shape[0]))).ok());
    EXPECT_TRUE(writer->Write(std::as_bytes(std::span(values).first(count))).ok());
    EXPECT_TRUE(writer->Close().ok());
    Result<TensorFile> file = TensorFile::Open(path);
    std::filesystem::remove(path);
    EXPECT_TRUE(file.ok());
    file_ = std::make_unique<TensorFile>(std::move(*file));
  }

  static float Element(int64_t i) { return static_cast<float>(i % 97); }

  // What `bind`(Binder&) binds, measured and then filled.
  template <typename Bind>
  auto Bound(const Bind& bind) {
    const Kernels& kernels = *CpuKernels("portable");
    BindingReport measured;
    Binder measures(*file_, kernels, measured);
    (void)bind(measures);
    EXPECT_THAT(measured.problems, testing::IsEmpty());
    block_.reset(
        static_cast<std::byte*>(std::aligned_alloc(64, (measured.block_bytes + 63) / 64 * 64)));
    BindingReport report;
    PackingJobs jobs(std::pmr::get_default_resource());
    Binder binds(*file_, kernels, {block_.get(), measured.block_bytes}, jobs, report);
    auto bound = bind(binds);
    jobs.Run(2, report.scratch_floats, report.problems);
    EXPECT_THAT(report.problems, testing::IsEmpty());
    EXPECT_EQ(report.block_bytes, measured.block_bytes);
    return bound;
  }

 private:
  struct Free {
    void operator()(std::byte* p) const { std::free(p); }
  };
  std::unique_ptr<TensorFile> file_;
  std::unique_ptr<std::byte, Free> block_;
};

// The weight from input i to output o.
float WeightAt(const Weight& w, int64_t o, int64_t i) {
  std::vector<float> x(static_cast<size_t>(w.in) + 16), y(static_cast<size_t>(w.out) + 16);
  x[static_cast<size_t>(i)] = 1;
  const Weight unbiased{.out = w.out, .in = w.in, .type = w.type, .packed = w.packed};
  CpuKernels("portable")
      ->Linear({x.data(), 1, w.in, w.in}, unbiased, Act::kNone, {}, {y.data(), 1, w.out, w.out});
  return y[static_cast<size_t>(o)];
}

TEST(Binder, TakesRowsOfAMap) {
  constexpr int64_t kAll = 900, kBegin = 301, kOut = 400, kIn = 500;  // Several pieces.
  OneTensor file("map.weight", {kAll, kIn});
  const Weight w =
      file.Bound([&](Binder& binder) { return binder.LinearRows("map", kAll, kBegin, kOut, kIn); });
  for (const int64_t o : {int64_t{0}, int64_t{1}, int64_t{191}, kOut - 1}) {
    for (const int64_t i : {int64_t{0}, int64_t{7}, kIn - 1}) {
      EXPECT_EQ(WeightAt(w, o, i), OneTensor::Element((kBegin + o) * kIn + i)) << o << " " << i;
    }
    EXPECT_EQ(w.bias[o], OneTensor::Element(kBegin + o));
  }
}

TEST(Binder, TakesTheTapsOfAConvolution) {
  constexpr int64_t kOut = 300, kIn = 200, kKernel = 5, kTap = 3;
  OneTensor file("conv.weight", {kOut, kIn, kKernel});
  const Weight w = file.Bound([&](Binder& binder) {
    return binder.ConvTap("conv.weight", "conv.bias", kOut, kIn, kKernel, kTap);
  });
  for (const int64_t o : {int64_t{0}, int64_t{100}, kOut - 1}) {
    for (const int64_t i : {int64_t{0}, int64_t{7}, kIn - 1}) {
      EXPECT_EQ(WeightAt(w, o, i), OneTensor::Element((o * kIn + i) * kKernel + kTap));
    }
    EXPECT_EQ(w.bias[o], OneTensor::Element(o));
  }
}

TEST(Binder, TurnsATable) {
  constexpr int64_t kRows = 20, kCols = 6;
  OneTensor file("table.weight", {kRows, kCols});
  const MatView columns =
      file.Bound([&](Binder& binder) { return binder.Columns("table.weight", kRows, kCols); });
  ASSERT_EQ(columns.rows, kCols);
  ASSERT_EQ(columns.cols, kRows);
  for (int64_t c = 0; c < kCols; ++c) {
    for (int64_t r = 0; r < kRows; ++r) {
      EXPECT_EQ(columns.row(c)[r], OneTensor::Element(r * kCols + c));
    }
  }
  const MatView shaped = file.Bound(
      [&](Binder& binder) { return binder.Reshaped("table.weight", kRows, kCols, kRows); });
  ASSERT_EQ(shaped.rows, kCols);
  for (int64_t k = 0; k < kCols; ++k) {
    for (int64_t j = 0; j < kRows; ++j) {
      EXPECT_EQ(shaped.row(k)[j], OneTensor::Element(k * kRows + j));
    }
  }
}

}  // namespace

}  // namespace waterline
