// Zero-shot entity recognition with GLiNER models, inside a memory budget. Start here.
//
//   auto engine = waterline::Engine::Load("urchade/gliner_small-v2.1", {.memory_budget = 1 << 30});
//   if (!engine.ok()) return Report(engine.error());
//   auto found = engine->Extract({"Ada Lovelace lived in London."}, {{"person"}, {"city"}});
//
// Errors are values (result.h); nothing here throws. Text is UTF-8.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "waterline/label_vectors.h"
#include "waterline/memory.h"
#include "waterline/result.h"

namespace waterline {

// One pass over a batch that has just ended.
struct BatchReport {
  int64_t sequences = 0;
  int64_t tokens = 0;
  int64_t words = 0;
  int64_t labels = 0;
  size_t planned = 0;           // Bytes of workspace that it had.
  size_t workspace_in_use = 0;  // Bytes that all running passes have, this one included.
  size_t in_use = 0;            // Bytes counted against the budget.
  double seconds = 0;           // From its texts to its entities, without waiting for memory;
  double planning_seconds = 0;  // of these, for packing the batch and planning it.
};

// What the weights of linear maps are held and multiplied as. Sums, attention and norms are f32
// always. docs/dtypes.md says what each costs and gains.
enum class Precision {
  kF32,   // As the Python package computes; the results of the others are held to it.
  kBf16,  // Half the memory; faster where the machine multiplies bf16 itself.
  kF16,   // Half the memory; of GPUs alone.
  kTf32,  // f32 with products of 10 bits of fraction; of GPUs alone.
  kInt8,  // A quarter of the memory. Weights have 8 bits and a scale for each output, inputs 8 or
          // 12 bits and a scale for each token.
  // The fastest type for which the checkpoint's dtypes.json shows that it agrees with f32 on this
  // kind of machine; without such a file f32. What a packed checkpoint (pack.h) was packed as.
  kAuto,
  kDefault,  // What a packed checkpoint was packed as; f32 for any other.
};
// "f32", "bf16", "f16", "tf32", "int8", "auto", "default".
inline const char* PrecisionName(Precision precision) {
  switch (precision) {
    case Precision::kF32:
      return "f32";
    case Precision::kBf16:
      return "bf16";
    case Precision::kF16:
      return "f16";
    case Precision::kTf32:
      return "tf32";
    case Precision::kInt8:
      return "int8";
    case Precision::kAuto:
      return "auto";
    case Precision::kDefault:
      return "default";
  }
  return "?";
}

// How texts are cut into words. docs/models.md says where the two differ.
enum class WordSplitter {
  kModel,       // As the checkpoint's words_splitter_type says: kWhitespace for "whitespace", kIcu
                // for the segmenters that the Python package takes from other packages.
  kWhitespace,  // The Python package's "whitespace": runs of letters and digits, and single other
                // characters.
  kIcu,         // The word boundaries of Unicode, in Chinese, Japanese, Thai and others with ICU's
                // dictionaries.
};

struct EngineOptions {
  // Bytes that the engine may hold at once: weights, tokenizer, texts in flight, workspace. Never
  // exceeded; docs/memory.md says what counts. 0: half of the memory that is free at load, under
  // the limit of the control group where there is one (of what shared_budget leaves, with one).
  size_t memory_budget = 0;
  // Worker threads; 0: one for each core. A text that comes alone is computed by at most 16.
  int threads = 0;
  // Most tokens that one pass encodes together; a single longer text is encoded alone. 0: as many
  // as a worker's share of the workspace holds, up to 1024, beyond which a CPU gains nothing.
  int64_t batch_tokens = 0;
  Precision dtype = Precision::kDefault;
  WordSplitter splitter = WordSplitter::kModel;
  // Instruction set: "amx", "avx512bf16", "avx512vnni", "avx512", "avxvnni", "avx2" or "portable";
  // empty: WATERLINE_ISA, or the machine's best.
  std::string isa = {};
  // Where passes run: "cpu"; "cuda" or "cuda:0", "cuda:1" for a GPU; "cuda:0,1" or "cuda:all" for
  // several, which share the texts of each call. The weights and the workspace are there then.
  std::string device = "cpu";
  // Bytes that the engine may hold on each device. Never exceeded; what the driver takes for itself
  // is measured beside it (DeviceStats). 0: nine tenths of what is free at load.
  size_t device_memory_budget = 0;
  // Several engines in one number: what this one holds is taken from it too, and memory_budget is
  // then the most that this one may take.
  std::optional<MemoryBudget> shared_budget = {};
  // After this long without a call the idle workspace goes back to the system (Engine::Trim); 0:
  // never by itself.
  std::chrono::milliseconds idle_trim{0};
  // Called at the end of each pass, on the worker that ran it, by several at once. Must not throw,
  // and must not call Extract, Plan or Lease of this engine.
  std::function<void(const BatchReport&)> observer = {};
  // Only Plan and Stats are wanted: no weights are read and no workspace is taken, but both are
  // counted and answered as if. Extract and Lease are refused.
  bool plan_only = false;
};

// An entity type. The name is what comes back; the description, where there is one, is what the
// model reads.
struct Label {
  std::string name = {};
  std::string description = {};
  std::optional<float> threshold = {};  // Empty: the threshold of the document or call.
};

// What the offsets of entities count.
enum class Offsets {
  kCodePoints,  // Unicode code points, as Python's str.
  kBytes,       // Bytes of the UTF-8 text.
  kUtf16,       // UTF-16 code units, as JavaScript, Java and C#.
};

struct ExtractOptions {
  // A span is found when its probability exceeds this (strictly, in f32).
  float threshold = 0.5f;
  bool nested = false;       // Also keep an entity that lies wholly inside another one.
  bool multi_label = false;  // Also keep several labels on the same span.
  Offsets offsets = Offsets::kCodePoints;
  // A text longer than the model reads at once (max_len words, or the encoder's positions) is
  // processed in overlapping windows. true: cut it there instead, as the Python package does;
  // Extraction::words_cut says how much was lost.
  bool truncate = false;
  // Most words of a window: a longer text is read in windows of so many, though the model could
  // read more at once. Shorter windows keep the attention of small models together, and take more
  // passes. 0: as many as the model reads, max_len. Not with truncate.
  int64_t window_words = 0;
  // Some words and labels have no sub-words at all: a combining accent alone, under a tokenizer
  // that strips accents. The Python package then gives every later word its neighbour's vector.
  // false: each word has its own, and those words a zero vector. true: count as the package does.
  bool reference_alignment = false;
  bool class_scores = false;  // Fill Extraction::class_scores.
  bool vectors = false;       // Fill Extraction::vectors and label_vectors.
  // Relations to look for between the entities that are found, of models that find relations; the
  // first of equal names stands for all. Views.
  std::span<const std::string> relations = {};
  // A relation is found when its probability exceeds this; empty: the threshold.
  std::optional<float> relation_threshold = {};
  // Pairs are looked at when the probability that they are related at all exceeds this, of models
  // whose relations_layer gives one; empty: the threshold.
  std::optional<float> adjacency_threshold = {};
  // Most labels of one prompt, of models that read the labels with the text. More are read in
  // several passes over the same text, in parts of nearly equal size, in order: a label's score
  // depends on the labels beside it, so that other parts give somewhat other scores, and relations
  // are found between entities of one part. 0: as many as leave half of a sequence for the text,
  // which is all of them but for hundreds.
  int64_t labels_per_pass = 0;
  // Vectors of labels that need not be encoded again, of bi-encoders: those of EmbedLabels or
  // LoadLabels of an engine with this model. Labels that are not among them are encoded.
  const LabelVectors* label_vectors = nullptr;
  // How long the call may wait for memory that other calls hold. A text whose pass cannot begin in
  // time is refused, with the same code.
  WaitLimit wait = {};
  // Memory of Engine::Lease for the passes of this call, which then wait for nobody; nullptr: the
  // workspace that all calls share. Calls with the same lease wait for each other.
  const MemoryLease* lease = nullptr;
};

// A part of a text, given by the caller in the unit of ExtractOptions::offsets.
struct TextSpan {
  size_t start = 0;
  size_t end = 0;
};

// A text with settings of its own. Views must live until the call returns.
struct Document {
  std::string_view text;
  const std::vector<Label>* labels = nullptr;           // nullptr: the labels of the call.
  std::optional<float> threshold = {};                  // Empty: the threshold of the call.
  const std::vector<std::string>* relations = nullptr;  // nullptr: the relations of the call.
  const std::vector<TextSpan>* spans = nullptr;  // Only these may be found, where they align with
                                                 // words; nullptr: any span.
  // The words of the text, in its order and apart from each other, in the unit of
  // ExtractOptions::offsets; text between them is not read. nullptr: split by the engine.
  const std::vector<TextSpan>* words = nullptr;
};

// One labelled slice of a text.
struct Entity {
  size_t start = 0;       // In the unit of ExtractOptions::offsets;
  size_t end = 0;         // one past the last.
  size_t byte_start = 0;  // The same in bytes: text.substr(byte_start, byte_end - byte_start).
  size_t byte_end = 0;
  int32_t label = 0;  // Index into the labels of the document or call (the first of equal names).
  float score = 0;    // Probability.
};

// One entity stands in a relation to another. Both are found in one window of a long text.
struct Relation {
  int32_t head = 0;      // Index into Extraction::entities,
  int32_t tail = 0;      // of the first that lies there.
  int32_t relation = 0;  // Index into the relations of the document or call.
  float score = 0;       // Probability.
};

struct LabelScore {
  int32_t label = 0;
  float score = 0;
};

// What was found in one text.
struct Extraction {
  // Why this text was refused; the others of the call are not affected. Its subject is kText,
  // kLabels, kRelations, kThreshold or kModel for kInvalidArgument, and what lacked memory for
  // kOverBudget where that is known.
  //   kInvalidArgument  not UTF-8 (names the byte), of 2 GiB or more, labels, a threshold or words
  //                     of its own that cannot be used (names the first such word), a word that is
  //                     longer than the encoder.
  //   kOverBudget       it needs more memory than the budget leaves; says both.
  //   kBadModel         its scores are not numbers: the checkpoint's weights are broken.
  //   kIo               the system refused memory, or to read the checkpoint.
  //   kDeadline, kCancelled  its pass had to wait beyond ExtractOptions::wait.
  std::optional<Error> error;
  // Ordered by start; same start: by descending score. As the Python package orders them.
  std::vector<Entity> entities;
  // Ordered by the places of their heads in the text, then of their tails, then by relation.
  std::vector<Relation> relations;
  // With ExtractOptions::class_scores, for each entity its (at most 5) likeliest labels, best
  // first; an empty list from token models, which score words instead of spans.
  std::vector<std::vector<LabelScore>> class_scores;
  // With ExtractOptions::vectors, for each entity the span's vector and the label's vector.
  std::vector<std::vector<float>> vectors;
  std::vector<std::vector<float>> label_vectors;
  int64_t words = 0;
  int64_t words_cut = 0;  // Words at the end that were not read; only with truncate.
  int64_t windows = 0;    // Parts that were read: 1 for a text of ordinary length, 0 for a blank.
};

// One buffer of a plan: `bytes` at `offset` of the workspace from tick `birth` to tick `death`.
struct PlannedBuffer {
  std::string name;
  size_t bytes = 0;
  size_t offset = 0;
  int birth = 0;
  int death = 0;
};

// What one pass over a batch needs, computed without running it. Counts are sums over its
// sequences: two texts with three labels each have six.
struct BatchPlan {
  int64_t sequences = 0;
  int64_t tokens = 0;
  int64_t words = 0;
  int64_t labels = 0;
  size_t bytes = 0;                    // Peak of the pass.
  std::vector<PlannedBuffer> buffers;  // Of RunPlan::largest; empty elsewhere.
};

struct PlannedRefusal {
  size_t text = 0;  // Index into the texts of the call.
  Error error;
};

// What a call would do.
struct RunPlan {
  std::vector<BatchPlan> batches;  // In the order in which they would begin.
  BatchPlan largest;               // The first of those with the highest peak.
  std::vector<PlannedRefusal> refused;
  int64_t texts = 0;
  int64_t tokens = 0;  // Of all batches.
  int64_t splits = 0;  // Batches cut in two because their plan did not fit.
};

// Of one device; bytes unless said otherwise.
struct DeviceStats {
  std::string name;   // "cuda:0"
  std::string model;  // "NVIDIA H100 80GB HBM3, sm_90, 132 multiprocessors"
  size_t memory_budget = 0;
  bool automatic = false;  // The budget is a share of what was free at load.
  size_t in_use = 0;       // Counted against the budget now,
  size_t peak = 0;         // and most at once since load.
  size_t weights = 0;
  size_t workspace = 0;         // The block that passes run in; its memory is given back by Trim.
  size_t workspace_held = 0;    // Of it: what is on the device now.
  size_t workspace_in_use = 0;  // Of it: passes and leases now,
  size_t workspace_peak = 0;    // most at once since ResetPeaks.
  size_t stages = 0;            // For what follows a pass: relations, vectors.
  size_t context = 0;  // What the driver took for itself while the device was opened; not counted.
  size_t free = 0;     // As the driver says now; 0 when it does not.
  size_t total = 0;
};

// Bytes unless said otherwise.
struct EngineStats {
  size_t memory_budget = 0;
  bool automatic = false;  // The budget is a share of
  size_t available = 0;    // what the machine or the control group had free at load.
  size_t in_use = 0;       // Counted against the budget now.
  size_t peak = 0;         // Most that was counted at once since load,
  size_t recent_peak = 0;  // and since ResetPeaks.
  size_t weights = 0;
  size_t tokenizer = 0;
  size_t staging = 0;           // The block for texts in flight.
  size_t staging_in_use = 0;    // Of it: texts in flight now,
  size_t staging_peak = 0;      // most at once since ResetPeaks.
  size_t workspace = 0;         // The block that passes run in.
  size_t workspace_in_use = 0;  // Of it: passes and leases now,
  size_t workspace_peak = 0;    // most at once since ResetPeaks.
  size_t leased = 0;            // Of it: leases now.
  size_t in_file = 0;   // Tensors whose rows are read from the file when a token needs them.
  int64_t batches = 0;  // Passes run.
  int64_t tokens = 0;   // Tokens encoded, prompts and specials included.
  int64_t texts = 0;
  int64_t plans = 0;         // Passes planned, those that did not fit included.
  int64_t splits = 0;        // Batches cut in two because their plan did not fit.
  int64_t refusals = 0;      // Texts refused for their size.
  int64_t trims = 0;         // Times that idle memory was given back.
  size_t largest_plan = 0;   // Highest peak of a pass.
  size_t last_plan = 0;      // Peak of the last pass.
  int64_t batch_tokens = 0;  // Most tokens of a pass of several texts.
  int threads = 0;
  std::string isa;
  Precision dtype = Precision::kF32;  // What it runs as; not kAuto or kDefault.
  // Of int8: a token's inputs are rounded to multiples of their largest / levels; 0 for other
  // types.
  int input_levels = 0;
  // Of the process, as the system counts it: pages that are resident now, and the most since its
  // start. 0 where the system does not say.
  size_t resident = 0;
  size_t resident_peak = 0;
  // Where passes run, if not on the host: workspace and leases are counted there.
  std::vector<DeviceStats> devices;
};

// What a checkpoint is, and what it takes to run it.
struct ModelReport {
  std::string directory;
  std::string architecture;  // "uni-encoder span"
  std::string backbone;      // "bert: 6 layers, hidden 384, 12 heads, feed-forward 1536"
  std::string head;          // "markerV0, spans of up to 12 words, hidden 384, 1 BiLSTM layer"
  // Where label vectors come from: "read with each text", "bert: 6 layers, ...; WordPiece, ...", or
  // the labels that are stored.
  std::string labels;
  std::string tokenizer;  // "WordPiece, 30522 tokens + 3 added"
  std::string splitter;   // "whitespace", or "icu (the checkpoint names jieba)"
  std::string weights_file;
  std::string stored_type;            // "f16", or "f16, f32"
  std::string packed_as;              // "bf16" or "int8" for a packed checkpoint (pack.h); else "".
  Precision dtype = Precision::kF32;  // That the sizes below are for.
  int64_t parameters = 0;             // Elements of the tensors that are used.
  int64_t tensors_used = 0;
  std::vector<std::string> tensors_unused;
  int64_t max_words = 0;   // max_len: longer texts are processed in windows.
  int64_t max_tokens = 0;  // What the encoder's positions allow, prompt included.
  int64_t max_width = 0;   // Widest span in words; 0: any.
  size_t file_bytes = 0;
  size_t weight_bytes = 0;   // Packed, in memory.
  size_t in_file_bytes = 0;  // Rows of it are read from the file when a token needs them.
  size_t tokenizer_bytes = 0;
  size_t smallest_budget = 0;  // The least that Load accepts with these options.
  // Of one device, where options.device names one; else 0.
  size_t smallest_device_budget = 0;
  size_t device_memory_budget = 0;
  // For options.memory_budget (or what 0 stands for): the workspace, and the longest text (in words
  // of one and a third token, with 10 labels of two tokens) and the most tokens of such texts of
  // 128 tokens that one pass holds. 0 when the budget is too small to load.
  size_t memory_budget = 0;
  size_t workspace_bytes = 0;
  int64_t longest_text_words = 0;
  int64_t largest_batch_tokens = 0;
};

// Reads and measures the checkpoint `model` (as Engine::Load takes it) without reading its weights.
// Errors: those of Engine::Load, except kOverBudget.
Result<ModelReport> Inspect(const std::string& model, const EngineOptions& options = {});

// A loaded model and the memory it runs in: immutable, cheap to copy (copies share it). Every
// method is safe to call from any thread; concurrent calls share the workers and the workspace.
class Engine {
 public:
  // Loads a directory with gliner_config.json, or a hub id such as "urchade/gliner_small-v2.1" from
  // the local Hugging Face cache; empty: the model that ships with Waterline. Weights are packed
  // for the machine's instruction set; workspace and staging are taken from what the budget leaves.
  // Errors: kNotFound    a file is missing; names it, and the command that would fetch it.
  //         kBadModel    a config or file that is broken, tensors that are missing, misshapen or
  //                      (those that are packed) not finite; lists all of them.
  //         kUnsupported an architecture, backbone or option that this build does not run; names
  //                      the key, its value and what is possible. Another dtype than that of a
  //                      packed checkpoint.
  //         kOverBudget  the budget is too small; gives the smallest that would do.
  //         kInvalidArgument  options out of range.
  //         kIo          the system refused to read, or to give memory or threads.
  // The weights and the tokenizer of a checkpoint that another engine of the process holds for the
  // same instruction set are shared with it, and counted in the budget of each.
  static Result<Engine> Load(const std::string& model, const EngineOptions& options = {});

