// A small encoder that lets the words of a text tell each other more before spans are made of them.
//
// Oracle  gliner modeling/context_encoders.py.
//
//   Y = out(f(in(X)))        in and out linear maps, which exist where the widths D and e differ
//   rnn         f is an LSTM of one direction or both
//   deberta-v2  f is the layers of that encoder without its embeddings
//   modernbert  f is all of that encoder but the table of embeddings
//
// The oracle lets the padding of its batch take part in f; here a text is what it is when it is
// alone there. SPDX-License-Identifier: Apache-2.0
#include "scores/context_encoder.h"

#include <fmt/format.h>

#include <utility>

namespace waterline {

Mat ContextEncoder::Forward(Ops& ops, Mat words, SequenceBegins begins) const {
  Mat x = std::move(words);
  if (in_) x = ops.Linear(x, *in_, Act::kNone, "context");
  for (const Ops::LstmWeights& layer : lstm_) x = ops.Lstm(x, layer, begins);
  if (layers_ != nullptr) x = layers_->Forward(ops, std::move(x), begins);
  if (out_) x = ops.Linear(x, *out_, Act::kNone, "context");
  return x;
}

Result<std::unique_ptr<ContextEncoder>> ContextEncoder::Make(const GlinerConfig& config,
                                                             Binder weights,
                                                             std::pmr::memory_resource* memory) {
  const ContextEncoderConfig& span = *config.span_encoder;
  auto context = std::make_unique<ContextEncoder>();
  const int64_t D = config.hidden_size, e = span.encoder.hidden_size;
  if (D != e) {
    context->in_ = weights.Linear("input_projection", e, D);
    context->out_ = weights.Linear("output_projection", D, e);
  }
  if (span.kind != "rnn") {
    // A text has at most max_len words.
    Result<std::unique_ptr<RowEncoder>> layers =
        MakeRowEncoder(span.encoder, config.max_len, weights.In("encoder"), memory);
    if (!layers.ok()) {
      return Error{layers.error().code,
                   fmt::format("span_encoder_config: {}", layers.error().message)};
    }
    context->layers_ = std::move(*layers);
    return context;
  }
  const int64_t directions = span.bidirectional ? 2 : 1;
  if (e % directions != 0) {
    return Error{
        Code::kBadModel,
        fmt::format("span_encoder_config.hidden_size {} is odd; a bidirectional LSTM needs "
                    "two equal halves",
                    e)};
  }
  for (int layer = 0; layer < static_cast<int>(span.encoder.layers); ++layer) {
    context->lstm_.push_back(weights.Lstm("encoder", layer, e, e / directions, directions));
  }
  return context;
}

}  // namespace waterline
