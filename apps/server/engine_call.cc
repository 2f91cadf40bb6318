// SPDX-License-Identifier: Apache-2.0
#include "engine_call.h"

#include <algorithm>
#include <utility>

namespace waterline::server {
namespace {

bool SameLabels(const std::vector<Label>& a, const std::vector<Label>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Label& x, const Label& y) {
    return x.name == y.name && x.description == y.description && x.threshold == y.threshold;
  });
}

// The first of `known` that equals `list`, which joins them when there is none.
template <typename T, typename Same>
const T* Intern(const T* list, std::vector<const T*>& known, Same same) {
  if (list == nullptr) return nullptr;
  for (const T* each : known) {
    if (each == list || same(*each, *list)) return each;
  }
  known.push_back(list);
  return list;
}

ExtractOptions OptionsOf(const CallSettings& settings) {
  ExtractOptions options;
  options.nested = settings.nested;
  options.multi_label = settings.multi_label;
  options.truncate = settings.truncate;
  options.offsets = settings.offsets;
  options.relation_threshold = settings.relation_threshold;
  options.adjacency_threshold = settings.adjacency_threshold;
  options.labels_per_pass = settings.labels_per_pass;
  return options;
}

std::vector<Document> DocumentsOf(const std::vector<BatchText>& batch) {
  std::vector<Document> documents;
  std::vector<const std::vector<Label>*> labels;
  std::vector<const std::vector<std::string>*> relations;
  for (const BatchText& each : batch) {
    const JobText& text = each.job->texts[each.index];
    Document document;
    document.text = text.text;
    document.threshold = text.threshold;
    document.labels = Intern(text.labels.get(), labels, SameLabels);
    document.relations = Intern(text.relations.get(), relations, std::equal_to<>());
    documents.push_back(document);
  }
  return documents;
}

void AnswerAlone(const Engine& engine, const BatchText& text) {
  Job& job = *text.job;
  if (job.settings.kind == JobKind::kPlan) {
    Result<RunPlan> plan = engine.Plan(DocumentsOf({text}), {}, OptionsOf(job.settings));
    if (plan.ok()) {
      job.plan = *std::move(plan);
    } else {
      job.error = plan.error();
    }
    return;
  }
  Result<LabelVectors> vectors = engine.EmbedLabels(*job.texts[text.index].labels);
  if (vectors.ok()) {
    job.vectors = *std::move(vectors);
  } else {
    job.error = vectors.error();
  }
}

}  // namespace

void AnswerBatch(const Engine& engine, const std::vector<BatchText>& batch) {
  const CallSettings& settings = batch.front().job->settings;
  if (settings.kind != JobKind::kExtract) return AnswerAlone(engine, batch.front());
  Result<std::vector<Extraction>> found =
      engine.Extract(DocumentsOf(batch), {}, OptionsOf(settings));
  if (!found.ok()) return RefuseBatch(found.error(), batch);
  for (size_t i = 0; i < batch.size(); ++i) {
    batch[i].job->results[batch[i].index] = std::move((*found)[i]);
  }
}

void RefuseBatch(const Error& error, const std::vector<BatchText>& batch) {
  for (const BatchText& text : batch) {
    if (text.job->settings.kind == JobKind::kExtract) {
      text.job->results[text.index].error = error;
    } else {
      text.job->error = error;
    }
  }
}

}  // namespace waterline::server
