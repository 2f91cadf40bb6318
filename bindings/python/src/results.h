// Answers of the engine as the dictionaries of the Python package.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nanobind/nanobind.h>

#include <optional>
#include <vector>

#include "documents.h"
#include "waterline/engine.h"

namespace waterline::python {

struct ResultForm {
  bool class_probs = false;    // "class_probs" of entities, where the model gives them.
  bool vectors = false;        // "vector"
  bool label_vectors = false;  // "label_vector"
  // Makes a vector from the bytes of its floats.
  nb::object make_vector;
  bool return_exceptions = false;  // In place of the answer for a text that is refused.
};

// Lists with one list of dictionaries a text. Keys are made once.
class Results {
 public:
  Results(const Documents& documents, ResultForm form);

  // Takes the answers for documents() from `begin` on. Throws the exception of the first text that
  // is refused, unless they are returned.
  void Add(size_t begin, const std::vector<Extraction>& extractions);

  nb::list entities() const { return entities_; }
  nb::list relations() const { return relations_; }  // Empty where none were asked for.

 private:
  nb::dict MakeEntity(size_t place, const Extraction& extraction, size_t index) const;
  nb::dict MakeEnd(size_t place, const Extraction& extraction, int32_t index) const;
  nb::object MakeVector(const std::vector<float>& values) const;
  void Warn(size_t place, const Extraction& extraction) const;

  const Documents& documents_;
  ResultForm form_;
  nb::list entities_;
  nb::list relations_;
  nb::str start_, end_, text_, label_, score_, class_probs_, vector_, label_vector_;
  nb::str head_, tail_, relation_, type_, entity_idx_;
};

}  // namespace waterline::python
