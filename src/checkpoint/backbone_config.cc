// Reads backbone configs. Defaults are those of the configuration classes of transformers 4.57.6,
// and of modeling_deberta*.py for the keys that the class does not have.
// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/backbone_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <simdjson.h>

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

#include "checkpoint/fields.h"

namespace waterline {

namespace {

namespace dom = simdjson::dom;

// The parts of "layer_norm|x", lower-case and without blanks around, as transformers reads them.
std::vector<std::string> SplitBars(std::string_view text) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == '|') {
      parts.emplace_back();
    } else {
      parts.back() += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
  }
  for (std::string& part : parts) {
    const size_t begin = part.find_first_not_of(" \t");
    const size_t end = part.find_last_not_of(" \t");
    part = begin == std::string::npos ? "" : part.substr(begin, end - begin + 1);
  }
  return parts;
}

void ReadPosAttType(Fields& fields, BackboneConfig& config) {
  constexpr std::string_view kKey = "pos_att_type";
  constexpr std::string_view kWanted = "a list or a |-separated string of c2p, p2c";
  const std::optional<dom::element> value = fields.Value(kKey);
  if (!value.has_value()) return;
  std::vector<std::string> kinds;
  dom::array list;
  std::string_view text;
  if (value->get(text) == simdjson::SUCCESS) {
    kinds = SplitBars(text);
  } else if (value->get(list) == simdjson::SUCCESS) {
    for (const dom::element item : list) {
      if (item.get(text) != simdjson::SUCCESS) return fields.Wrong(kKey, *value, kWanted);
      kinds.emplace_back(text);
    }
  } else {
    return fields.Wrong(kKey, *value, kWanted);
  }
  config.position_terms = static_cast<int64_t>(kinds.size());
  for (const std::string& kind : kinds) {
    if (kind == "c2p") {
      config.c2p = true;
    } else if (kind == "p2c") {
      config.p2c = true;
    } else if (kind != "p2p" && !kind.empty()) {  // transformers has no p2p for deberta-v2 either.
      return fields.Wrong(kKey, *value, kWanted);
    }
  }
}

void ReadNormRelEbd(Fields& fields, BackboneConfig& config) {
  std::string text;
  fields.Text("norm_rel_ebd", text);
  const std::vector<std::string> parts = SplitBars(text);
  config.norm_rel_ebd = std::find(parts.begin(), parts.end(), "layer_norm") != parts.end();
}

struct Shape {
  int64_t vocab_size, hidden_size, layers, heads, intermediate, max_positions;
  double norm_eps;
  int64_t type_vocab_size = 0;
};

BackboneConfig Defaults(const Shape& shape) {
  BackboneConfig config;
  config.vocab_size = shape.vocab_size;
  config.hidden_size = shape.hidden_size;
  config.layers = shape.layers;
  config.heads = shape.heads;
  config.intermediate = shape.intermediate;
  config.max_positions = shape.max_positions;
  config.norm_eps = shape.norm_eps;
  config.type_vocab_size = shape.type_vocab_size;
  config.activation = "gelu";
  return config;
}

// What the classes call the numbers that all of them have.
struct ShapeKeys {
  std::string_view hidden_size = "hidden_size";
  std::string_view layers = "num_hidden_layers";
  std::string_view heads = "num_attention_heads";
  std::string_view intermediate = "intermediate_size";
  std::string_view activation = "hidden_act";
  std::string_view norm_eps = "layer_norm_eps";
};

void ReadShape(Fields& fields, const ShapeKeys& keys, BackboneConfig& config) {
  fields.Integer("vocab_size", config.vocab_size, 1, kMostRows);
  fields.Integer(keys.hidden_size, config.hidden_size, 1, kMostColumns);
  fields.Integer(keys.layers, config.layers, 0, kMostLayers);
  fields.Integer(keys.heads, config.heads, 1, kMostColumns);
  fields.Integer(keys.intermediate, config.intermediate, 1, kMostColumns);
  fields.Text(keys.activation, config.activation);
  fields.Real(keys.norm_eps, config.norm_eps);
  fields.Integer("max_position_embeddings", config.max_positions, 1, kMostRows);
  fields.Integer("type_vocab_size", config.type_vocab_size, 0, kMostRows);
  fields.Integer("pad_token_id", config.pad_token_id, 0);
}

