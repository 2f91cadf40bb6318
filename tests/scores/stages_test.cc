// Encoder and head against the tensors inside the reference's forward pass.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "checkpoint/config.h"
#include "encoder/encoder.h"
#include "encoder/layer_fusion.h"
#include "kernels/dry.h"
#include "ops/stage.h"
#include "scores/head.h"
#include "weights/tensor_file.h"

namespace waterline {
namespace {

namespace fs = std::filesystem;

const fs::path kModels = fs::path(WATERLINE_GOLDEN_DIR) / "models";

// The reference's own tolerance for stage tensors.
constexpr float kAbsolute = 1e-4f, kRelative = 1e-4f;

struct StageFile {
  std::string model;
  std::string file;
};

std::vector<StageFile> StageFiles() {
  std::vector<StageFile> files;
  for (const auto& model : fs::directory_iterator(kModels)) {
    for (const auto& entry : fs::directory_iterator(model.path())) {
      const std::string name = entry.path().filename();
      if (name.starts_with("stages_")) files.push_back({model.path().filename(), name});
    }
  }
  std::sort(files.begin(), files.end(), [](const StageFile& a, const StageFile& b) {
    return std::tie(a.model, a.file) < std::tie(b.model, b.file);
  });
  return files;
}

std::vector<float> Floats(const TensorFile& file, const StoredTensor& tensor) {
  std::vector<float> values(static_cast<size_t>(tensor.elements()));
  EXPECT_TRUE(file.ReadF32(tensor, 0, values).ok());
  return values;
}

std::vector<int32_t> Ints(const TensorFile& file, const StoredTensor& tensor) {
  std::vector<int32_t> values(static_cast<size_t>(tensor.elements()));
  EXPECT_TRUE(file.Read(tensor, 0, std::as_writable_bytes(std::span(values))).ok());
  return values;
}

void ExpectClose(const std::vector<float>& expected, MatView got, const char* what) {
  ASSERT_EQ(expected.size(), static_cast<size_t>(got.rows * got.cols)) << what;
  float worst = 0;
  for (int64_t r = 0; r < got.rows; ++r) {
    for (int64_t c = 0; c < got.cols; ++c) {
      const float e = expected[static_cast<size_t>(r * got.cols + c)];
      worst = std::max(worst, std::abs(got.row(r)[c] - e) / (kAbsolute + kRelative * std::abs(e)));
    }
  }
  EXPECT_LE(worst, 1.f) << what << ": worst difference in units of the tolerance";
}

// The first text of a case as the reference feeds it, words and labels found by mask and id.
Batch ReadBatch(const TensorFile& stages, const GlinerConfig& config, int64_t channels) {
  Batch batch(std::pmr::get_default_resource());
  const std::vector<int32_t> ids = Ints(stages, *stages.Find("input.input_ids"));
  const std::vector<int32_t> mask = Ints(stages, *stages.Find("input.words_mask"));
  batch.ids.assign(ids.begin(), ids.end());
  const auto tokens = static_cast<int32_t>(ids.size());
  for (int32_t t = 0; t < tokens; ++t) {
    batch.positions.push_back(t);
    batch.read.push_back({t, t + 1});
  }
  batch.begins = {0, tokens};
  const int32_t words = Ints(stages, *stages.Find("input.text_lengths"))[0];
  batch.words.resize(static_cast<size_t>(words));
  for (int32_t t = 0; t < tokens; ++t) {
    const size_t at = static_cast<size_t>(t);
    if (mask[at] > 0) {
      RowRange& word = batch.words[static_cast<size_t>(mask[at] - 1)];
      if (word.end == 0) word.begin = t;
      word.end = t + 1;
    }
    if (ids[at] == config.class_token_index) {
      const int32_t row = t + (config.embed_ent_token ? 0 : 1);
      batch.labels.push_back({row, row + 1});
    }
  }
  batch.word_begins = {0, words};
  batch.label_groups = {{0, static_cast<int32_t>(batch.labels.size())}};
  batch.relation_groups.resize(1);
  batch.score_begins = {0, words * channels * static_cast<int64_t>(batch.labels.size())};
  return batch;
}

// The logits of spans that token models score once more.
void ExpectRescored(const TensorFile& stages, const Head& head, const Kernels& kernels,
                    const Batch& batch, const Scores& scores) {
  const std::vector<int32_t> words = Ints(stages, *stages.Find("output.span_idx"));
  std::vector<WordRange> spans;
  for (size_t i = 0; i < words.size(); i += 2) spans.push_back({words[i], words[i + 1]});
  // Few of them, and so many that they share the halves of their words.
  for (const size_t times : {size_t{1}, size_t{40}}) {
    std::vector<WordRange> all;
    for (size_t i = 0; i < times; ++i) all.insert(all.end(), spans.begin(), spans.end());
    HostLane lane(kernels);
    const Result<void> done = RunStage(lane, std::pmr::get_default_resource(), [&](Ops& ops) {
      const Mat logits = head.RescoreSpans(ops, scores, batch, 0, all);
      if (ops.dry()) return;
      const auto count = static_cast<int64_t>(spans.size());
      for (int64_t i = 0; i < static_cast<int64_t>(times); ++i) {
        ExpectClose(Floats(stages, *stages.Find("output.span_logits")),
                    logits.view().Rows(i * count, (i + 1) * count), "span logits");
      }
    });
    EXPECT_TRUE(done.ok());
  }
}

class Stages : public testing::TestWithParam<StageFile> {};

TEST_P(Stages, EqualTheReference) {
  const fs::path directory = kModels / GetParam().model;
  Result<GlinerConfig> config = ReadGlinerConfig(directory / "checkpoint");
  ASSERT_TRUE(config.ok()) << config.error().message;
  if (!config->encoder || config->class_token_index < 0) {
    GTEST_SKIP() << "needs the tokenizer for its ids; covered by test_engine";
  }
  if (config->precomputed_prompts) {
    GTEST_SKIP() << "its labels are stored vectors, which the engine hands in; covered by "
                    "test_engine";
  }
  fs::path weights = directory / "checkpoint" / "model.safetensors";
  if (!fs::exists(weights)) weights = directory / "checkpoint" / "pytorch_model.bin";
  const Result<TensorFile> file = TensorFile::Open(weights);
  ASSERT_TRUE(file.ok()) << file.error().message;
  const Result<TensorFile> stages = TensorFile::Open(directory / GetParam().file);
  ASSERT_TRUE(stages.ok()) << stages.error().message;

  for (const char* isa : CpuIsaNames()) {
    const Kernels* kernels = CpuKernels(isa);
    if (kernels == nullptr) continue;  // test_kernels names what the machine lacks.
    SCOPED_TRACE(isa);
    // Measured, then bound, as the engine does.
    std::vector<std::byte> memory;
    std::unique_ptr<Encoder> encoder;
    std::unique_ptr<Head> head;
    for (const bool measuring : {true, false}) {
      BindingReport report;
      std::span<std::byte> block;
      if (!measuring) {
        void* start = memory.data();
        size_t space = memory.size();
        std::align(64, 1, start, space);
        block = {static_cast<std::byte*>(start), space};
      }
      PackingJobs jobs(std::pmr::get_default_resource());
      const Binder binder = measuring ? Binder(*file, *kernels, report)
                                      : Binder(*file, *kernels, block, jobs, report);
      auto made = MakeEncoder(*config->encoder, binder.In("token_rep_layer.bert_layer.model"),
                              std::pmr::get_default_resource());
      ASSERT_TRUE(made.ok()) << made.error().message;
      encoder = std::move(*made);
      if (config->fuse_layers) {
        encoder =
            FuseLayers(std::move(encoder), binder.In("token_rep_layer.bert_layer.layers_fuser"));
      }
      auto made_head =
          MakeHead(*config, *config->encoder, binder, std::pmr::get_default_resource());
      ASSERT_TRUE(made_head.ok()) << made_head.error().message;
      head = std::move(*made_head);
      if (!measuring) jobs.Run(2, report.scratch_floats, report.problems);
      ASSERT_EQ(report.problems, std::vector<std::string>());
      if (measuring) memory.resize(report.block_bytes + 64);
    }

    const Batch batch = ReadBatch(*stages, *config, head->rules().channels);
    const DryKernels dry(*kernels);
    Arena planning(std::pmr::get_default_resource());
    {
      Ops ops(dry, planning, std::pmr::get_default_resource());
      (void)head->Forward(ops, encoder->Forward(ops, batch), batch);
    }
    const Plan plan = std::move(planning).MakePlan();
    std::vector<std::byte> workspace(plan.bytes + Arena::kAlign);
    void* start = workspace.data();
    size_t space = workspace.size();
    std::align(Arena::kAlign, plan.bytes, start, space);
    Arena arena({static_cast<std::byte*>(start), plan.bytes}, plan);
    Ops ops(*kernels, arena, std::pmr::get_default_resource());

    Mat hidden = encoder->Forward(ops, batch);
    // backbone.last is stored where it is not the last of the hidden states.
    const std::string layers = std::to_string(config->encoder->layers);
    const StoredTensor* last = stages->Find("backbone.last");
    if (last == nullptr) last = stages->Find("backbone.hidden." + layers);
    if (last != nullptr && !config->fuse_layers)
      ExpectClose(Floats(*stages, *last), hidden, "hidden states");
    const Scores scores = head->Forward(ops, std::move(hidden), batch);

    const StoredTensor* logits = stages->Find("output.logits");
    ASSERT_NE(logits, nullptr);
    const std::vector<float> expected = Floats(*stages, *logits);
    if (head->layout() == Layout::kTokens) {
      ExpectClose(expected, scores.logits, "logits");
      if (head->rescores()) ExpectRescored(*stages, *head, *kernels, batch, scores);
      continue;
    }
    // Spans that run past the text hold values of no meaning in the reference, -infinity here.
    const int64_t words = logits->shape[1], widths = logits->shape[2], labels = logits->shape[3];
    ASSERT_EQ(static_cast<int64_t>(expected.size()), scores.logits.cols());
    for (int64_t w = 0; w < words; ++w) {
      for (int64_t k = 0; k < widths; ++k) {
        for (int64_t c = 0; c < labels; ++c) {
          const auto at = static_cast<size_t>((w * widths + k) * labels + c);
          const float got = scores.logits.view().data[at];
          if (w + k >= words) {
            EXPECT_EQ(got, -std::numeric_limits<float>::infinity());
          } else {
            EXPECT_NEAR(got, expected[at], kAbsolute + kRelative * std::abs(expected[at]))
                << "word " << w << " width " << k << " label " << c;
          }
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Stages, testing::ValuesIn(StageFiles()), [](const auto& test) {
  return test.param.model + "_" + test.param.file.substr(0, test.param.file.find('.'));
});

}  // namespace
}  // namespace waterline
