// What a call of Python asks for, as the engine takes it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nanobind/nanobind.h>

#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "labels.h"
#include "utf8_view.h"
#include "waterline/engine.h"

namespace waterline::python {

// Texts with their settings. Holds what the documents view.
class Documents {
 public:
  // `texts`: str, or None for one that is missing and has no entities. Each of the others is one
  // for all texts, or a list with one for each (checked by the caller):
  //   labels      Labels
  //   thresholds  float
  //   relations   list of str; None: none
  //   spans       list of (start, end), or None: any span. Only ever one for each.
  //   words       list of (start, end), or None: as the engine splits. Only ever one for each.
  // Throws TypeError, ValueError; the index of the text is in the message.
  Documents(nb::list texts, nb::object labels, nb::object thresholds, nb::object relations,
            nb::object spans, nb::object words);

  std::span<const Document> documents() const { return documents_; }
  // Those that stand for all texts; empty where each has its own.
  std::span<const Label> shared_labels() const { return shared_labels_; }
  std::span<const std::string> shared_relations() const { return shared_relations_; }
  // Where the documents stand in the texts: those that are missing have none.
  const std::vector<size_t>& places() const { return places_; }
  nb::handle text(size_t place) const { return texts_[place]; }
  nb::handle label(size_t place, int32_t label) const {
    return labels_[labels_.size() == 1 ? 0 : place]->names[static_cast<size_t>(label)];
  }
  nb::handle relation(size_t place, int32_t relation) const {
    return relation_names_[relation_names_.size() == 1 ? 0 : place][static_cast<size_t>(relation)];
  }
  size_t texts() const { return nb::len(texts_); }
  bool has_relations() const { return !relation_names_.empty(); }

 private:
  nb::list texts_;
  std::vector<Utf8View> views_;
  std::vector<size_t> places_;
  std::vector<nb::object> label_objects_;
  std::vector<const Labels*> labels_;
  std::vector<std::vector<std::string>> relations_;
  std::vector<nb::list> relation_names_;
  std::deque<std::vector<TextSpan>> spans_;
  std::deque<std::vector<TextSpan>> words_;
  std::span<const Label> shared_labels_;
  std::span<const std::string> shared_relations_;
  std::vector<Document> documents_;
};

}  // namespace waterline::python
