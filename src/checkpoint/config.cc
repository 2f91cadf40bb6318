// Reads gliner_config.json and backbone configs: every wrong key of a file is reported at once.
// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/config.h"

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

constexpr std::string_view kSpanModes[] = {
    "marker",    "markerV0", "markerV1",  "markerV2", "query",      "mlp",        "cat",
    "conv_conv", "conv_max", "conv_mean", "conv_sum", "conv_share", "token_level"};
constexpr std::string_view kPoolings[] = {"first", "last", "mean", "max"};
constexpr std::string_view kSplitters[] = {"whitespace", "spacy", "mecab", "jieba",     "hanlp",
                                           "janome",     "camel", "hindi", "universal", "stanza"};

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

// BertConfig of transformers 4.57.6.
BackboneConfig BertDefaults() {
  BackboneConfig config;
  config.model_type = "bert";
  config.vocab_size = 30522;
  config.hidden_size = 768;
  config.layers = 12;
  config.heads = 12;
  config.intermediate = 3072;
  config.activation = "gelu";
  config.norm_eps = 1e-12;
  config.max_positions = 512;
  config.type_vocab_size = 2;
  return config;
}

// DebertaV2Config of transformers 4.57.6, and the defaults of modeling_deberta_v2.py for the keys
// that the class does not have.
BackboneConfig DebertaV2Defaults() {
  BackboneConfig config;
  config.model_type = "deberta-v2";
  config.vocab_size = 128100;
  config.hidden_size = 1536;
  config.layers = 24;
  config.heads = 24;
  config.intermediate = 6144;
  config.activation = "gelu";
  config.norm_eps = 1e-7;
  config.max_positions = 512;
  config.type_vocab_size = 0;
  return config;
}

// No published model comes near these; beyond them a file is broken, and sizes could overflow.
constexpr int64_t kMostRows = int64_t{1} << 28;
constexpr int64_t kMostColumns = int64_t{1} << 20;
constexpr int64_t kMostLayers = 10000;
constexpr int64_t kMostWidth = int64_t{1} << 16;

void ReadShape(Fields& fields, BackboneConfig& config) {
  fields.Integer("vocab_size", config.vocab_size, 1, kMostRows);
  fields.Integer("hidden_size", config.hidden_size, 1, kMostColumns);
  fields.Integer("num_hidden_layers", config.layers, 0, kMostLayers);
  fields.Integer("num_attention_heads", config.heads, 1, kMostColumns);
  fields.Integer("intermediate_size", config.intermediate, 1, kMostColumns);
  fields.Text("hidden_act", config.activation);
  fields.Real("layer_norm_eps", config.norm_eps);
  fields.Integer("max_position_embeddings", config.max_positions, 1, kMostRows);
  fields.Integer("type_vocab_size", config.type_vocab_size, 0, kMostRows);
  fields.Integer("pad_token_id", config.pad_token_id, 0);
  if (config.hidden_size % config.heads != 0) {
    fields.Wrong(fmt::format("hidden_size {} is no multiple of num_attention_heads {}",
                             config.hidden_size, config.heads));
  }
  int64_t head_size = config.hidden_size / config.heads;
  fields.Integer("attention_head_size", head_size, config.hidden_size / config.heads,
                 config.hidden_size / config.heads);
}

void ReadDebertaV2(Fields& fields, BackboneConfig& config) {
  fields.Flag("relative_attention", config.relative_attention);
  fields.Integer("max_relative_positions", config.max_relative_positions, -1, kMostRows);
  fields.Integer("position_buckets", config.position_buckets, -1, kMostRows);
  fields.Flag("share_att_key", config.share_att_key);
  fields.Flag("position_biased_input", config.position_biased_input);
  fields.Integer("embedding_size", config.embedding_size, 1, kMostColumns);
  if (config.embedding_size == config.hidden_size) config.embedding_size = 0;
  fields.Integer("conv_kernel_size", config.conv_kernel_size, 0, kMostWidth);
  fields.Integer("conv_groups", config.conv_groups, 1);
  fields.Text("conv_act", config.conv_act);
  ReadPosAttType(fields, config);
  ReadNormRelEbd(fields, config);
}

BackboneConfig ReadBackbone(Fields& fields, const std::string& model_type) {
  BackboneConfig config;
  if (model_type == "bert") {
    config = BertDefaults();
    ReadShape(fields, config);
    fields.Text("position_embedding_type", config.position_embedding_type);
  } else if (model_type == "deberta-v2") {
    config = DebertaV2Defaults();
    ReadShape(fields, config);
    ReadDebertaV2(fields, config);
  } else {
    config.model_type = model_type;
  }
  return config;
}

