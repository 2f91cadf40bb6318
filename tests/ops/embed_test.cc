// Embedding rows read from a file: the same bits as from a table in memory, whatever the file does.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kernels/dry.h"
#include "ops/ops.h"
#include "weights/files.h"
#include "weights/tensor_file.h"

namespace waterline {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr int64_t kRows = 700;
constexpr int64_t kCols = 20;

// Values that are finite in `type`, no two rows alike.
std::string TableBytes(Dtype type) {
  std::string bytes(static_cast<size_t>(kRows * kCols) * DtypeBytes(type), '\0');
  for (int64_t i = 0; i < kRows * kCols; ++i) {
    const float value = static_cast<float>(i) / 8 - 300;
    const auto half = static_cast<uint16_t>(i % 0x7c00);
    if (type == Dtype::kF32) std::memcpy(bytes.data() + 4 * i, &value, 4);
    if (type != Dtype::kF32) std::memcpy(bytes.data() + 2 * i, &half, 2);
  }
  return bytes;
}

std::vector<int32_t> Ids(int64_t count, uint32_t seed) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < count; ++i) {
    seed = seed * 1664525 + 1013904223;
    ids.push_back(static_cast<int32_t>((seed >> 8) % kRows));
  }
  return ids;
}

// A pass that is one embedding: planned dry, then run.
struct Pass {
  std::vector<float> out;  // [T, kCols]
  std::optional<Error> error;
  std::vector<size_t> planned;
};

Pass RunPass(const Kernels& kernels, const Ops::EmbedTokens& args) {
  const DryKernels dry(kernels);
  Arena planning(std::pmr::get_default_resource());
  {
    Ops ops(dry, planning, std::pmr::get_default_resource());
    (void)ops.Embed(args, "hidden states");
    EXPECT_FALSE(ops.error());
  }
  const Plan plan = std::move(planning).MakePlan();
  std::vector<std::byte> memory(plan.bytes + Arena::kAlign, std::byte{0xff});
  void* start = memory.data();
  size_t space = memory.size();
  std::align(Arena::kAlign, plan.bytes, start, space);
  Arena arena({static_cast<std::byte*>(start), plan.bytes}, plan);
  Pass pass;
  for (const Slot& slot : plan.slots) pass.planned.push_back(slot.bytes);
  Ops ops(kernels, arena, std::pmr::get_default_resource());
  const Mat out = ops.Embed(args, "hidden states");
  for (int64_t r = 0; r < out.rows(); ++r) {
    pass.out.insert(pass.out.end(), out.view().row(r), out.view().row(r) + out.cols());
  }
  pass.error = ops.error();
  return pass;
}

class EmbedTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    kernels_ = CpuKernels(GetParam());
    if (kernels_ == nullptr) GTEST_SKIP() << "this machine lacks " << GetParam();
  }

  FileTable Open(Dtype type) {
    bytes_ = TableBytes(type);
    const char* const name = type == Dtype::kF32 ? "F32" : type == Dtype::kF16 ? "F16" : "BF16";
    // The odd length of the header leaves the rows unaligned in the file.
    const std::string header =
        fmt::format(R"({{"t":{{"dtype":"{}","shape":[{},{}],"data_offsets":[0,{}]}}}} )", name,
                    kRows, kCols, bytes_.size());
    path_ = directory_.Write("table.safetensors", SafetensorsFile(header, bytes_));
    file_.emplace(*TensorFile::Open(path_));
    return {.rows = kRows, .cols = kCols, .file = &*file_, .tensor = file_->Find("t")};
  }

  // What the kernel makes of the whole table in memory.
  std::vector<float> Expected(const Ops::EmbedTokens& args) const {
    std::vector<float> out(args.ids.size() * kCols);
    kernels_->Embed({.ids = args.ids,
                     .words = {.rows = kRows,
                               .cols = kCols,
                               .type = args.words.tensor->type,
                               .data = reinterpret_cast<const std::byte*>(bytes_.data())},
                     .positions = args.positions,
                     .places = args.places,
                     .every = args.every},
                    {out.data(), static_cast<int64_t>(args.ids.size()), kCols, kCols});
    return out;
  }

  const Kernels* kernels_ = nullptr;
  const TempDirectory directory_;
  std::filesystem::path path_;
  std::string bytes_;
  std::optional<TensorFile> file_;
};

TEST_P(EmbedTest, EqualsTheTableInMemory) {
  for (const Dtype type : {Dtype::kF32, Dtype::kF16, Dtype::kBF16}) {
    const FileTable words = Open(type);
    // Around the borders of chunks, and several chunks.
    for (const int64_t tokens : {0, 1, 2, 127, 128, 129, 256, 257, 700}) {
      const std::vector<int32_t> ids = Ids(tokens, static_cast<uint32_t>(tokens) + 1);
      const Ops::EmbedTokens args{.ids = ids, .words = words, .positions = {}, .places = {}};
      const Pass pass = RunPass(*kernels_, args);
      EXPECT_FALSE(pass.error);
      EXPECT_EQ(pass.out, Expected(args)) << DtypeName(type) << ", " << tokens << " tokens";
    }
  }
}

