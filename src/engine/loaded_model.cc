// SPDX-License-Identifier: Apache-2.0
#include "engine/loaded_model.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <limits>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "checkpoint/locate.h"
#include "engine/precision.h"

namespace waterline {

// The bytes of a model in a budget that several engines share.
struct ModelShare::Charge {
  std::shared_ptr<Budget> budget;
  Reservation weights, tokenizer;

  explicit Charge(std::shared_ptr<Budget> of)
      : budget(std::move(of)),
        weights(*budget, Use::kWeights),
        tokenizer(*budget, Use::kTokenizer) {}
};

namespace {

// The files that decide what a model is.
constexpr const char* kFiles[] = {"gliner_config.json",
                                  "config.json",
                                  "model.safetensors",
                                  "pytorch_model.bin",
                                  "tokenizer.json",
                                  "tokenizer_config.json",
                                  "added_tokens.json",
                                  "special_tokens_map.json",
                                  "spm.model",
                                  "spiece.model",
                                  "sentencepiece.bpe.model",
                                  "vocab.txt",
                                  "labels_tokenizer/tokenizer.json",
                                  "labels_tokenizer/tokenizer_config.json"};

// Which files a model is made of, and in what state they are: another file under the same name is
// another model. Throws std::filesystem::filesystem_error.
std::string IdentityOf(const std::filesystem::path& directory, const Settings& settings,
                       Precision precision) {
  std::string identity =
      fmt::format("{} {}\n{}", settings.kernels->name(), PrecisionName(precision),
                  std::filesystem::canonical(directory).string());
  for (const Device* device : settings.devices) identity += fmt::format("\n{}", device->name());
  for (const char* name : kFiles) {
    struct stat status;
    if (::stat((directory / name).c_str(), &status) != 0) continue;
    identity += fmt::format("\n{} {} {} {} {}.{:09}", name, status.st_dev, status.st_ino,
                            status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
  }
  return identity;
}

}  // namespace

struct ModelLoader {
  using Charge = ModelShare::Charge;

  // The engines that hold one model, as far as they live.
  struct Entry {
    std::mutex mutex;  // Held while the model is loaded: who wants the same waits for it.
    std::weak_ptr<LoadedModel> model;
    std::vector<std::pair<const Budget*, std::weak_ptr<Charge>>> charges;
  };

  // The models of the process. The only state that engines share without being told to.
  struct Registry {
    std::mutex mutex;
    std::map<std::string, std::shared_ptr<Entry>> entries;
  };

  static std::shared_ptr<Entry> Find(const std::string& identity) {
    static Registry registry;
    const std::lock_guard lock(registry.mutex);
    std::erase_if(registry.entries, [](const auto& known) {
      return known.second.use_count() == 1 && known.second->model.expired();
    });
    std::shared_ptr<Entry>& entry = registry.entries[identity];
    if (entry == nullptr) entry = std::make_shared<Entry>();
    return entry;
  }

  static Result<std::shared_ptr<LoadedModel>> Load(const std::string& name,
                                                   const Settings& settings,
                                                   const std::shared_ptr<Budget>& own) {
    auto model = std::make_shared<LoadedModel>(own->limit(), own);
    Result<Checkpoint> checkpoint = OpenCheckpoint(name, settings.precision, *settings.kernels,
                                                   model->memory, &model->tokenizer_memory);
    if (!checkpoint.ok()) return ShortOfBudget(checkpoint.error());
    model->checkpoint = std::move(*checkpoint);
    Result<Measure> measure = MeasureCheckpoint(model->checkpoint, settings, model->memory);
    if (!measure.ok()) return measure.error();
    model->measure = std::move(*measure);
    if (settings.budget < SmallestBudget(model->measure, settings)) {
      return Error{Code::kOverBudget, ""};
    }

    if (const Result<void> placed = Place(*model, settings); !placed.ok()) return placed.error();
    model->measure.report = {};  // Names that nobody asks for again.
    model->limits = {.max_words = model->checkpoint.config.max_len,
                     .max_tokens = model->measure.longest_sequence,
                     .max_width = model->measure.widths,
                     .vocabulary = model->checkpoint.backbone.vocab_size};
    if (model->network().labels != nullptr) {
      model->longest_label = LongestLabel(model->checkpoint, model->network());
    }
    return model;
  }