  // Finds the entities of every text; result[i] belongs to texts[i]. Blocks until all are done. The
  // answer for a text does not depend on the others, on the threads or on the budget. A blank text
  // has no entities. Equal label names count once.
  // Errors (of the call as a whole): kInvalidArgument  no labels; a label that is not UTF-8 or
  //   holds the model's marker; two labels with one description; labels that leave no room for
  //   text; a threshold that is not a number; a lease without memory; an engine that only plans.
  //   Those of labels, relations and thresholds have it as their subject.
  //   kIo  the system refused memory.
  Result<std::vector<Extraction>> Extract(std::span<const std::string_view> texts,
                                          std::span<const Label> labels,
                                          const ExtractOptions& options = {}) const;
  Result<std::vector<Extraction>> Extract(std::initializer_list<std::string_view> texts,
                                          std::initializer_list<Label> labels,
                                          const ExtractOptions& options = {}) const;
  // The same for texts with settings of their own. An empty label list of a document finds nothing.
  Result<std::vector<Extraction>> Extract(std::span<const Document> documents,
                                          std::span<const Label> labels,
                                          const ExtractOptions& options = {}) const;

  // The passes that Extract would run over these texts when nothing else runs, and the texts that
  // it would refuse, computed with the tokenizer and without the network. Exact but for texts with
  // more candidates than memory, which only running shows. Errors: as Extract; kDeadline,
  // kCancelled  other calls kept the memory for the texts for longer than `options.wait`.
  Result<RunPlan> Plan(std::span<const Document> documents, std::span<const Label> labels,
                       const ExtractOptions& options = {}) const;
  Result<RunPlan> Plan(std::span<const std::string_view> texts, std::span<const Label> labels,
                       const ExtractOptions& options = {}) const;

