// SPDX-License-Identifier: Apache-2.0
#include "engine/model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "checkpoint/adapter.h"
#include "encoder/layer_fusion.h"
#include "engine/precision.h"
#include "kernels/dry.h"

namespace waterline {
namespace {

constexpr const char* kEncoderPrefix = "token_rep_layer.bert_layer.model";
constexpr const char* kWrapper = "base_model.model";  // Of PEFT.
constexpr const char* kFusionPrefix = "token_rep_layer.bert_layer.layers_fuser";

// The backbone's config: encoder_config, or the backbone's own config.json, or the built-in table.
Result<BackboneConfig> FindBackbone(const GlinerConfig& config, const CheckpointFiles& files) {
  BackboneConfig backbone;
  if (config.encoder) {
    backbone = *config.encoder;
  } else {
    std::error_code ignored;
    const std::filesystem::path file = files.backbone / "config.json";
    if (!files.backbone.empty() && std::filesystem::exists(file, ignored)) {
      Result<BackboneConfig> read = ReadBackboneConfig(file);
      if (!read.ok()) return read.error();
      backbone = *read;
    } else if (const std::optional<BackboneConfig> known = KnownBackbone(config.model_name)) {
      backbone = *known;
    } else {
      return Error{
          Code::kNotFound,
          fmt::format(
              "{} has no encoder_config, and the config.json of its backbone {} is not in the "
              "local Hugging Face cache; fetch it with: huggingface-cli download {} config.json",
              (files.directory / "gliner_config.json").string(), config.model_name,
              config.model_name)};
    }
    if (config.vocab_size != -1) backbone.vocab_size = config.vocab_size;
  }
  return backbone;
}

// Appends the markers that a checkpoint from before `vocab_size` and `class_token_index` relies on,
// and derives both; spec/gliner-data-and-decoding.md 2.4.
void AddMarkers(Checkpoint& checkpoint) {
  GlinerConfig& config = checkpoint.config;
  if (config.class_token_index != -1 && config.vocab_size != -1) return;
  const std::string markers[] = {"[FLERT]", config.ent_token, config.sep_token};
  checkpoint.tokenizer->AddSpecialTokens(markers);
  config.vocab_size = checkpoint.tokenizer->size();
  config.class_token_index = config.vocab_size - 2;
  checkpoint.backbone.vocab_size = config.vocab_size;
}

// The scale of the adapter where the backbone in `tensors` is wrapped in one.
Result<Binder::AdapterScale> FindAdapter(const TensorFile& tensors, const CheckpointFiles& files) {
  const std::string wrapped = fmt::format("{}.{}.", kEncoderPrefix, kWrapper);
  const auto first = tensors.tensors().lower_bound(wrapped);
  if (first == tensors.tensors().end() || !first->first.starts_with(wrapped)) {
    return Binder::AdapterScale();
  }
  for (const std::filesystem::path& directory : {files.directory, files.backbone}) {
    const Result<std::optional<Adapter>> adapter = ReadAdapter(directory);
    if (!adapter.ok()) return adapter.error();
    if (!adapter->has_value()) continue;
    return Binder::AdapterScale([found = **adapter](int64_t rank) { return found.scale(rank); });
  }
  return Error{Code::kBadModel,
               fmt::format("{} holds a backbone with an adapter, but no adapter_config.json lies "
                           "beside it or beside the backbone",
                           files.weights.string())};
}

Error Problems(const Checkpoint& checkpoint, const BindingReport& report) {
  return {Code::kBadModel, fmt::format("{}: {}", checkpoint.files.weights.string(),
                                       fmt::join(report.problems, "; "))};
}

Result<Network> MakeNetwork(const Checkpoint& checkpoint, const Binder& binder,
                            std::pmr::memory_resource* memory, const BindingReport& report) {
  Network network;
  const LayerTypes types = TypesOf(checkpoint.precision);
  Binder backbone = binder.As(types.encoder).In(kEncoderPrefix);
  if (checkpoint.adapter) backbone = backbone.In(kWrapper).Adapted(checkpoint.adapter);
  Result<std::unique_ptr<Encoder>> encoder = MakeEncoder(checkpoint.backbone, backbone, memory);
  if (!encoder.ok()) return encoder.error();
  network.encoder = std::move(*encoder);
  if (checkpoint.config.fuse_layers) {
    network.encoder =
        FuseLayers(std::move(network.encoder), binder.As(types.encoder).In(kFusionPrefix));
  }
  Result<std::unique_ptr<Head>> head =
      MakeHead(checkpoint.config, network.encoder->width(), binder.As(types.head));
  if (!head.ok()) return head.error();
  network.head = std::move(*head);
  if (!report.problems.empty()) return Problems(checkpoint, report);
  return network;
}

}  // namespace

Result<Checkpoint> OpenCheckpoint(const std::string& model, Precision precision,
                                  const Kernels& kernels, Budget& budget,
                                  std::pmr::memory_resource* tokenizer_memory) {
  Result<std::filesystem::path> directory =
      model.empty() ? LocateDefaultModel() : LocateModel(model);
  if (!directory.ok()) return directory.error();
  Result<GlinerConfig> config = ReadGlinerConfig(*directory);
  if (!config.ok()) return config.error();
  Result<CheckpointFiles> files = LocateFiles(*directory, config->model_name);
  if (!files.ok()) return files.error();

  Checkpoint checkpoint;
  checkpoint.config = *config;
  checkpoint.files = *files;
  Result<BackboneConfig> backbone = FindBackbone(*config, *files);
  if (!backbone.ok()) return backbone.error();
  checkpoint.backbone = *backbone;
  if (config->words_splitter_type != "whitespace") {
    return Error{Code::kUnsupported,
                 fmt::format("words_splitter_type \"{}\" is not supported, only \"whitespace\"",
                             config->words_splitter_type)};
  }

  Result<std::unique_ptr<Tokenizer>> tokenizer =
      Tokenizer::Load(files->tokenizer, budget, tokenizer_memory);
  if (!tokenizer.ok()) return tokenizer.error();
  checkpoint.tokenizer = std::move(*tokenizer);
  AddMarkers(checkpoint);

  const GlinerConfig& complete = checkpoint.config;
  const std::optional<int32_t> marker = checkpoint.tokenizer->TokenId(complete.ent_token);
  if (!marker || *marker != complete.class_token_index) {
    return Error{
        Code::kBadModel,
        fmt::format("{}: class_token_index is {}, but the tokenizer in {} gives {} {}",
                    (*directory / "gliner_config.json").string(), complete.class_token_index,
                    files->tokenizer.string(), complete.ent_token,
                    marker ? fmt::format("the id {}", *marker) : "no id")};
  }

  checkpoint.prompt = {.ent_token = complete.ent_token,
                       .sep_token = complete.sep_token,
                       .ent_id = static_cast<int32_t>(complete.class_token_index),
                       .embed_ent_token = complete.embed_ent_token};

  Result<TensorFile> tensors = TensorFile::Open(files->weights);
  if (!tensors.ok()) return tensors.error();
  const Result<Precision> chosen =
      ChoosePrecision(precision, *directory, tensors->packed_as(), kernels);
  if (!chosen.ok()) return chosen.error();
  checkpoint.precision = *chosen;
  Result<Binder::AdapterScale> adapter = FindAdapter(*tensors, *files);
  if (!adapter.ok()) return adapter.error();
  checkpoint.adapter = std::move(*adapter);
  checkpoint.tensors = std::make_unique<TensorFile>(std::move(*tensors));
  checkpoint.tensors_heap = Reservation(budget, Use::kWeights);
  if (!checkpoint.tensors_heap.Resize(checkpoint.tensors->heap_bytes())) {
    return Error{Code::kOverBudget, fmt::format("the list of tensors of {} does not fit the budget",
                                                files->weights.string())};
  }
  return checkpoint;
}

Result<Network> MeasureNetwork(const Checkpoint& checkpoint, const Kernels& kernels,
                               std::pmr::memory_resource* memory, BindingReport& report) {
  return MakeNetwork(checkpoint, Binder(*checkpoint.tensors, kernels, report), memory, report);
}

Result<Network> BindNetwork(const Checkpoint& checkpoint, const Kernels& kernels,
                            const Binding& binding, BindingReport& report) {
  PackingJobs jobs(binding.loading);
  Result<Network> network =
      MakeNetwork(checkpoint, Binder(*checkpoint.tensors, kernels, binding.block, jobs, report),
                  binding.memory, report);
  if (!network.ok()) return network;
  jobs.Run(binding.threads, report.scratch_floats, report.problems);
  if (!report.problems.empty()) return Problems(checkpoint, report);
  return network;
}

SequenceTemplate TemplateOf(const Tokenizer& tokenizer) {
  return {tokenizer.prefix(), tokenizer.suffix()};
}

int64_t LongestSequence(const Checkpoint& checkpoint, const Encoder& encoder) {
  return std::min(encoder.longest(),
                  checkpoint.tokenizer->max_length().value_or(encoder.longest()));
}

Plan PlanPass(const Network& network, const Kernels& kernels, const Batch& batch,
              std::pmr::memory_resource* memory) {
  const DryKernels dry(kernels);
  Arena arena(memory);
  {
    Ops ops(dry, arena);
    const Scores scores = network.Forward(ops, batch);
  }
  return std::move(arena).MakePlan();
}

size_t PassBytes(const Network& network, const Kernels& kernels, const BatchShape& shape,
                 std::pmr::memory_resource* memory) {
  Batch batch(memory);
  const int64_t tokens = shape.tokens + 3 * shape.labels + 3;
  batch.ids.resize(static_cast<size_t>(shape.texts * tokens));
  batch.positions.resize(batch.ids.size());
  const Pooling pooling = network.head->pooling();
  const bool one_each = pooling == Pooling::kFirst || pooling == Pooling::kLast;
  batch.read.resize(
      static_cast<size_t>(shape.texts * ((one_each ? shape.words : shape.tokens) + shape.labels)));
  batch.words.resize(static_cast<size_t>(shape.texts * shape.words));
  batch.labels.resize(static_cast<size_t>(shape.texts * shape.labels));
  for (int64_t t = 0; t <= shape.texts; ++t) {
    batch.begins.push_back(static_cast<int32_t>(t * tokens));
    batch.word_begins.push_back(static_cast<int32_t>(t * shape.words));
    batch.label_begins.push_back(static_cast<int32_t>(t * shape.labels));
    batch.score_begins.push_back(t * shape.words * network.head->widths() * shape.labels);
  }
  return PlanPass(network, kernels, batch, memory).bytes;
}

}  // namespace waterline