  // The caller tells what the budget of the host lacks.
  static Error ShortOfBudget(const Error& error) {
    return error.code == Code::kOverBudget ? Error{Code::kOverBudget, ""} : error;
  }

  // Reads the weights to where they are wanted.
  static Result<void> Place(LoadedModel& model, const Settings& settings) {
    const size_t bytes = model.measure.report.block_bytes;
    const bool on_host = settings.devices.empty();
    const auto count_block = [&](Budget& budget) {
      return settings.plan_only
                 ? Block::MakeCounted(bytes, budget, on_host ? Use::kWeights : Use::kLoading)
                 : Block::Make(bytes, budget, on_host ? Use::kWeights : Use::kLoading);
    };
    Result<Block> block = count_block(model.memory);
    if (!block.ok()) return ShortOfBudget(block.error());
    BudgetResource loading(model.memory, Use::kLoading);
    BindingReport report;
    Result<Network> network =
        settings.plan_only
            ? MeasureNetwork(model.checkpoint, *settings.kernels, &model.weights_memory, report)
            : BindNetwork(model.checkpoint, *settings.kernels,
                          {.block = block->bytes(),
                           .memory = &model.weights_memory,
                           .loading = &loading,
                           .threads = settings.threads},
                          report);
    if (!network.ok()) return network.error();
    model.in_file = report.in_file_bytes;
    if (on_host) {
      model.placements.push_back({.device = nullptr,
                                  .memory = nullptr,
                                  .weights = std::move(*block),
                                  .network = std::move(*network)});
      return {};
    }
    for (Device* device : settings.devices) {
      const Result<void> placed = PlaceOn(*device, block->bytes(), bytes, settings, model);
      if (!placed.ok()) return placed;
    }
    return {};
  }

  // Copies weights that were packed at `from` to a device.
  static Result<void> PlaceOn(Device& device, std::span<const std::byte> from, size_t bytes,
                              const Settings& settings, LoadedModel& model) {
    LoadedModel::Placement placement;
    placement.device = &device;
    placement.memory = std::make_unique<Budget>(std::numeric_limits<size_t>::max());
    Result<Block> block =
        settings.plan_only ? Block::MakeCountedFrom(device, bytes, *placement.memory, Use::kWeights)
                           : Block::MakeFrom(device, bytes, *placement.memory, Use::kWeights);
    if (!block.ok()) return block.error();
    placement.weights = std::move(*block);
    if (!settings.plan_only) {
      const Result<void> done = device.Upload(from.first(bytes), placement.weights.bytes().data());
      if (!done.ok()) return done;
    }
    Result<Network> network = PlaceNetwork(model.checkpoint, *settings.kernels,
                                           placement.weights.bytes(), &model.weights_memory);
    if (!network.ok()) return network.error();
    placement.network = std::move(*network);
    model.placements.push_back(std::move(placement));
    return {};
  }

  // Counts a model that `own` and `whole` have counted while it was loaded.
  static ModelShare Adopt(std::shared_ptr<LoadedModel> model, const std::shared_ptr<Budget>& own,
                          const std::shared_ptr<Budget>& whole) {
    ModelShare share = Hold(std::move(model), own);
    if (whole != nullptr) share.whole_ = std::make_shared<Charge>(whole);
    share.model_->memory.Leave();
    const size_t weights = share.model_->memory.in_use(Use::kWeights);
    const size_t tokenizer = share.model_->memory.in_use(Use::kTokenizer);
    share.weights_.Adopt(weights);
    share.tokenizer_.Adopt(tokenizer);
    if (whole != nullptr) {
      share.whole_->weights.Adopt(weights);
      share.whole_->tokenizer.Adopt(tokenizer);
    }
    return share;
  }

