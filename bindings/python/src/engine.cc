// SPDX-License-Identifier: Apache-2.0
#include "engine.h"

#include <fmt/format.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <span>
#include <utility>
#include <vector>

#include "arrow_table.h"
#include "documents.h"
#include "errors.h"
#include "fork.h"
#include "label_vectors.h"
#include "memory.h"
#include "results.h"
#include "stats.h"

namespace waterline::python {
namespace {

// Texts of one call of the engine. Between two, signals are handled: an interrupt ends the call.
constexpr size_t kTextsPerCall = 1024;

constexpr double kLongestIdle = 1e9;  // Seconds.

Precision ReadPrecision(const std::string& name) {
  constexpr std::array kAll = {Precision::kF32,    Precision::kBf16, Precision::kF16,
                               Precision::kTf32,   Precision::kInt8, Precision::kAuto,
                               Precision::kDefault};
  for (const Precision precision : kAll) {
    if (name == PrecisionName(precision)) return precision;
  }
  Raise(PyExc_ValueError,
        fmt::format("dtype is \"{}\", expected f32, bf16, f16, tf32, int8, auto or default", name));
}

WordSplitter ReadSplitter(const std::string& name) {
  if (name == "model") return WordSplitter::kModel;
  if (name == "whitespace") return WordSplitter::kWhitespace;
  if (name == "icu") return WordSplitter::kIcu;
  Raise(PyExc_ValueError,
        fmt::format("splitter is \"{}\", expected model, whitespace or icu", name));
}

// The value of the option `name`, or TypeError.
template <typename T>
T ReadOption(const std::string& name, nb::handle value, const char* expected) {
  T read;
  if (nb::try_cast<T>(value, read)) return read;
  Raise(PyExc_TypeError,
        fmt::format("{} is of type {}, expected {}", name, nb::inst_name(value).c_str(), expected));
}

// Sets the option `name`, which has the name of a field of EngineOptions.
void SetOption(const std::string& name, nb::handle value, EngineOptions& options) {
  if (name == "memory_budget") {
    options.memory_budget = ReadBytes(value, "memory_budget");
  } else if (name == "device_memory_budget") {
    options.device_memory_budget = ReadBytes(value, "device_memory_budget");
  } else if (name == "threads") {
    options.threads = ReadOption<int>(name, value, "int");
  } else if (name == "batch_tokens") {
    options.batch_tokens = ReadOption<int64_t>(name, value, "int");
  } else if (name == "dtype") {
    options.dtype = ReadPrecision(ReadOption<std::string>(name, value, "str"));
  } else if (name == "splitter") {
    options.splitter = ReadSplitter(ReadOption<std::string>(name, value, "str"));
  } else if (name == "isa") {
    options.isa = ReadOption<std::string>(name, value, "str");
  } else if (name == "device") {
    options.device = ReadOption<std::string>(name, value, "str");
  } else if (name == "shared_budget") {
    if (!nb::isinstance<MemoryBudget>(value)) {
      Raise(PyExc_TypeError, fmt::format("shared_budget is of type {}, expected MemoryBudget",
                                         nb::inst_name(value).c_str()));
    }
    options.shared_budget = nb::cast<const MemoryBudget&>(value);
  } else if (name == "idle_trim") {
    const auto seconds = ReadOption<double>(name, value, "seconds");
    if (!(seconds >= 0 && seconds < kLongestIdle)) {
      Raise(PyExc_ValueError,
            fmt::format("idle_trim is {}, expected seconds from 0 to {}", seconds, kLongestIdle));
    }
    options.idle_trim = std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
  } else {
    Raise(PyExc_TypeError, fmt::format("there is no option \"{}\"", name));
  }
}

// The options of a dict; all are optional.
EngineOptions ReadOptions(const nb::dict& given) {
  EngineOptions options;
  for (const auto& [key, value] : given) SetOption(nb::cast<std::string>(key), value, options);
  return options;
}

// What a call sets for all of its texts.
struct CallSettings {
  bool nested = false;
  bool multi_label = false;
  bool truncate = false;
  bool reference_alignment = false;
  std::optional<double> relation_threshold;
  std::optional<double> adjacency_threshold;
  int64_t labels_per_pass = 0;
  std::optional<double> timeout;
};

std::optional<float> ReadThreshold(std::optional<double> threshold) {
  if (!threshold) return std::nullopt;
  return static_cast<float>(*threshold);
}

ExtractOptions MakeOptions(const CallSettings& settings) {
  ExtractOptions options;
  options.nested = settings.nested;
  options.multi_label = settings.multi_label;
  options.truncate = settings.truncate;
  options.reference_alignment = settings.reference_alignment;
  options.relation_threshold = ReadThreshold(settings.relation_threshold);
  options.adjacency_threshold = ReadThreshold(settings.adjacency_threshold);
  options.labels_per_pass = settings.labels_per_pass;
  options.wait = ReadTimeout(settings.timeout);
  return options;
}

// (entities, relations), each with one list a text; relations has none where none were asked for.
nb::tuple Extract(LoadedModel& self, nb::list texts, nb::object labels, nb::object thresholds,
                  nb::object relations, nb::object spans, nb::object words,
                  const CallSettings& settings, ResultForm form, const EncodedLabels* encoded,
                  const SharedLease* lease) {
  const Documents documents(std::move(texts), std::move(labels), std::move(thresholds),
                            std::move(relations), std::move(spans), std::move(words));
  ExtractOptions options = MakeOptions(settings);
  options.class_scores = form.class_probs;
  options.vectors = form.vectors || form.label_vectors;
  if (encoded != nullptr) options.label_vectors = &encoded->vectors;
  const std::shared_ptr<const MemoryLease> held = lease == nullptr ? nullptr : lease->lease();
  options.lease = held.get();
  options.relations = documents.shared_relations();
  const Engine engine = self.engine();

  Results results(documents, std::move(form));
  const std::span<const Document> all = documents.documents();
  for (size_t begin = 0; begin < all.size(); begin += kTextsPerCall) {
    const auto part = all.subspan(begin, std::min(kTextsPerCall, all.size() - begin));
    const Result<std::vector<Extraction>> found = [&] {
      const nb::gil_scoped_release released;
      return engine.Extract(part, documents.shared_labels(), options);
    }();
    if (!found.ok()) Raise(found.error());
    results.Add(begin, *found);
    if (PyErr_CheckSignals() != 0) throw nb::python_error();
  }
  return nb::make_tuple(results.entities(), results.relations());
}

Offsets ReadOffsets(const std::string& name) {
  if (name == "code_points") return Offsets::kCodePoints;
  if (name == "bytes") return Offsets::kBytes;
  if (name == "utf16") return Offsets::kUtf16;
  Raise(PyExc_ValueError,
        fmt::format("offsets is \"{}\", expected code_points, bytes or utf16", name));
}

EncodedLabels EncodeLabels(LoadedModel& self, const Labels& labels, std::optional<double> timeout) {
  const Engine engine = self.engine();
  const WaitLimit wait = ReadTimeout(timeout);
  Result<LabelVectors> vectors = [&] {
    const nb::gil_scoped_release released;
    return engine.EmbedLabels(labels.labels, wait);
  }();
  return EncodedLabels(Take(std::move(vectors)));
}

EncodedLabels LoadLabels(LoadedModel& self, const std::string& path) {
  const Engine engine = self.engine();
  Result<LabelVectors> vectors = [&] {
    const nb::gil_scoped_release released;
    return engine.LoadLabels(path);
  }();
  return EncodedLabels(Take(std::move(vectors)));
}

SharedLease TakeLease(LoadedModel& self, nb::object bytes, std::optional<double> timeout) {
  const Engine engine = self.engine();
  const size_t size = ReadBytes(bytes, "bytes");
  const WaitLimit wait = ReadTimeout(timeout);
  Result<MemoryLease> lease = [&] {
    const nb::gil_scoped_release released;
    return engine.Lease(size, wait);
  }();
  return SharedLease(Take(std::move(lease)));
}

nb::dict InspectModel(const std::string& model, const nb::dict& options) {
  const EngineOptions read = ReadOptions(options);
  const Result<ModelReport> report = [&] {
    const nb::gil_scoped_release released;
    return Inspect(model, read);
  }();
  if (!report.ok()) Raise(report.error());
  return ReportDict(*report);
}

}  // namespace

LoadedModel::LoadedModel(std::string model, EngineOptions options)
    : model_(std::move(model)), options_(std::move(options)) {
  Load();
}

LoadedModel::~LoadedModel() {
  // Its destructor would wait for threads that are not here.
  if (engine_ && forks_ != ForkCount()) new Engine(*engine_);
}

void LoadedModel::Load() {
  const int forks = ForkCount();
  Result<Engine> loaded = [&] {
    const nb::gil_scoped_release released;
    return Engine::Load(model_, options_);
  }();
  if (engine_ && forks_ != forks) new Engine(*engine_);  // As above.
  engine_ = Take(std::move(loaded));
  forks_ = forks;
}

Engine LoadedModel::engine() {
  if (forks_ != ForkCount()) {
    if (options_.shared_budget) {
      Raise(PyExc_RuntimeError,
            "the process was forked since this model was loaded, and a shared budget does not "
            "reach across processes; load the model again, or start processes with spawn");
    }
    Load();
  }
  return *engine_;
}

void BindEngine(nb::module_& module) {
  using namespace nb::literals;
  nb::class_<LoadedModel>(module, "Engine")
      .def(
          "__init__",
          [](LoadedModel* self, std::string model, const nb::dict& options) {
            new (self) LoadedModel(std::move(model), ReadOptions(options));
          },
          "model"_a, "options"_a)
      .def(
          "extract",
          [](LoadedModel& self, nb::list texts, nb::object labels, nb::object thresholds,
             nb::object relations, nb::object spans, nb::object words, bool nested,
             bool multi_label, bool truncate, bool reference_alignment,
             std::optional<double> relation_threshold, std::optional<double> adjacency_threshold,
             int64_t labels_per_pass, std::optional<double> timeout, bool class_probs, bool vectors,
             bool label_vectors, nb::object make_vector, bool return_exceptions,
             const EncodedLabels* encoded, const SharedLease* lease) {
            return Extract(self, std::move(texts), std::move(labels), std::move(thresholds),
                           std::move(relations), std::move(spans), std::move(words),
                           {.nested = nested,
                            .multi_label = multi_label,
                            .truncate = truncate,
                            .reference_alignment = reference_alignment,
                            .relation_threshold = relation_threshold,
                            .adjacency_threshold = adjacency_threshold,
                            .labels_per_pass = labels_per_pass,
                            .timeout = timeout},
                           {.class_probs = class_probs,
                            .vectors = vectors,
                            .label_vectors = label_vectors,
                            .make_vector = std::move(make_vector),
                            .return_exceptions = return_exceptions},
                           encoded, lease);
          },
          "texts"_a, "labels"_a, "thresholds"_a, nb::kw_only(), "relations"_a = nb::none(),
          "spans"_a = nb::none(), "words"_a = nb::none(), "nested"_a = false,
          "multi_label"_a = false, "truncate"_a = false, "reference_alignment"_a = false,
          "relation_threshold"_a = nb::none(), "adjacency_threshold"_a = nb::none(),
          "labels_per_pass"_a = 0, "timeout"_a = nb::none(), "class_probs"_a = false,
          "vectors"_a = false, "label_vectors"_a = false, "make_vector"_a = nb::none(),
          "return_exceptions"_a = false, "encoded"_a = nb::none(), "lease"_a = nb::none())
      .def(
          "extract_arrow",
          [](LoadedModel& self, nb::object table, const std::optional<std::string>& column,
             const Labels& labels, double threshold, bool nested, bool multi_label, bool truncate,
             bool reference_alignment, int64_t labels_per_pass, std::optional<double> timeout,
             const std::string& offsets, bool refused_as_null, const EncodedLabels* encoded,
             const SharedLease* lease) {
            ExtractOptions options = MakeOptions({.nested = nested,
                                                  .multi_label = multi_label,
                                                  .truncate = truncate,
                                                  .reference_alignment = reference_alignment,
                                                  .relation_threshold = {},
                                                  .adjacency_threshold = {},
                                                  .labels_per_pass = labels_per_pass,
                                                  .timeout = timeout});
            options.threshold = static_cast<float>(threshold);
            options.offsets = ReadOffsets(offsets);
            if (encoded != nullptr) options.label_vectors = &encoded->vectors;
            const std::shared_ptr<const MemoryLease> held =
                lease == nullptr ? nullptr : lease->lease();
            options.lease = held.get();
            TextStream texts(table, column);
            return ExtractTable(self.engine(), texts, labels.labels, options, refused_as_null);
          },
          "table"_a, "column"_a.none(), "labels"_a, "threshold"_a, nb::kw_only(),
          "nested"_a = false, "multi_label"_a = false, "truncate"_a = false,
          "reference_alignment"_a = false, "labels_per_pass"_a = 0, "timeout"_a = nb::none(),
          "offsets"_a = "code_points", "refused_as_null"_a = false, "encoded"_a = nb::none(),
          "lease"_a = nb::none())
      .def("encode_labels", &EncodeLabels, "labels"_a, "timeout"_a = nb::none())
      .def("load_labels", &LoadLabels, "path"_a)
      .def("lease", &TakeLease, "bytes"_a, "timeout"_a = nb::none())
      .def("stats", [](LoadedModel& self) { return StatsDict(self.engine().Stats()); })
      .def("reset_peaks", [](LoadedModel& self) { self.engine().ResetPeaks(); })
      .def("trim", [](LoadedModel& self) {
        const Engine engine = self.engine();
        const nb::gil_scoped_release released;
        return engine.Trim();
      });
  module.def("inspect", &InspectModel, "model"_a, "options"_a);
}

}  // namespace waterline::python