TEST_P(EmbedTest, AddsPlacesAndTheRowOfEveryToken) {
  const FileTable words = Open(Dtype::kF16);
  std::vector<float> place_values(static_cast<size_t>(900 * kCols)), every(kCols);
  for (size_t i = 0; i < place_values.size(); ++i) place_values[i] = static_cast<float>(i % 97);
  for (size_t i = 0; i < every.size(); ++i) every[i] = static_cast<float>(i) / 3;
  std::vector<int32_t> positions;
  for (int32_t t = 0; t < 900; ++t) positions.push_back(899 - t);
  const std::vector<int32_t> ids = Ids(900, 5);
  const Ops::EmbedTokens args{.ids = ids,
                              .words = words,
                              .positions = positions,
                              .places = {.rows = 900,
                                         .cols = kCols,
                                         .data = reinterpret_cast<std::byte*>(place_values.data())},
                              .every = every.data()};
  EXPECT_EQ(RunPass(*kernels_, args).out, Expected(args));
}

TEST_P(EmbedTest, ReadsDuplicatesAndNeighboursInAnyOrder) {
  const FileTable words = Open(Dtype::kF32);
  for (const std::vector<int32_t>& ids : std::vector<std::vector<int32_t>>{
           {7, 7, 7, 7}, {3, 2, 1, 0}, {699, 698, 0, 1, 699, 350}, {5, 4, 6, 4, 5, 8}}) {
    const Ops::EmbedTokens args{.ids = ids, .words = words, .positions = {}, .places = {}};
    EXPECT_EQ(RunPass(*kernels_, args).out, Expected(args));
  }
  std::vector<int32_t> all(kRows);
  for (int32_t i = 0; i < kRows; ++i) all[static_cast<size_t>(i)] = i;
  const Ops::EmbedTokens args{.ids = all, .words = words, .positions = {}, .places = {}};
  EXPECT_EQ(RunPass(*kernels_, args).out, Expected(args));
}

TEST_P(EmbedTest, PlansByTheNumberOfTokensAlone) {
  const FileTable words = Open(Dtype::kBF16);
  const std::vector<int32_t> same(600, 3), different = Ids(600, 9);
  const auto planned = [&](const std::vector<int32_t>& ids) {
    return RunPass(*kernels_, {.ids = ids, .words = words, .positions = {}, .places = {}}).planned;
  };
  EXPECT_EQ(planned(same), planned(different));
  EXPECT_EQ(planned(same).size(), 2u);
}

TEST_P(EmbedTest, AFileThatWasCutShortIsAnErrorAndZeroRows) {
  const FileTable words = Open(Dtype::kF32);
  std::filesystem::resize_file(path_, words.tensor->offset + 100 * words.row_bytes() + 1);
  const std::vector<int32_t> ids{99, 5, 100, 650, 651, 5};
  const Ops::EmbedTokens args{.ids = ids, .words = words, .positions = {}, .places = {}};
  const Pass pass = RunPass(*kernels_, args);
  ASSERT_TRUE(pass.error);
  EXPECT_EQ(pass.error->code, Code::kIo);
  EXPECT_THAT(pass.error->message,
              AllOf(HasSubstr(path_.string()), HasSubstr("cut while it was open")));
  std::vector<float> expected = Expected(args);
  for (const int64_t t : {2, 3, 4}) std::fill_n(expected.begin() + t * kCols, kCols, 0.f);
  EXPECT_EQ(pass.out, expected);

  const std::vector<int32_t> whole{99, 0};
  const Ops::EmbedTokens sound{.ids = whole, .words = words, .positions = {}, .places = {}};
  const Pass again = RunPass(*kernels_, sound);
  EXPECT_FALSE(again.error);
  EXPECT_EQ(again.out, Expected(sound));
}

TEST(DryEmbed, ReadsNothing) {
  const FileTable nowhere{.rows = kRows, .cols = kCols};
  const DryKernels dry(*CpuKernels("portable"));
  Arena planning(std::pmr::get_default_resource());
  const std::vector<int32_t> ids(10, kRows + 5);
  {
    Ops ops(dry, planning, std::pmr::get_default_resource());
    (void)ops.Embed({.ids = ids, .words = nowhere, .positions = {}, .places = {}}, "hidden states");
    EXPECT_FALSE(ops.error());
  }
  EXPECT_EQ(std::move(planning).MakePlan().slots.size(), 2u);
}

INSTANTIATE_TEST_SUITE_P(Isa, EmbedTest, testing::ValuesIn(CpuIsaNames()),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace waterline