void NeedWholeHeads(Fields& fields, const ShapeKeys& keys, const BackboneConfig& config) {
  if (config.hidden_size % config.heads == 0) return;
  fields.Wrong(fmt::format("{} {} is no multiple of {} {}", keys.hidden_size, config.hidden_size,
                           keys.heads, config.heads));
}

// The shape of an encoder whose heads share its width.
void ReadHeadedShape(Fields& fields, BackboneConfig& config) {
  ReadShape(fields, {}, config);
  NeedWholeHeads(fields, {}, config);
  int64_t head_size = config.hidden_size / config.heads;
  fields.Integer("attention_head_size", head_size, head_size, head_size);
}

void ReadEmbeddingSize(Fields& fields, BackboneConfig& config) {
  fields.Integer("embedding_size", config.embedding_size, 1, kMostColumns);
  if (config.embedding_size == config.hidden_size) config.embedding_size = 0;
}

void ReadBert(Fields& fields, BackboneConfig& config) {
  ReadHeadedShape(fields, config);
  fields.Text("position_embedding_type", config.position_embedding_type);
}

void ReadElectra(Fields& fields, BackboneConfig& config) {
  ReadBert(fields, config);
  ReadEmbeddingSize(fields, config);
}

void ReadAlbert(Fields& fields, BackboneConfig& config) {
  ReadBert(fields, config);
  // A map from embeddings to hidden states exists even between equal widths.
  fields.Integer("embedding_size", config.embedding_size, 1, kMostColumns);
  fields.Integer("num_hidden_groups", config.layer_groups, 1, kMostLayers);
  fields.Integer("inner_group_num", config.layers_in_group, 1, kMostLayers);
}

void ReadDistilbert(Fields& fields, BackboneConfig& config) {
  constexpr ShapeKeys kKeys{.hidden_size = "dim",
                            .layers = "n_layers",
                            .heads = "n_heads",
                            .intermediate = "hidden_dim",
                            .activation = "activation"};
  ReadShape(fields, kKeys, config);
  NeedWholeHeads(fields, kKeys, config);
}

void ReadLongformer(Fields& fields, BackboneConfig& config) {
  constexpr std::string_view kKey = "attention_window";
  constexpr std::string_view kWanted =
      "an even number of at least 2, or a list of one for each layer";
  ReadHeadedShape(fields, config);
  const auto layers = static_cast<size_t>(config.layers);
  config.windows.assign(layers, 512 / 2);
  const std::optional<dom::element> value = fields.Value(kKey);
  if (!value.has_value()) return;
  dom::array list;
  const bool one = value->get(list) != simdjson::SUCCESS;
  if (!one && list.size() != layers) return fields.Wrong(kKey, *value, kWanted);
  for (size_t i = 0; i < layers; ++i) {
    int64_t window = 0;
    const simdjson::error_code status = one ? value->get(window) : list.at(i).get(window);
    if (status != simdjson::SUCCESS || window < 2 || window % 2 != 0) {
      return fields.Wrong(kKey, *value, kWanted);
    }
    config.windows[i] = window / 2;
  }
}

void ReadDeberta(Fields& fields, BackboneConfig& config) {
  ReadHeadedShape(fields, config);
  fields.Flag("relative_attention", config.relative_attention);
  fields.Integer("max_relative_positions", config.max_relative_positions, -1, kMostRows);
  fields.Flag("talking_head", config.talking_head);
  fields.Flag("position_biased_input", config.position_biased_input);
  ReadEmbeddingSize(fields, config);
  ReadPosAttType(fields, config);
}

void ReadDebertaV2(Fields& fields, BackboneConfig& config) {
  ReadDeberta(fields, config);
  fields.Integer("position_buckets", config.position_buckets, -1, kMostRows);
  fields.Flag("share_att_key", config.share_att_key);
  fields.Integer("conv_kernel_size", config.conv_kernel_size, 0, kMostWidth);
  fields.Integer("conv_groups", config.conv_groups, 1);
  fields.Text("conv_act", config.conv_act);
  ReadNormRelEbd(fields, config);
}