// First match wins: relations, label decoder, label encoder, none; each with a span and a token
// head.
Architecture ChooseArchitecture(const Fields& fields, bool streaming, bool token_level) {
  if (streaming) return Architecture::kStreamingSpan;
  if (fields.Has("relations_layer")) {
    return token_level ? Architecture::kUniTokenRelations : Architecture::kUniSpanRelations;
  }
  if (fields.Has("labels_decoder")) {
    return token_level ? Architecture::kTokenDecoder : Architecture::kSpanDecoder;
  }
  if (fields.Has("labels_encoder")) {
    return token_level ? Architecture::kBiToken : Architecture::kBiSpan;
  }
  return token_level ? Architecture::kUniToken : Architecture::kUniSpan;
}

void ReadSpanMode(Fields& fields, GlinerConfig& config) {
  const std::optional<dom::element> value = fields.Value("span_mode");
  std::string_view text;
  if (value.has_value() && value->get(text) == simdjson::SUCCESS && text == "token-level") {
    return fields.Wrong("span_mode", *value, "spelled token_level, with an underscore");
  }
  fields.OneOf("span_mode", config.span_mode, kSpanModes);
}

// The object at `key`, when there is one.
std::optional<Fields> Nested(Fields& fields, std::string_view key) {
  const std::optional<dom::element> value = fields.Value(key);
  if (!value.has_value()) return std::nullopt;
  dom::object object;
  if (value->get(object) != simdjson::SUCCESS) {
    fields.Wrong(key, *value, "an object or null");
    return std::nullopt;
  }
  return Fields(object, fields.Nested(key));
}

void ReadNestedBackbone(Fields& fields, std::string_view key, std::optional<BackboneConfig>& to) {
  std::optional<Fields> encoder = Nested(fields, key);
  if (!encoder) return;
  std::string model_type = "deberta-v2";
  encoder->Text("model_type", model_type);
  to = ReadBackbone(*encoder, model_type);
  fields.Join(*encoder);
}

// The encoder over words; what the file leaves out is as gliner's config.py fills it in.
void ReadSpanEncoder(Fields& fields, GlinerConfig& config) {
  constexpr std::string_view kKinds[] = {"deberta-v2", "modernbert", "rnn"};
  std::optional<Fields> context = Nested(fields, "span_encoder_config");
  if (!context) return;
  ContextEncoderConfig span;
  context->OneOf("model_type", span.kind, kKinds);
  if (span.kind == "rnn") {
    span.encoder.hidden_size = config.hidden_size;
    span.encoder.layers = 1;
    context->Integer("hidden_size", span.encoder.hidden_size, 1, kMostColumns);
    context->Integer("num_hidden_layers", span.encoder.layers, 1, kMostLayers);
    context->Flag("bidirectional", span.bidirectional);
    std::string kind = "lstm";
    constexpr std::string_view kCells[] = {"lstm"};
    context->OneOf("rnn_type", kind, kCells);
  } else if (!span.kind.empty()) {
    span.encoder = ReadBackbone(*context, span.kind);
    int64_t& hidden = span.encoder.hidden_size;
    int64_t& heads = span.encoder.heads;
    if (!context->Has("hidden_size")) hidden = config.hidden_size;
    if (!context->Has("num_hidden_layers")) span.encoder.layers = 1;
    if (!context->Has("num_attention_heads")) {
      heads = std::max<int64_t>(1, hidden / 64);
      while (hidden % heads != 0) --heads;
    }
    if (!context->Has("intermediate_size")) span.encoder.intermediate = 4 * hidden;
    if (span.kind == "deberta-v2") {
      if (!context->Has("relative_attention")) span.encoder.relative_attention = true;
      if (!context->Has("pos_att_type")) span.encoder.c2p = span.encoder.p2c = true;
      if (!context->Has("max_relative_positions")) span.encoder.max_relative_positions = 512;
    }
  } else if (!context->Has("model_type")) {
    context->Wrong("model_type is absent, but must be one of deberta-v2, modernbert, rnn");
  }
  fields.Join(*context);
  config.span_encoder = std::move(span);
}

// {"1": "person", "2": "city"}: names by their number from 1.
void ReadClasses(Fields& fields, std::string_view key, std::vector<std::string>& to) {
  const std::optional<dom::element> value = fields.Value(key);
  if (!value.has_value()) return;
  constexpr std::string_view kWanted = "an object of strings with the keys 1, 2, 3, ...";
  dom::object object;
  if (value->get(object) != simdjson::SUCCESS) return fields.Wrong(key, *value, kWanted);
  std::vector<std::string> names(object.size());
  for (size_t i = 0; i < names.size(); ++i) {
    std::string_view name;
    if (object[std::to_string(i + 1)].get(name) != simdjson::SUCCESS) {
      return fields.Wrong(key, *value, kWanted);
    }
    names[i] = name;
  }
  to = std::move(names);
}

void ReadBiEncoder(Fields& fields, GlinerConfig& config) {
  fields.Text("labels_encoder", config.labels_encoder_name);
  ReadNestedBackbone(fields, "labels_encoder_config", config.labels_encoder);
  std::string_view schema;
  if (const auto value = fields.Value("post_fusion_schema");
      value.has_value() && value->get(schema) == simdjson::SUCCESS) {
    config.post_fusion_schema = schema;  // "" is none.
  }
  fields.Integer("num_post_fusion_layers", config.num_post_fusion_layers, 1, kMostLayers);
}

