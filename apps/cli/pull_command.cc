// SPDX-License-Identifier: Apache-2.0
#include "pull_command.h"

#include <fmt/format.h>
#include <simdjson.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "byte_size.h"
#include "byte_source.h"
#include "checkpoint/hub_cache.h"
#include "checkpoint/locate.h"
#include "diagnostics.h"
#include "exit_status.h"
#include "hub_download.h"
#include "hub_transport.h"
#include "json_writer.h"
#include "print_result.h"

namespace waterline::cli {
namespace {

namespace fs = std::filesystem;

using Names = std::vector<std::string>;

constexpr const char* kTokenizerFiles[] = {"tokenizer.json",
                                           "tokenizer_config.json",
                                           "special_tokens_map.json",
                                           "added_tokens.json",
                                           "spm.model",
                                           "spiece.model",
                                           "sentencepiece.bpe.model",
                                           "vocab.txt",
                                           "vocab.json",
                                           "merges.txt"};
// What makes a directory one with a tokenizer (locate.h).
constexpr const char* kTokenizers[] = {
    "tokenizer_config.json", "tokenizer.json",          "spm.model",
    "spiece.model",          "sentencepiece.bpe.model", "vocab.txt"};

bool Has(const Names& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Configs, tokenizers, texts about the model, and the weights, once; not the weights for other
// runtimes.
Names ChooseCheckpoint(const Names& all) {
  Names chosen;
  for (const std::string& name : all) {
    const std::string base = fs::path(name).filename().string();
    const bool about =
        base.starts_with("README") || base.starts_with("LICEN") || base.starts_with("NOTICE");
    const bool small =
        base.ends_with(".json") || base.ends_with(".txt") || base.ends_with(".model");
    const bool onnx = name.starts_with("onnx/") || name.starts_with("openvino/");
    if ((about || small) && !onnx) chosen.push_back(name);
  }
  for (const char* weights : {"model.safetensors", "pytorch_model.bin"}) {
    if (!Has(all, weights)) continue;
    chosen.emplace_back(weights);
    break;
  }
  return chosen;
}

Names ChooseTokenizer(const Names& all) {
  Names chosen;
  for (const std::string& name : all) {
    const bool wanted = name == "config.json" ||
                        std::find(std::begin(kTokenizerFiles), std::end(kTokenizerFiles), name) !=
                            std::end(kTokenizerFiles);
    if (wanted) chosen.push_back(name);
  }
  return chosen;
}

// A string of gliner_config.json; "" where there is none.
std::string ConfigText(const fs::path& snapshot, const char* key) {
  const Result<std::string> text = ReadAll((snapshot / "gliner_config.json").string(), 16 << 20);
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  std::string_view value;
  if (!text.ok() || parser.parse(*text).get(root) != simdjson::SUCCESS ||
      root[key].get(value) != simdjson::SUCCESS) {
    return "";
  }
  return std::string(value);
}

// The backbones whose tokenizers the checkpoint needs and does not bring.
Names MissingTokenizers(const fs::path& snapshot) {
  std::error_code error;
  Names missing;
  const bool own =
      std::any_of(std::begin(kTokenizers), std::end(kTokenizers),
                  [&](const char* name) { return fs::exists(snapshot / name, error); });
  const std::string backbone = ConfigText(snapshot, "model_name");
  if (!own && ParseHubId(backbone) && !fs::exists(snapshot / backbone, error))
    missing.push_back(backbone);
  const std::string labels = ConfigText(snapshot, "labels_encoder");
  if (ParseHubId(labels) && !fs::exists(snapshot / "labels_tokenizer", error) &&
      !fs::exists(snapshot / labels, error)) {
    missing.push_back(labels);
  }
  return missing;
}

// One line of a terminal that is written over, or a line for each file.
class Shown {
 public:
  explicit Shown(bool quiet) : quiet_(quiet), terminal_(isatty(STDERR_FILENO) == 1) {}
  ~Shown() { Erase(); }

  void Tell(const std::string& file, uint64_t bytes, uint64_t total) {
    if (quiet_) return;
    const auto now = std::chrono::steady_clock::now();
    const bool whole = total > 0 && bytes == total;
    if (!terminal_) {
      if (whole) PrintNote(fmt::format("{} {}", file, FormatByteSize(total)));
      return;
    }
    if (!whole && now - told_ < std::chrono::milliseconds(100)) return;
    told_ = now;
    const std::string size =
        total == 0 ? FormatByteSize(bytes)
                   : fmt::format("{} of {}, {:.0f} %", FormatByteSize(bytes), FormatByteSize(total),
                                 100.0 * static_cast<double>(bytes) / static_cast<double>(total));
    std::fprintf(stderr, "\r\x1b[K%s  %s", file.c_str(), size.c_str());
    drawn_ = true;
  }

  void Erase() {
    if (std::exchange(drawn_, false)) std::fputs("\r\x1b[K", stderr);
  }

 private:
  bool quiet_;
  bool terminal_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point told_;
};

Result<fs::path> Pull(const HubId& id, bool quiet) {
  Result<HubPlace> place = HubPlaceFromEnvironment();
  if (!place.ok()) return place.error();
  Result<HubTransport> transport = HubTransport::Open();
  if (!transport.ok()) return transport.error();
  Shown shown(quiet);
  HubDownload download(*std::move(transport), *std::move(place),
                       [&](const std::string& file, uint64_t bytes, uint64_t total) {
                         shown.Tell(file, bytes, total);
                       });
  bool checkpoint = false;
  Result<fs::path> snapshot = download.Fetch(id.id, id.revision, [&](const Names& all) {
    checkpoint = Has(all, "gliner_config.json");
    return checkpoint ? ChooseCheckpoint(all) : Names();
  });
  if (!snapshot.ok()) return snapshot;
  if (!checkpoint) {
    return Error{Code::kInvalidArgument,
                 fmt::format("{}: is no GLiNER checkpoint: it has no gliner_config.json", id.id)};
  }
  for (const std::string& backbone : MissingTokenizers(*snapshot)) {
    const std::optional<HubId> other = ParseHubId(backbone);
    const Result<fs::path> fetched = download.Fetch(other->id, other->revision, ChooseTokenizer);
    if (!fetched.ok()) return fetched.error();
  }
  return snapshot;
}

struct CachedModel {
  std::string id;
  std::string revision;  // A branch or tag, or a commit that none names.
  std::string commit;
  fs::path directory;
  uint64_t bytes = 0;
  std::string kind;     // "GLiNER", "other"
  std::string trouble;  // Why it does not load; "" for GLiNER models that are whole.
};

uint64_t BytesIn(const fs::path& directory) {
  uint64_t bytes = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator at(directory, error), end; !error && at != end;
       at.increment(error)) {
    std::error_code ignored;
    const uint64_t size = fs::file_size(at->path(), ignored);  // Of what a link leads to.
    if (!ignored && fs::is_regular_file(at->path(), ignored)) bytes += size;
  }
  return bytes;
}

std::map<std::string, std::string> RefsOf(const fs::path& repository) {
  std::map<std::string, std::string> by_commit;
  std::error_code error;
  const fs::path refs = repository / "refs";
  for (fs::recursive_directory_iterator at(refs, error), end; !error && at != end;
       at.increment(error)) {
    std::string commit;
    if (!at->is_regular_file()) continue;
    std::ifstream(at->path()) >> commit;
    std::string& names = by_commit[commit];
    names += (names.empty() ? "" : ", ") + fs::relative(at->path(), refs, error).string();
  }
  return by_commit;
}

std::vector<CachedModel> CachedModels(const fs::path& cache) {
  std::vector<CachedModel> models;
  std::error_code error;
  for (fs::directory_iterator at(cache, error), end; !error && at != end; at.increment(error)) {
    std::string id = at->path().filename().string();
    if (!id.starts_with("models--")) continue;
    id.erase(0, std::string_view("models--").size());
    if (const size_t dashes = id.find("--"); dashes != std::string::npos)
      id.replace(dashes, 2, "/");
    const std::map<std::string, std::string> refs = RefsOf(at->path());
    std::error_code ignored;
    for (fs::directory_iterator one(at->path() / "snapshots", ignored), last;
         !ignored && one != last; one.increment(ignored)) {
      CachedModel model;
      model.id = id;
      model.commit = one->path().filename().string();
      model.directory = one->path();
      model.bytes = BytesIn(model.directory);
      const auto ref = refs.find(model.commit);
      model.revision = ref == refs.end() ? model.commit : ref->second;
      std::error_code absent;
      const bool gliner = fs::exists(model.directory / "gliner_config.json", absent);
      model.kind = gliner ? "GLiNER" : "other";
      if (gliner) {
        const Result<CheckpointFiles> files =
            LocateFiles(model.directory, ConfigText(model.directory, "model_name"));
        if (!files.ok()) model.trouble = files.error().message;
      }
      models.push_back(std::move(model));
    }
  }
  std::sort(models.begin(), models.end(), [](const CachedModel& a, const CachedModel& b) {
    return std::tie(a.id, a.commit) < std::tie(b.id, b.commit);
  });
  return models;
}

}  // namespace

void AddPullFlags(CLI::App& command, PullArguments& arguments) {
  command
      .add_option("MODEL", arguments.model,
                  "Hub id, as urchade/gliner_small-v2.1 or with @REVISION")
      ->option_text(" ")
      ->required();
  command.add_flag("--offline", arguments.offline,
                   "Ask nobody: only say whether it is here (HF_HUB_OFFLINE=1 does so too)");
  command.add_flag("--quiet,-q", arguments.quiet, "No progress, only errors");
  command.footer(
      R"(Downloads the configs, the tokenizer and the weights of a checkpoint, and its backbone's tokenizer where
it has none of its own, into the cache that huggingface_hub uses, and prints the directory. What is there
is not loaded again, and a download that broke goes on where it broke. Sizes and hashes are verified.

HF_ENDPOINT, HF_TOKEN (or the token of `huggingface-cli login`), HF_HOME and HF_HUB_CACHE mean what they
mean there; proxies are those of libcurl (https_proxy).

Exit status: 0, or 2 for an error.

Examples:
  waterline pull urchade/gliner_small-v2.1
  waterline pull urchade/gliner_small-v2.1@main --offline
  waterline extract notes.txt --labels person --model urchade/gliner_small-v2.1)");
}

void AddModelsFlags(CLI::App& command, ModelsArguments& arguments) {
  command.add_flag("--json", arguments.json, "Print one JSON object a line, sizes in bytes");
  command.footer(
      R"(Lists the snapshots in the Hugging Face cache. What a GLiNER checkpoint lacks is told below it.

Examples:
  waterline models
  waterline models --json | jq -r .directory)");
}

int RunPull(const PullArguments& arguments) {
  const std::optional<HubId> id = ParseHubId(arguments.model);
  if (!id) {
    PrintError(fmt::format("'{}' has not the form of a hub id, as urchade/gliner_small-v2.1",
                           arguments.model));
    return kFatal;
  }
  const char* offline = std::getenv("HF_HUB_OFFLINE");
  const bool asks_nobody =
      arguments.offline || (offline != nullptr && std::string_view(offline) == "1");
  const Result<fs::path> snapshot =
      asks_nobody ? LocateModel(arguments.model) : Pull(*id, arguments.quiet);
  if (snapshot.ok()) return PrintResult(snapshot->string() + "\n");
  PrintError(snapshot.error().message);
  return kFatal;
}

int RunModels(const ModelsArguments& arguments) {
  const Result<HubPlace> place = HubPlaceFromEnvironment();
  if (!place.ok()) {
    PrintError(place.error().message);
    return kFatal;
  }
  std::string text;
  for (const CachedModel& model : CachedModels(place->cache)) {
    if (arguments.json) {
      JsonWriter json(text);
      json.StartObject();
      json.Field("id", model.id);
      json.Field("revision", model.revision);
      json.Field("commit", model.commit);
      json.Field("kind", model.kind);
      json.SizeField("bytes", model.bytes);
      json.Field("directory", model.directory.string());
      if (!model.trouble.empty()) json.Field("trouble", model.trouble);
      json.EndObject();
      text += '\n';
      continue;
    }
    text += fmt::format("{:<44} {:<7} {:>10}  {}\n", model.id, model.kind,
                        FormatByteSize(model.bytes), model.revision);
    if (!model.trouble.empty()) text += fmt::format("    {}\n", model.trouble);
  }
  if (text.empty()) PrintNote(fmt::format("no models in {}", place->cache.string()));
  return PrintResult(text);
}

}  // namespace waterline::cli
