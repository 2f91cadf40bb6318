// Reads gliner_config.json: every wrong key of a file is reported at once.
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

void ReadNestedBackbone(Fields& fields, std::string_view key, std::optional<BackboneConfig>& to) {
  std::optional<Fields> encoder = fields.Object(key);
  if (!encoder) return;
  std::string model_type = "deberta-v2";
  encoder->Text("model_type", model_type);
  to = ReadBackbone(*encoder, model_type);
  fields.Join(*encoder);
}

// The encoder over words; what the file leaves out is as gliner's config.py fills it in.
void ReadSpanEncoder(Fields& fields, GlinerConfig& config) {
  constexpr std::string_view kKinds[] = {"deberta-v2", "modernbert", "rnn"};
  std::optional<Fields> context = fields.Object("span_encoder_config");
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
    int64_t hidden = config.hidden_size;
    context->Integer("hidden_size", hidden, 1, kMostColumns);
    span.encoder = ReadBackbone(*context, span.kind, [&](BackboneConfig& defaults) {
      defaults.hidden_size = hidden;
      defaults.layers = 1;
      defaults.heads = std::max<int64_t>(1, hidden / 64);
      while (hidden % defaults.heads != 0) --defaults.heads;
      defaults.intermediate = 4 * hidden;
      defaults.relative_attention = true;
      defaults.max_relative_positions = 512;
    });
    if (!context->Has("pos_att_type")) span.encoder.c2p = span.encoder.p2c = true;
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
  std::string_view name;
  if (const auto value = fields.Value("labels_encoder"); value->get(name) == simdjson::SUCCESS) {
    config.labels_encoder_name = name;  // "" is set, too.
  } else {
    fields.Wrong("labels_encoder", *value, "a string");
  }
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

}  // namespace waterline
