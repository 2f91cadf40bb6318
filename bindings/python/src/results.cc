// SPDX-License-Identifier: Apache-2.0
#include "results.h"

#include <fmt/format.h>

#include <utility>

#include "errors.h"

namespace waterline::python {
namespace {

nb::object Substring(nb::handle text, size_t start, size_t end) {
  PyObject* part =
      PyUnicode_Substring(text.ptr(), static_cast<Py_ssize_t>(start), static_cast<Py_ssize_t>(end));
  if (part == nullptr) throw nb::python_error();
  return nb::steal(part);
}

}  // namespace

Results::Results(const Documents& documents, ResultForm form)
    : documents_(documents),
      form_(std::move(form)),
      start_("start"),
      end_("end"),
      text_("text"),
      label_("label"),
      score_("score"),
      class_probs_("class_probs"),
      vector_("vector"),
      label_vector_("label_vector"),
      head_("head"),
      tail_("tail"),
      relation_("relation"),
      type_("type"),
      entity_idx_("entity_idx") {
  for (size_t i = 0; i < documents.texts(); ++i) {
    entities_.append(nb::list());
    if (documents.has_relations()) relations_.append(nb::list());
  }
}

nb::object Results::MakeVector(const std::vector<float>& values) const {
  return form_.make_vector(nb::bytes(values.data(), values.size() * sizeof(float)));
}

nb::dict Results::MakeEntity(size_t place, const Extraction& extraction, size_t index) const {
  const Entity& entity = extraction.entities[index];
  nb::dict made;
  made[start_] = entity.start;
  made[end_] = entity.end;
  made[text_] = Substring(documents_.text(place), entity.start, entity.end);
  made[label_] = documents_.label(place, entity.label);
  made[score_] = static_cast<double>(entity.score);
  if (form_.class_probs && index < extraction.class_scores.size() &&
      !extraction.class_scores[index].empty()) {
    nb::dict scores;
    for (const LabelScore& score : extraction.class_scores[index]) {
      scores[documents_.label(place, score.label)] = static_cast<double>(score.score);
    }
    made[class_probs_] = scores;
  }
  if (form_.vectors) made[vector_] = MakeVector(extraction.vectors[index]);
  if (form_.label_vectors) made[label_vector_] = MakeVector(extraction.label_vectors[index]);
  return made;
}

// The head or the tail of a relation.
nb::dict Results::MakeEnd(size_t place, const Extraction& extraction, int32_t index) const {
  const Entity& entity = extraction.entities[static_cast<size_t>(index)];
  nb::dict made;
  made[start_] = entity.start;
  made[end_] = entity.end;
  made[text_] = Substring(documents_.text(place), entity.start, entity.end);
  made[type_] = documents_.label(place, entity.label);
  made[entity_idx_] = index;
  return made;
}

// Says how much of a text was cut off.
void Results::Warn(size_t place, const Extraction& extraction) const {
  const std::string message =
      fmt::format("texts[{}]: a sentence of length {} has been truncated to {}", place,
                  extraction.words, extraction.words - extraction.words_cut);
  if (PyErr_WarnEx(PyExc_UserWarning, message.c_str(), 1) != 0) throw nb::python_error();
}

void Results::Add(size_t begin, const std::vector<Extraction>& extractions) {
  for (size_t i = 0; i < extractions.size(); ++i) {
    const size_t place = documents_.places()[begin + i];
    const Extraction& extraction = extractions[i];
    if (extraction.error) {
      if (!form_.return_exceptions) Raise(*extraction.error, place);
      const nb::object exception = MakeException(*extraction.error, place);
      entities_[place] = exception;
      if (documents_.has_relations()) relations_[place] = exception;
      continue;
    }
    if (extraction.words_cut > 0) Warn(place, extraction);
    auto entities = nb::cast<nb::list>(entities_[place]);
    for (size_t e = 0; e < extraction.entities.size(); ++e) {
      entities.append(MakeEntity(place, extraction, e));
    }
    if (extraction.relations.empty()) continue;
    auto relations = nb::cast<nb::list>(relations_[place]);
    for (const Relation& relation : extraction.relations) {
      nb::dict made;
      made[head_] = MakeEnd(place, extraction, relation.head);
      made[tail_] = MakeEnd(place, extraction, relation.tail);
      made[relation_] = documents_.relation(place, relation.relation);
      made[score_] = static_cast<double>(relation.score);
      relations.append(made);
    }
  }
}

}  // namespace waterline::python