  // Counts a model that is there already. Throws OverBudget.
  static ModelShare Join(std::shared_ptr<LoadedModel> model, Entry& entry,
                         const std::shared_ptr<Budget>& own, const std::shared_ptr<Budget>& whole) {
    ModelShare share = Hold(std::move(model), own);
    const auto take = [&](Reservation& weights, Reservation& tokenizer, const Budget& from) {
      const size_t wanted[] = {share.model_->memory.in_use(Use::kWeights),
                               share.model_->memory.in_use(Use::kTokenizer)};
      if (!weights.Resize(wanted[0])) throw OverBudget(wanted[0], from.available());
      if (!tokenizer.Resize(wanted[1])) throw OverBudget(wanted[1], from.available());
    };
    take(share.weights_, share.tokenizer_, *own);
    if (whole == nullptr) return share;
    for (const auto& [budget, charge] : entry.charges) {
      if (budget == whole.get()) share.whole_ = charge.lock();
      if (share.whole_ != nullptr) return share;
    }
    share.whole_ = std::make_shared<Charge>(whole);
    take(share.whole_->weights, share.whole_->tokenizer, *whole);
    return share;
  }

  static ModelShare Hold(std::shared_ptr<LoadedModel> model, const std::shared_ptr<Budget>& own) {
    ModelShare share;
    share.model_ = std::move(model);
    share.own_ = own;
    share.weights_ = Reservation(*own, Use::kWeights, Reach::kOwn);
    share.tokenizer_ = Reservation(*own, Use::kTokenizer, Reach::kOwn);
    return share;
  }

  static std::weak_ptr<LoadedModel> WeakOf(const ModelShare& share) { return share.model_; }

  static void Note(Entry& entry, const ModelShare& share, const std::shared_ptr<Budget>& whole) {
    std::erase_if(entry.charges, [](const auto& charge) { return charge.second.expired(); });
    if (whole != nullptr) entry.charges.emplace_back(whole.get(), share.whole_);
  }
};

Result<ModelShare> ObtainModel(const std::string& name, const Settings& settings,
                               const std::shared_ptr<Budget>& own,
                               const std::shared_ptr<Budget>& whole) {
  const auto load = [&]() -> Result<ModelShare> {
    Result<std::shared_ptr<LoadedModel>> model = ModelLoader::Load(name, settings, own);
    if (!model.ok()) return model.error();
    return ModelLoader::Adopt(std::move(*model), own, whole);
  };
  if (settings.plan_only) return load();

  const Result<std::filesystem::path> directory =
      name.empty() ? LocateDefaultModel() : LocateModel(name);
  if (!directory.ok()) return directory.error();
  // A file that cannot be read is an error of loading it.
  const Result<std::filesystem::path> weights = LocateWeights(*directory);
  const Result<TensorFile> tensors = weights.ok() ? TensorFile::Open(*weights) : weights.error();
  const Result<Precision> precision = ChoosePrecision(
      settings.precision, *directory, tensors.ok() ? tensors->packed_as() : "", *settings.kernels);
  if (!precision.ok()) return precision.error();
  const std::shared_ptr<ModelLoader::Entry> entry =
      ModelLoader::Find(IdentityOf(*directory, settings, *precision));
  const std::lock_guard lock(entry->mutex);
  std::shared_ptr<LoadedModel> known = entry->model.lock();
  if (known == nullptr) {
    Result<ModelShare> share = load();
    if (!share.ok()) return share;
    entry->model = ModelLoader::WeakOf(*share);
    ModelLoader::Note(*entry, *share, whole);
    return share;
  }
  if (settings.budget < SmallestBudget(known->measure, settings)) {
    return Error{Code::kOverBudget, ""};
  }
  ModelShare share = ModelLoader::Join(std::move(known), *entry, own, whole);
  ModelLoader::Note(*entry, share, whole);
  return share;
}

}  // namespace waterline