  // Encodes labels once for any number of calls, of models with a label encoder.
  // Errors: kUnsupported  the model has none (Subject::kModel). kInvalidArgument  as Extract for
  //         labels.
  //         kOverBudget, kDeadline, kCancelled, kIo  as for a text.
  Result<LabelVectors> EmbedLabels(std::span<const Label> labels, const WaitLimit& wait = {}) const;
  // Reads a file that LabelVectors::Save wrote for this model. Of an engine with plan_only they
  // serve Plan alone.
  // Errors: kNotFound, kIo; kBadModel  not such a file, or for another model: names both widths or
  //         label encoders. kUnsupported  the model has no label encoder.
  Result<LabelVectors> LoadLabels(const std::string& path) const;

  // Takes `bytes` of the workspace for the caller, for memory of his own (MemoryLease::memory) or
  // for calls that must not wait (ExtractOptions::lease). Other calls have that much less
  // meanwhile. Errors: kInvalidArgument  0 bytes. kOverBudget  more than the workspace has, or than
  // other leases leave of it; says both. kDeadline, kCancelled  passes kept it for longer than
  // `wait`.
  Result<MemoryLease> Lease(size_t bytes, const WaitLimit& wait = {}) const;

  // Gives the workspace and staging that no call uses back to the system, and what the allocator of
  // the process keeps for nothing. The budget stays reserved; the next call takes the pages again.
  // Returns the bytes that the resident memory of the process fell by.
  size_t Trim() const;

  EngineStats Stats() const;  // Of plan_only: as after loading.
  // Begins recent_peak, staging_peak and workspace_peak again from what is in use.
  void ResetPeaks() const;

  struct Impl;  // Keeps every other header private.

 private:
  friend struct EngineInternals;  // For tests of failure.
  explicit Engine(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<Impl> impl_;
};

}  // namespace waterline