void ReadScaling(Fields& fields, Rope& rope) {
  constexpr std::string_view kKinds[] = {"default", "linear", "llama3"};
  std::string kind = "default";
  fields.OneOf("type", kind, kKinds);
  fields.OneOf("rope_type", kind, kKinds);
  rope.scaling = kind == "linear"   ? Rope::Scaling::kLinear
                 : kind == "llama3" ? Rope::Scaling::kLlama3
                                    : Rope::Scaling::kNone;
  fields.Real("rope_theta", rope.theta);
  fields.Real("factor", rope.factor);
  fields.Real("low_freq_factor", rope.low_frequency);
  fields.Real("high_freq_factor", rope.high_frequency);
  fields.Integer("original_max_position_embeddings", rope.first_length, 1, kMostRows);
  if (rope.factor <= 0 || rope.high_frequency <= rope.low_frequency || rope.low_frequency <= 0) {
    fields.Wrong(fmt::format("factor {}, low_freq_factor {} and high_freq_factor {} scale nothing",
                             rope.factor, rope.low_frequency, rope.high_frequency));
  }
}

// rope_theta and rope_scaling, or rope_parameters as newer files have them.
void ReadRope(Fields& fields, Rope& rope) {
  fields.Real("rope_theta", rope.theta);
  for (const std::string_view key : {"rope_scaling", "rope_parameters"}) {
    std::optional<Fields> inner = fields.Object(key);
    if (!inner.has_value()) continue;
    ReadScaling(*inner, rope);
    fields.Join(*inner);
  }
}

// Which layers see all: every so many of them, or as a list says.
void ReadLayerTypes(Fields& fields, int64_t every, int64_t window, BackboneConfig& config) {
  constexpr std::string_view kKey = "layer_types";
  constexpr std::string_view kWanted =
      "a list of full_attention and sliding_attention, one for each layer";
  const auto layers = static_cast<size_t>(config.layers);
  for (size_t i = 0; i < layers; ++i) {
    config.windows.push_back(static_cast<int64_t>(i) % every == 0 ? 0 : window);
  }
  const std::optional<dom::element> value = fields.Value(kKey);
  if (!value.has_value()) return;
  dom::array list;
  if (value->get(list) != simdjson::SUCCESS || list.size() != layers) {
    return fields.Wrong(kKey, *value, kWanted);
  }
  size_t i = 0;
  for (const dom::element item : list) {
    std::string_view type;
    if (item.get(type) != simdjson::SUCCESS ||
        (type != "full_attention" && type != "sliding_attention")) {
      return fields.Wrong(kKey, *value, kWanted);
    }
    config.windows[i++] = type == "full_attention" ? 0 : window;
  }
}

void ReadModernBert(Fields& fields, BackboneConfig& config) {
  ReadShape(fields, {.activation = "hidden_activation", .norm_eps = "norm_eps"}, config);
  NeedWholeHeads(fields, {}, config);
  fields.Flag("norm_bias", config.norm_bias);
  fields.Flag("attention_bias", config.attention_bias);
  fields.Flag("mlp_bias", config.mlp_bias);
  int64_t every = 3, window = 128;
  fields.Integer("global_attn_every_n_layers", every, 1, kMostLayers);
  fields.Integer("local_attention", window, 2, kMostRows);
  ReadLayerTypes(fields, every, window / 2, config);
  fields.Real("global_rope_theta", config.rope.theta);
  fields.Real("local_rope_theta", config.local_rope.theta);
  if (fields.IsNull("local_rope_theta")) config.local_rope = config.rope;
  std::optional<Fields> rope = fields.Object("rope_parameters");
  if (!rope.has_value()) return;
  for (const auto& [key, to] : {std::pair("full_attention", &config.rope),
                                std::pair("sliding_attention", &config.local_rope)}) {
    std::optional<Fields> inner = rope->Object(key);
    if (!inner.has_value()) continue;
    ReadScaling(*inner, *to);
    rope->Join(*inner);
  }
  fields.Join(*rope);
}

void ReadT5(Fields& fields, BackboneConfig& config) {
  ReadShape(fields,
            {.hidden_size = "d_model",
             .layers = "num_layers",
             .heads = "num_heads",
             .intermediate = "d_ff",
             .activation = "",
             .norm_eps = "layer_norm_epsilon"},
            config);
  fields.Integer("d_kv", config.head_size, 1, kMostColumns);
  fields.Integer("relative_attention_num_buckets", config.relative_buckets, 4, kMostColumns);
  fields.Integer("relative_attention_max_distance", config.relative_max_distance, 1, kMostRows);
  std::string feed_forward = config.gated ? "gated-gelu" : "relu";
  fields.Text("feed_forward_proj", feed_forward);
  constexpr std::string_view kGated = "gated-";
  config.gated = feed_forward.starts_with(kGated);
  config.activation = config.gated ? feed_forward.substr(kGated.size()) : feed_forward;
  if (feed_forward == "gated-gelu") config.activation = "gelu_new";  // As the class has it.
  fields.Flag("is_gated_act", config.gated);
  fields.Text("dense_act_fn", config.activation);
}

