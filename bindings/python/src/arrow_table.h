// Entities of a column of an Arrow table.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "arrow_input.h"
#include "arrow_output.h"
#include "waterline/engine.h"

namespace waterline::python {

// Extracts from every text of `texts`, batch by batch; one chunk a batch. A null has a null, and so
// has, with `refused_as_null`, a text that is refused; otherwise the exception of the first one is
// thrown. Releases the GIL while it works.
EntityColumn ExtractTable(const Engine& engine, TextStream& texts, std::span<const Label> labels,
                          const ExtractOptions& options, bool refused_as_null);

}  // namespace waterline::python
