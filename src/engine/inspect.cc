// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <set>

#include "engine/model.h"
#include "engine/sizing.h"
#include "memory/block.h"
#include "waterline/engine.h"

namespace waterline {
namespace {

// The largest n in [0, most] for which `fits` holds, when it holds for all smaller ones.
int64_t LargestThat(int64_t most, const std::function<bool(int64_t)>& fits) {
  int64_t low = 0;
  while (low < most) {
    const int64_t middle = low + (most - low + 1) / 2;
    if (fits(middle)) {
      low = middle;
    } else {
      most = middle - 1;
    }
  }
  return low;
}

std::string DescribeBackbone(const BackboneConfig& b) {
  return fmt::format("{}: {} layers, hidden {}, {} heads, feed-forward {}, vocabulary {}",
                     b.model_type, b.layers, b.hidden_size, b.heads, b.intermediate, b.vocab_size);
}

std::string Layers(int64_t count, std::string_view kind) {
  return fmt::format("{} {} layer{}", count, kind, count == 1 ? "" : "s");
}

std::string DescribeHead(const GlinerConfig& c) {
  const bool tokens = c.span_mode == "token_level";
  std::string head = fmt::format("{}, ", c.span_mode);
  if (!tokens) {
    head += fmt::format("spans of up to {} words", c.max_width);
  } else {
    head += "spans of any width";
    if (c.represent_spans) head += ", scored once more";
  }
  head += fmt::format(", hidden {}", c.hidden_size);
  if (!HasLabelEncoder(c.architecture)) head += ", " + Layers(c.num_rnn_layers, "BiLSTM");
  if (c.span_encoder && (!tokens || c.represent_spans)) {
    const ContextEncoderConfig& encoder = *c.span_encoder;
    const std::string_view kind = encoder.kind != "rnn"   ? encoder.kind
                                  : encoder.bidirectional ? std::string_view("BiLSTM")
                                                          : std::string_view("LSTM");
    head += fmt::format(", spans read from {} of hidden {}", Layers(encoder.encoder.layers, kind),
                        encoder.encoder.hidden_size);
  }
  if (HasLabelEncoder(c.architecture) && !c.post_fusion_schema.empty()) {
    head += fmt::format(", labels and words fused by {}", c.post_fusion_schema);
  }
  if (FindsRelations(c.architecture)) {
    head += fmt::format(", relations of layer {}{}", c.relations_layer,
                        c.triples_layer.empty() ? "" : ", scored by " + c.triples_layer);
  }
  return head;
}

std::string DescribeSplitter(WordSplitter splitter, const GlinerConfig& config) {
  const std::string used = UsesIcu(splitter, config) ? "icu" : "whitespace";
  if (used == config.words_splitter_type) return used;
  return fmt::format("{} (the checkpoint names {})", used, config.words_splitter_type);
}

std::string DescribeLabels(const Checkpoint& checkpoint) {
  switch (checkpoint.label_source) {
    case LabelSource::kEncoder:
      return fmt::format("{}; {}", DescribeBackbone(checkpoint.labels_backbone),
                         checkpoint.labels_tokenizer->Describe());
    case LabelSource::kStored:
      return fmt::format("stored: {}", fmt::join(checkpoint.config.classes, ", "));
    case LabelSource::kPrompt:
      break;
  }
  return "read with each text";
}

Result<ModelReport> InspectOrThrow(const std::string& model, const EngineOptions& options) {
  Result<Settings> settings = Resolve(options);
  if (!settings.ok()) return settings.error();
  const Kernels& kernels = *settings->kernels;

  Budget unlimited(std::numeric_limits<size_t>::max());
  BudgetResource tokenizer_memory(unlimited, Use::kTokenizer);
  BudgetResource memory(unlimited, Use::kLoading);
  Result<Checkpoint> checkpoint =
      OpenCheckpoint(model, settings->precision, kernels, unlimited, &tokenizer_memory);
  if (!checkpoint.ok()) return checkpoint.error();
  Result<Measure> measure = MeasureCheckpoint(*checkpoint, *settings, unlimited);
  if (!measure.ok()) return measure.error();
  // Held from here on, so that the tables of the network's own count as they do after Load.
  BudgetResource weights_memory(unlimited, Use::kWeights);
  BindingReport ignored;
  Result<Network> network = MeasureNetwork(*checkpoint, kernels, &weights_memory, ignored);
  if (!network.ok()) return network.error();

  ModelReport report;
  report.directory = checkpoint->files.directory.string();
  report.architecture = ArchitectureName(checkpoint->config.architecture);
  report.backbone = DescribeBackbone(checkpoint->backbone);
  report.head = DescribeHead(checkpoint->config);
  report.labels = DescribeLabels(*checkpoint);
  report.tokenizer = checkpoint->tokenizer->Describe();
  report.splitter = DescribeSplitter(settings->splitter, checkpoint->config);
  report.weights_file = checkpoint->files.weights.string();
  std::set<std::string> types;
  for (const auto& [name, tensor] : checkpoint->tensors->tensors()) {
    if (measure->report.used.contains(name)) {
      types.insert(DtypeName(tensor.type));
    } else {
      report.tensors_unused.push_back(name);
    }
  }
  report.stored_type = fmt::format("{}", fmt::join(types, ", "));
  report.packed_as = checkpoint->tensors->packed_as();
  report.dtype = checkpoint->precision;
  report.parameters = measure->report.parameters;
  report.tensors_used = static_cast<int64_t>(measure->report.used.size());
  report.max_words = checkpoint->config.max_len;
  report.max_tokens = measure->longest_sequence;
  report.max_width = network->head->widths();
  report.file_bytes = checkpoint->tensors->file_bytes();
  report.weight_bytes = PagesUp(measure->report.block_bytes) + unlimited.in_use(Use::kWeights);
  report.in_file_bytes = measure->report.in_file_bytes;
  report.tokenizer_bytes = unlimited.in_use(Use::kTokenizer);
  report.smallest_budget = SmallestBudget(*measure, *settings);
  report.memory_budget = settings->budget;
  if (settings->budget < report.smallest_budget) return report;

  const size_t weights = PagesUp(measure->report.block_bytes);
  if (settings->devices.empty()) {
    const size_t held = unlimited.in_use() + weights;
    report.workspace_bytes = DivideRoom(settings->budget - held, settings->threads).workspace;
  } else {
    const size_t granularity = settings->devices.front()->granularity();
    report.smallest_device_budget = SmallestDeviceBudget(*measure, granularity);
    report.device_memory_budget = settings->device_budgets.front();
    if (report.device_memory_budget < report.smallest_device_budget) return report;
    report.workspace_bytes =
        DivideDeviceRoom(report.device_memory_budget - weights, granularity).workspace;
  }
  constexpr int64_t kLabels = 10;
  const auto fits = [&](const BatchShape& shape) {
    return PassBytes(*network, kernels, shape, &memory) <= report.workspace_bytes;
  };
  const int64_t most_tokens = measure->longest_sequence - 3 * kLabels - 3;
  report.longest_text_words =
      LargestThat(std::min(report.max_words, most_tokens * 3 / 4), [&](int64_t words) {
        return fits({.texts = 1, .words = words, .tokens = words * 4 / 3, .labels = kLabels});
      });
  constexpr int64_t kTextTokens = 128, kMostTexts = 4096;
  report.largest_batch_tokens = kTextTokens * LargestThat(kMostTexts, [&](int64_t texts) {
                                  return fits({.texts = texts,
                                               .words = 72,
                                               .tokens = kTextTokens - 3 * kLabels - 3,
                                               .labels = kLabels});
                                });
  return report;
}

}  // namespace

Result<ModelReport> Inspect(const std::string& model, const EngineOptions& options) {
  try {
    return InspectOrThrow(model, options);
  } catch (const std::bad_alloc&) {
    return Error{Code::kIo, fmt::format("the system refused memory to inspect {}", model)};
  }
}

}  // namespace waterline