void ReadGroupedHeads(Fields& fields, BackboneConfig& config) {
  fields.Integer("head_dim", config.head_size, 2, kMostColumns);
  if (config.head_size == 0) NeedWholeHeads(fields, {}, config);
  if (config.key_heads == 0) config.key_heads = config.heads;
  fields.Integer("num_key_value_heads", config.key_heads, 1, kMostColumns);
  if (config.heads % config.key_heads != 0) {
    fields.Wrong(fmt::format("num_attention_heads {} is no multiple of num_key_value_heads {}",
                             config.heads, config.key_heads));
  }
}

// Which layers have attention: a list of kinds, or of indices in older files; all without either.
void ReadOperators(Fields& fields, BackboneConfig& config) {
  const auto layers = static_cast<size_t>(config.layers);
  config.convolutions.assign(layers, false);
  if (const std::optional<dom::element> value = fields.Value("layer_types")) {
    constexpr std::string_view kWanted = "a list of full_attention and conv, one for each layer";
    dom::array list;
    if (value->get(list) != simdjson::SUCCESS || list.size() != layers) {
      return fields.Wrong("layer_types", *value, kWanted);
    }
    size_t i = 0;
    for (const dom::element item : list) {
      std::string_view type;
      if (item.get(type) != simdjson::SUCCESS || (type != "full_attention" && type != "conv")) {
        return fields.Wrong("layer_types", *value, kWanted);
      }
      config.convolutions[i++] = type == "conv";
    }
  } else if (const std::optional<dom::element> indices = fields.Value("full_attn_idxs")) {
    dom::array list;
    if (indices->get(list) != simdjson::SUCCESS) {
      return fields.Wrong("full_attn_idxs", *indices, "a list of layers");
    }
    config.convolutions.assign(layers, true);
    for (const dom::element item : list) {
      uint64_t layer = 0;
      if (item.get(layer) != simdjson::SUCCESS || layer >= layers) {
        return fields.Wrong("full_attn_idxs", *indices, "a list of layers");
      }
      config.convolutions[layer] = false;
    }
  }
}

void ReadLfm2(Fields& fields, BackboneConfig& config) {
  ReadShape(fields, {.norm_eps = "norm_eps"}, config);
  ReadGroupedHeads(fields, config);
  ReadOperators(fields, config);
  fields.Flag("conv_bias", config.conv_bias);
  fields.Integer("conv_L_cache", config.conv_kernel_size, 1, kMostWidth);
  ReadRope(fields, config.rope);
  fields.Real("theta", config.rope.theta);  // As the first files call it.
  fields.Integer("block_ff_dim", config.intermediate, 1, kMostColumns);
  bool adjusted = true;
  double multiplier = 1;
  int64_t multiple = 256;
  fields.Flag("block_auto_adjust_ff_dim", adjusted);
  fields.Real("block_ffn_dim_multiplier", multiplier);
  fields.Integer("block_multiple_of", multiple, 1, kMostColumns);
  if (!adjusted) return;
  config.intermediate = 2 * config.intermediate / 3;
  if (fields.IsNull("block_ffn_dim_multiplier")) return;
  config.intermediate = static_cast<int64_t>(multiplier * static_cast<double>(config.intermediate));
  config.intermediate = (config.intermediate + multiple - 1) / multiple * multiple;
}

void ReadLlama(Fields& fields, BackboneConfig& config) {
  ReadShape(fields, {.norm_eps = "rms_norm_eps"}, config);
  ReadGroupedHeads(fields, config);
  fields.Flag("attention_bias", config.attention_bias);
  fields.Flag("mlp_bias", config.mlp_bias);
  ReadRope(fields, config.rope);
}

void ReadQwen2(Fields& fields, BackboneConfig& config) {
  ReadLlama(fields, config);
  bool windows = false;
  fields.Flag("use_sliding_window", windows);
  if (windows) fields.Wrong("use_sliding_window is true, but must be false");
}

BackboneConfig RobertaDefaults() {
  BackboneConfig config = Defaults({50265, 768, 12, 12, 3072, 512, 1e-12, 2});
  config.pad_token_id = 1;
  return config;
}

