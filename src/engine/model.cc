// SPDX-License-Identifier: Apache-2.0
#include "engine/model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "checkpoint/adapter.h"
#include "device/lane.h"
#include "encoder/layer_fusion.h"
#include "engine/precision.h"
#include "ops/planned.h"

namespace waterline {
namespace {

constexpr const char* kEncoderPrefix = "token_rep_layer.bert_layer.model";
constexpr const char* kWrapper = "base_model.model";  // Of PEFT.
constexpr const char* kFusionPrefix = "token_rep_layer.bert_layer.layers_fuser";

// The config of the backbone `name`, which the checkpoint's config gives no `key` for: its own
// config.json in `directory` (empty when that was not found), or the built-in table.
Result<BackboneConfig> FindBackbone(const std::string& name, const char* key,
                                    const std::filesystem::path& directory,
                                    const CheckpointFiles& files) {
  std::error_code ignored;
  const std::filesystem::path file = directory / "config.json";
  if (!directory.empty() && std::filesystem::exists(file, ignored)) return ReadBackboneConfig(file);
  if (const std::optional<BackboneConfig> known = KnownBackbone(name)) return *known;
  return Error{Code::kNotFound,
               fmt::format("{} has no {}, and the config.json of {} is not in the local Hugging "
                           "Face cache; fetch it with `huggingface-cli download {} config.json`",
                           (files.directory / "gliner_config.json").string(), key, name, name)};
}

// The label encoder's config and tokenizer.
Result<void> OpenLabelEncoder(Checkpoint& checkpoint, Budget& budget,
                              std::pmr::memory_resource* memory) {
  const GlinerConfig& config = checkpoint.config;
  const Result<LabelEncoderFiles> files =
      LocateLabelEncoder(checkpoint.files.directory, config.labels_encoder_name);
  if (!files.ok()) return files.error();
  checkpoint.labels_files = *files;
  if (config.labels_encoder) {
    checkpoint.labels_backbone = *config.labels_encoder;
  } else {
    Result<BackboneConfig> backbone = FindBackbone(
        config.labels_encoder_name, "labels_encoder_config", files->backbone, checkpoint.files);
    if (!backbone.ok()) return backbone.error();
    checkpoint.labels_backbone = *backbone;
  }
  Result<std::unique_ptr<Tokenizer>> tokenizer = Tokenizer::Load(files->tokenizer, budget, memory);
  if (!tokenizer.ok()) return tokenizer.error();
  checkpoint.labels_tokenizer = std::move(*tokenizer);
  return {};
}

// Appends the markers that a checkpoint from before `vocab_size` and `class_token_index` relies on,
// and derives both; spec/gliner-data-and-decoding.md 2.4.
void AddMarkers(Checkpoint& checkpoint) {
  GlinerConfig& config = checkpoint.config;
  if (config.class_token_index != -1 && config.vocab_size != -1) return;
  if (FindsRelations(config.architecture)) {
    const std::string markers[] = {config.ent_token, config.sep_token, config.rel_token};
    checkpoint.tokenizer->AddSpecialTokens(markers);
    config.vocab_size = checkpoint.tokenizer->size();
    config.class_token_index = config.vocab_size - 3;
    config.rel_token_index = config.vocab_size - 1;
  } else {
    const std::string markers[] = {"[FLERT]", config.ent_token, config.sep_token};
    checkpoint.tokenizer->AddSpecialTokens(markers);
    config.vocab_size = checkpoint.tokenizer->size();
    config.class_token_index = config.vocab_size - 2;
  }
  checkpoint.backbone.vocab_size = config.vocab_size;
}

// The marker that `key` gives an id, if the tokenizer agrees.
Result<Marker> CheckedMarker(const Checkpoint& checkpoint, const char* key,
                             const std::string& token, int64_t index, bool embed) {
  const std::optional<int32_t> id = checkpoint.tokenizer->TokenId(token);
  if (id && *id == index) return Marker{.token = token, .id = *id, .embed = embed};
  return Error{Code::kBadModel,
               fmt::format("{}: {} is {}, but the tokenizer in {} gives {} {}",
                           (checkpoint.files.directory / "gliner_config.json").string(), key, index,
                           checkpoint.files.tokenizer.string(), token,
                           id ? fmt::format("the id {}", *id) : "no id")};
}

// Makes the checkpoint's prompt format.
Result<void> SetPromptFormat(Checkpoint& checkpoint) {
  AddMarkers(checkpoint);
  const GlinerConfig& config = checkpoint.config;
  Result<Marker> label = CheckedMarker(checkpoint, "class_token_index", config.ent_token,
                                       config.class_token_index, config.embed_ent_token);
  if (!label.ok()) return label.error();
  checkpoint.prompt = {.label = *label, .relation = {}, .sep_token = config.sep_token};
  if (!FindsRelations(config.architecture)) return {};
  Result<Marker> relation = CheckedMarker(checkpoint, "rel_token_index", config.rel_token,
                                          config.rel_token_index, config.embed_rel_token);
  if (!relation.ok()) return relation.error();
  checkpoint.prompt.relation = std::move(*relation);
  return {};
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

// The key of the config that makes `architecture` one that does not run here; nullptr for others.
const char* UnsupportedKey(Architecture architecture) {
  switch (architecture) {
    case Architecture::kSpanDecoder:
    case Architecture::kTokenDecoder:
      return "labels_decoder";
    case Architecture::kStreamingSpan:
      return "model_type \"gliner_streaming_span\"";
    default:
      return nullptr;
  }
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
      MakeHead(checkpoint.config, checkpoint.backbone, binder.As(types.head), memory);
  if (!head.ok()) return head.error();
  network.head = std::move(*head);
  if (FindsRelations(checkpoint.config.architecture)) {
    Result<std::unique_ptr<Relations>> relations =
        Relations::Make(checkpoint.config, binder.As(types.head));
    if (!relations.ok()) return relations.error();
    network.relations = std::move(*relations);
  }
  if (checkpoint.label_source == LabelSource::kEncoder) {
    Result<std::unique_ptr<LabelEncoder>> labels = LabelEncoder::Make(
        checkpoint.config, checkpoint.labels_backbone, binder.As(types.encoder), memory);
    if (!labels.ok()) return labels.error();
    network.labels = std::move(*labels);
  } else if (checkpoint.label_source == LabelSource::kStored) {
    Binder stored = binder;
    network.stored_labels = stored.TableInMemory(
        "precomputed_prompts", static_cast<int64_t>(checkpoint.config.classes.size()),
        checkpoint.config.hidden_size);
  }
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
  if (const char* key = UnsupportedKey(config->architecture)) {
    return Error{
        Code::kUnsupported,
        fmt::format("{}: {} makes this a {} model, which is not supported; models that find "
                    "entities and relations are",
                    (*directory / "gliner_config.json").string(), key,
                    ArchitectureName(config->architecture))};
  }
  Result<CheckpointFiles> files = LocateFiles(*directory, config->model_name);
  if (!files.ok()) return files.error();

  Checkpoint checkpoint;
  checkpoint.config = *config;
  checkpoint.files = *files;
  if (config->encoder) {
    checkpoint.backbone = *config->encoder;
  } else {
    Result<BackboneConfig> backbone =
        FindBackbone(config->model_name, "encoder_config", files->backbone, *files);
    if (!backbone.ok()) return backbone.error();
    checkpoint.backbone = *backbone;
    if (config->vocab_size != -1) checkpoint.backbone.vocab_size = config->vocab_size;
  }

  Result<std::unique_ptr<Tokenizer>> tokenizer =
      Tokenizer::Load(files->tokenizer, budget, tokenizer_memory);
  if (!tokenizer.ok()) return tokenizer.error();
  checkpoint.tokenizer = std::move(*tokenizer);
  checkpoint.label_source = HasLabelEncoder(config->architecture) ? LabelSource::kEncoder
                            : config->precomputed_prompts         ? LabelSource::kStored
                                                                  : LabelSource::kPrompt;
  const Result<void> labels = checkpoint.label_source == LabelSource::kEncoder
                                  ? OpenLabelEncoder(checkpoint, budget, tokenizer_memory)
                                  : SetPromptFormat(checkpoint);
  if (!labels.ok()) return labels.error();

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

Result<Network> PlaceNetwork(const Checkpoint& checkpoint, const Kernels& kernels,
                             std::span<std::byte> block, std::pmr::memory_resource* memory) {
  BindingReport report;
  return MakeNetwork(checkpoint, Binder(*checkpoint.tensors, kernels, block, report), memory,
                     report);
}

SequenceTemplate TemplateOf(const Tokenizer& tokenizer) {
  return {tokenizer.prefix(), tokenizer.suffix()};
}

int64_t LongestSequence(const Checkpoint& checkpoint, const Encoder& encoder) {
  return std::min(encoder.longest(),
                  checkpoint.tokenizer->max_length().value_or(encoder.longest()));
}

int64_t LongestLabel(const Checkpoint& checkpoint, const Network& network) {
  const int64_t longest = network.labels->longest();
  return std::min(longest, checkpoint.labels_tokenizer->max_length().value_or(longest));
}

size_t PassBytes(const Network& network, const Kernels& kernels, const BatchShape& shape,
                 std::pmr::memory_resource* memory) {
  Batch batch(memory);
  const int64_t tokens = shape.tokens + 3 * shape.labels + 3;
  batch.ids.resize(static_cast<size_t>(shape.texts * tokens));
  batch.positions.resize(batch.ids.size());
  const BatchRules rules = network.head->rules();
  const bool one_each = rules.pooling == Pooling::kFirst || rules.pooling == Pooling::kLast;
  batch.read.resize(
      static_cast<size_t>(shape.texts * ((one_each ? shape.words : shape.tokens) + shape.labels)));
  batch.words.resize(static_cast<size_t>(shape.texts * shape.words));
  GivenLabels given{.rows = nullptr, .count = shape.labels, .width = network.head->vector_width()};
  if (rules.own_labels) batch.label_begins.push_back(0);
  if (network.labels_given()) {
    batch.given.assign(static_cast<size_t>(rules.own_labels ? shape.texts : 1), &given);
  } else {
    batch.labels.resize(static_cast<size_t>(shape.texts * shape.labels));
  }
  for (int64_t t = 0; t <= shape.texts; ++t) {
    batch.begins.push_back(static_cast<int32_t>(t * tokens));
    batch.word_begins.push_back(static_cast<int32_t>(t * shape.words));
    batch.score_begins.push_back(t * shape.words * rules.channels * shape.labels);
    if (t == shape.texts) break;
    const bool shared = network.labels_given() && !rules.own_labels;
    const auto label = static_cast<int32_t>(shared ? 0 : t * shape.labels);
    batch.label_groups.push_back({label, label + static_cast<int32_t>(shape.labels)});
    batch.relation_groups.emplace_back();
    if (rules.own_labels) batch.label_begins.push_back(label + static_cast<int32_t>(shape.labels));
  }
  HostLane lane(kernels);
  const auto forward = [&](Ops& ops) { network.Forward(ops, batch); };
  return PlanOn(lane, memory, /*members=*/1, forward).bytes;
}

}  // namespace waterline
