// A checkpoint, opened and bound: tokenizer, encoder, head and their weights.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <memory_resource>
#include <optional>
#include <string>

#include "checkpoint/config.h"
#include "checkpoint/locate.h"
#include "encoder/encoder.h"
#include "encoder/label_encoder.h"
#include "kernels/kernels.h"
#include "memory/arena.h"
#include "memory/budget.h"
#include "ops/binder.h"
#include "scores/head.h"
#include "scores/relations.h"
#include "tokens/prompt.h"
#include "tokens/tokenizer.h"
#include "waterline/engine.h"
#include "waterline/result.h"
#include "weights/tensor_file.h"

namespace waterline {

// Where label vectors come from.
enum class LabelSource {
  kPrompt,   // Labels stand in front of every text.
  kEncoder,  // Another encoder reads them alone.
  kStored,   // They are stored in the checkpoint, for a fixed list of labels.
};

// A checkpoint whose files are open, whose config is complete and whose weights are not read yet.
struct Checkpoint {
  GlinerConfig config;
  BackboneConfig backbone;
  CheckpointFiles files;
  std::unique_ptr<TensorFile> tensors;
  // The scale of the adapter that the backbone is wrapped in; empty for none.
  Binder::AdapterScale adapter;
  Reservation tensors_heap;
  std::unique_ptr<Tokenizer> tokenizer;
  LabelSource label_source = LabelSource::kPrompt;
  PromptFormat prompt;
  // LabelSource::kEncoder: of the label encoder.
  LabelEncoderFiles labels_files;
  BackboneConfig labels_backbone;
  std::unique_ptr<Tokenizer> labels_tokenizer;
  Precision precision = Precision::kF32;  // What it runs as: kF32, kBf16 or kInt8.
};

// Opens `model` (a directory, a hub id, or empty for the default model). The tokenizer's tables are
// made in `tokenizer_memory`; what else is held is taken from `budget`. `precision` may be
// kAuto, for the kernels that will run it, or kDefault.
// Errors: as Engine::Load.
Result<Checkpoint> OpenCheckpoint(const std::string& model, Precision precision,
                                  const Kernels& kernels, Budget& budget,
                                  std::pmr::memory_resource* tokenizer_memory);

// What a checkpoint computes.
struct Network {
  std::unique_ptr<Encoder> encoder;
  std::unique_ptr<Head> head;
  std::unique_ptr<Relations> relations;  // Of models that find relations.
  std::unique_ptr<LabelEncoder> labels;  // LabelSource::kEncoder
  Table stored_labels;                   // LabelSource::kStored: [config.classes, hidden_size]

  // Whether Forward takes label vectors instead of prompts that name labels.
  bool labels_given() const { return labels != nullptr || stored_labels.rows > 0; }

  // One pass over `batch`.
  Scores Forward(Ops& ops, const Batch& batch) const {
    return head->Forward(ops, encoder->Forward(ops, batch), batch);
  }
};

// Measures what binding the checkpoint's weights takes. Tables of the network's own live in
// `memory`.
// Errors: kUnsupported; kBadModel with every problem of `report`.
Result<Network> MeasureNetwork(const Checkpoint& checkpoint, const Kernels& kernels,
                               std::pmr::memory_resource* memory, BindingReport& report);

// Where weights go, and what may be used to get them there.
struct Binding {
  std::span<std::byte> block;          // As many bytes of host memory as were measured.
  std::pmr::memory_resource* memory;   // Tables of the network's own.
  std::pmr::memory_resource* loading;  // Buffers of the reading; returned before the call returns.
  int threads = 1;                     // That read and pack, where `loading` has a buffer for each.
};
// Binds the checkpoint's weights, reads and packs them.
// Errors: kUnsupported; kBadModel with every problem of the tensors. Throws as PackingJobs::Run.
Result<Network> BindNetwork(const Checkpoint& checkpoint, const Kernels& kernels,
                            const Binding& binding, BindingReport& report);
// The network whose weights lie in `block`, a copy on a device of one that was bound so.
Result<Network> PlaceNetwork(const Checkpoint& checkpoint, const Kernels& kernels,
                             std::span<std::byte> block, std::pmr::memory_resource* memory);

// The tokens around each sequence.
SequenceTemplate TemplateOf(const Tokenizer& tokenizer);

// Most tokens that a sequence may have: the encoder's positions, or the tokenizer's
// model_max_length where that is less.
int64_t LongestSequence(const Checkpoint& checkpoint, const Encoder& encoder);
// The same for a label of a model with a label encoder.
int64_t LongestLabel(const Checkpoint& checkpoint, const Network& network);

// A batch of `texts` texts of `words` words with `tokens` sub-words and `labels` labels of two
// tokens: for questions about memory that have no text yet. One thread runs the pass: a team is
// only made where there is room.
struct BatchShape {
  int64_t texts = 1;
  int64_t words = 0;
  int64_t tokens = 0;
  int64_t labels = 0;
};
size_t PassBytes(const Network& network, const Kernels& kernels, const BatchShape& shape,
                 std::pmr::memory_resource* memory);

}  // namespace waterline