void ReadRelations(Fields& fields, GlinerConfig& config) {
  constexpr std::string_view kLayers[] = {"none", "dot",      "mlp", "attention",
                                          "attn", "bilinear", "gcn", "gat"};
  std::string layer;
  fields.Text("relations_layer", layer);
  for (char& c : layer) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (std::find(std::begin(kLayers), std::end(kLayers), layer) == std::end(kLayers)) {
    fields.Wrong("relations_layer", *fields.Value("relations_layer"),
                 fmt::format("one of {}", fmt::join(kLayers, ", ")));
  }
  config.relations_layer = layer == "attn" ? "attention" : layer;
  fields.Text("triples_layer", config.triples_layer);
  fields.Text("rel_token", config.rel_token);
  fields.Integer("rel_token_index", config.rel_token_index, -1, kMostRows);
  fields.Flag("embed_rel_token", config.embed_rel_token);
}

// The streaming architecture has other defaults, and older files call the backbone labels_decoder.
void ReadStreaming(Fields& fields, GlinerConfig& config) {
  config.num_rnn_layers = 0;
  config.span_mode = "markerV2";
  const std::string default_name = config.model_name;
  fields.Text("model_name", config.model_name);
  if (config.model_name == default_name) fields.Text("labels_decoder", config.model_name);
}

GlinerConfig ReadGliner(Fields& fields) {
  GlinerConfig config;
  std::string_view model_type;
  const std::optional<dom::element> type = fields.Value("model_type");
  const bool streaming = type.has_value() && type->get(model_type) == simdjson::SUCCESS &&
                         model_type == "gliner_streaming_span";
  if (streaming) {
    ReadStreaming(fields, config);
  } else {
    fields.Text("model_name", config.model_name);
  }
  ReadSpanMode(fields, config);
  config.architecture = ChooseArchitecture(fields, streaming, config.span_mode == "token_level");
  ReadNestedBackbone(fields, "encoder_config", config.encoder);
  fields.Integer("vocab_size", config.vocab_size, -1, kMostRows);
  fields.Integer("class_token_index", config.class_token_index, -1, kMostRows);
  fields.Text("ent_token", config.ent_token);
  fields.Text("sep_token", config.sep_token);
  fields.Flag("embed_ent_token", config.embed_ent_token);
  if (fields.IsNull("embed_ent_token")) config.embed_ent_token = false;
  fields.Integer("max_len", config.max_len, 1, kMostRows);
  fields.Integer("max_width", config.max_width, 1, kMostWidth);
  fields.Integer("hidden_size", config.hidden_size, 1, kMostColumns);
  fields.Integer("num_rnn_layers", config.num_rnn_layers, 0, kMostLayers);
  fields.Flag("fuse_layers", config.fuse_layers);
  ReadSpanEncoder(fields, config);
  fields.Flag("precomputed_prompts_mode", config.precomputed_prompts);
  ReadClasses(fields, "id_to_classes", config.classes);
  ReadClasses(fields, "rel_id_to_classes", config.relation_classes);
  fields.Flag("represent_spans", config.represent_spans);
  if (HasLabelEncoder(config.architecture)) ReadBiEncoder(fields, config);
  if (FindsRelations(config.architecture)) ReadRelations(fields, config);
  fields.OneOf("subtoken_pooling", config.subtoken_pooling, kPoolings);
  fields.OneOf("words_splitter_type", config.words_splitter_type, kSplitters);
  return config;
}

}  // namespace

const char* ArchitectureName(Architecture architecture) {
  switch (architecture) {
    case Architecture::kUniSpan:
      return "uni-encoder span";
    case Architecture::kUniToken:
      return "uni-encoder token";
    case Architecture::kBiSpan:
      return "bi-encoder span";
    case Architecture::kBiToken:
      return "bi-encoder token";
    case Architecture::kUniSpanRelations:
      return "uni-encoder span with relations";
    case Architecture::kUniTokenRelations:
      return "uni-encoder token with relations";
    case Architecture::kSpanDecoder:
      return "uni-encoder span with label decoder";
    case Architecture::kTokenDecoder:
      return "uni-encoder token with label decoder";
    case Architecture::kStreamingSpan:
      return "streaming span";
  }
  return "?";
}

Result<GlinerConfig> ReadGlinerConfig(const std::filesystem::path& directory) {
  const std::filesystem::path file = directory / "gliner_config.json";
  dom::parser parser;
  const Result<dom::object> object = ParseJsonObject(file, parser);
  if (!object.ok()) return object.error();
  Fields fields(*object, "");
  GlinerConfig config = ReadGliner(fields);
  if (!fields.problems().empty()) return fields.BadFile(file);
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
