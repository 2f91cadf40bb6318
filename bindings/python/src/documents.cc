// SPDX-License-Identifier: Apache-2.0
#include "documents.h"

#include <utility>

#include "errors.h"

namespace waterline::python {
namespace {

// The spans of one text that lie in it; others align with no word.
std::vector<TextSpan> ReadSpans(nb::handle list, Py_ssize_t length) {
  std::vector<TextSpan> spans;
  for (const nb::handle item : list) {
    const auto pair = nb::cast<nb::tuple>(item);
    const auto start = nb::cast<Py_ssize_t>(pair[0]), end = nb::cast<Py_ssize_t>(pair[1]);
    if (start < 0 || end <= start || end > length) continue;
    spans.push_back({static_cast<size_t>(start), static_cast<size_t>(end)});
  }
  return spans;
}

// The element of `value` for `place`, or `value` for all.
nb::object At(const nb::object& value, size_t place) {
  if (!nb::isinstance<nb::list>(value)) return value;
  return nb::borrow(nb::cast<nb::list>(value)[place]);
}

}  // namespace

Documents::Documents(nb::list texts, nb::object labels, nb::object thresholds, nb::object relations,
                     nb::object spans, nb::object words)
    : texts_(std::move(texts)) {
  const size_t count = nb::len(texts_);
  const bool own_labels = nb::isinstance<nb::list>(labels);
  if (own_labels) {
    for (const nb::handle item : labels) label_objects_.push_back(nb::borrow(item));
  } else {
    label_objects_.push_back(std::move(labels));
  }
  for (const nb::object& object : label_objects_) {
    labels_.push_back(&nb::cast<const Labels&>(object));
  }
  if (!own_labels) shared_labels_ = labels_.front()->labels;
  bool own_relations = false;
  if (!relations.is_none()) {
    const auto list = nb::cast<nb::list>(relations);
    own_relations = nb::len(list) > 0 && nb::isinstance<nb::list>(list[0]);
    if (own_relations) {
      for (const nb::handle own : list) {
        relation_names_.push_back(nb::cast<nb::list>(own));
        relations_.push_back(ReadStrings(relation_names_.back(), "relations"));
      }
    } else {
      relation_names_.push_back(list);
      relations_.push_back(ReadStrings(list, "relations"));
    }
  }
  if (!own_relations && !relations_.empty()) shared_relations_ = relations_.front();
  views_.reserve(count);
  documents_.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const nb::handle text = texts_[i];
    if (text.is_none()) continue;
    views_.emplace_back(text, "texts", i);
    const nb::object threshold = At(thresholds, i);
    Document& document = documents_.emplace_back();
    document.text = views_.back().bytes();
    if (own_labels) document.labels = &labels_[i]->labels;
    document.threshold = static_cast<float>(nb::cast<double>(threshold));
    if (own_relations) document.relations = &relations_[i];
    if (!spans.is_none()) {
      document.spans = &spans_.emplace_back(
          ReadSpans(nb::cast<nb::list>(spans)[i], PyUnicode_GetLength(text.ptr())));
    }
    if (!words.is_none()) {
      document.words = &words_.emplace_back(
          ReadSpans(nb::cast<nb::list>(words)[i], PyUnicode_GetLength(text.ptr())));
    }
    places_.push_back(i);
  }
}

}  // namespace waterline::python