struct Kind {
  std::string_view model_type;
  BackboneConfig (*defaults)();
  void (*read)(Fields& fields, BackboneConfig& config);
};

constexpr Kind kKinds[] = {
    {"albert",
     [] {
       BackboneConfig config = Defaults({30000, 4096, 12, 64, 16384, 512, 1e-12, 2});
       config.activation = "gelu_new";
       config.embedding_size = 128;
       return config;
     },
     ReadAlbert},
    {"bert",
     [] {
       return Defaults({30522, 768, 12, 12, 3072, 512, 1e-12, 2});
     },
     ReadBert},
    {"deberta",
     [] {
       return Defaults({50265, 768, 12, 12, 3072, 512, 1e-7});
     },
     ReadDeberta},
    {"deberta-v2",
     [] {
       return Defaults({128100, 1536, 24, 24, 6144, 512, 1e-7});
     },
     ReadDebertaV2},
    {"distilbert",
     [] {
       return Defaults({30522, 768, 6, 12, 3072, 512, 1e-12});
     },
     ReadDistilbert},
    {"electra",
     [] {
       BackboneConfig config = Defaults({30522, 256, 12, 4, 1024, 512, 1e-12, 2});
       config.embedding_size = 128;
       return config;
     },
     ReadElectra},
    {"lfm2",
     [] {
       BackboneConfig config = Defaults({65536, 2560, 32, 32, 12288, 128000, 1e-5});
       config.activation = "silu";
       config.key_heads = 8;
       config.conv_kernel_size = 3;
       config.rope.theta = 1000000;
       return config;
     },
     ReadLfm2},
    {"llama",
     [] {
       BackboneConfig config = Defaults({32000, 4096, 32, 32, 11008, 2048, 1e-6});
       config.activation = "silu";
       return config;
     },
     ReadLlama},
    {"longformer",
     [] {
       BackboneConfig config = Defaults({30522, 768, 12, 12, 3072, 512, 1e-12, 2});
       config.pad_token_id = 1;
       return config;
     },
     ReadLongformer},
    {"modernbert",
     [] {
       BackboneConfig config = Defaults({50368, 768, 22, 12, 1152, 8192, 1e-5});
       config.rope.theta = 160000;
       return config;
     },
     ReadModernBert},
    {"mt5",
     [] {
       BackboneConfig config = Defaults({250112, 512, 8, 6, 1024, 512, 1e-6});
       config.head_size = 64;
       config.gated = true;
       return config;
     },
     ReadT5},
    {"qwen2",
     [] {
       BackboneConfig config = Defaults({151936, 4096, 32, 32, 22016, 32768, 1e-6});
       config.activation = "silu";
       config.attention_bias = true;  // Of queries, keys and values alone.
       return config;
     },
     ReadQwen2},
    {"roberta", RobertaDefaults, ReadBert},
    {"t5",
     [] {
       BackboneConfig config = Defaults({32128, 512, 6, 8, 2048, 512, 1e-6});
       config.head_size = 64;
       return config;
     },
     ReadT5},
    {"xlm-roberta",
     [] {
       BackboneConfig config = RobertaDefaults();
       config.vocab_size = 30522;
       return config;
     },
     ReadBert},
};

}  // namespace

std::string KnownModelTypes() {
  std::vector<std::string_view> names;
  for (const Kind& kind : kKinds) names.push_back(kind.model_type);
  return fmt::format("{}", fmt::join(names, ", "));
}

BackboneConfig ReadBackbone(Fields& fields, const std::string& model_type,
                            const std::function<void(BackboneConfig&)>& adjust) {
  BackboneConfig config;
  for (const Kind& kind : kKinds) {
    if (kind.model_type != model_type) continue;
    config = kind.defaults();
    if (adjust) adjust(config);
    kind.read(fields, config);
  }
  config.model_type = model_type;
  return config;
}

Result<BackboneConfig> ReadBackboneConfig(const std::filesystem::path& file) {
  dom::parser parser;
  const Result<dom::object> object = ParseJsonObject(file, parser);
  if (!object.ok()) return object.error();
  Fields fields(*object, "");
  std::string model_type;
  fields.Text("model_type", model_type);
  if (!fields.Has("model_type")) {
    fields.Wrong("model_type is absent, but must name the kind of backbone: bert, deberta-v2, ...");
  }
  BackboneConfig config = ReadBackbone(fields, model_type);
  if (!fields.problems().empty()) return fields.BadFile(file);
  return config;
}

}  // namespace waterline
