// SPDX-License-Identifier: Apache-2.0
#include "pack_command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>

#include "byte_size.h"
#include "diagnostics.h"
#include "exit_status.h"
#include "flag_values.h"
#include "print_result.h"
#include "report_table.h"

namespace waterline::cli {
namespace {

std::string FormatReport(const PackReport& report) {
  ReportTable table;
  table.Heading("packed");
  table.Row("from", fmt::format("{}, {}", report.source, FormatExactByteSize(report.bytes_before)));
  table.Row("to", fmt::format("{}, {}", report.directory, FormatExactByteSize(report.bytes)));
  table.Row("as", PrecisionName(report.dtype));
  table.Row("tensors", fmt::format("{}, of which {} are shorter", FormatCount(report.tensors),
                                   FormatCount(report.tensors_shortened)));
  table.Row("other files", fmt::format("{}", fmt::join(report.files, ", ")));
  return table.Take();
}

}  // namespace

void AddPackFlags(CLI::App& command, PackArguments& arguments) {
  AddModelArgument(command, arguments.model);
  AddChoice<Precision>(command, "--dtype", "What linear maps are stored and run as: bf16 or int8",
                       {{"bf16", Precision::kBf16}, {"int8", Precision::kInt8}},
                       arguments.options.dtype)
      ->option_text("TYPE")
      ->required();
  command
      .add_option("--output,-o", arguments.directory,
                  "Directory to write; it must not be there yet, and appears whole or\n"
                  "not at all")
      ->option_text("DIR")
      ->required();
  AddChoice<EmbeddingType>(command, "--embeddings",
                           "How word embeddings are stored: stored, the default, as they are;\n"
                           "or bf16, half of f32, which changes scores a little",
                           {{"stored", EmbeddingType::kAsStored}, {"bf16", EmbeddingType::kBf16}},
                           arguments.options.embeddings)
      ->option_text("TYPE");
  command.footer(
      R"(The new directory holds config, tokenizer, README and licence too. All commands take it as they
take any checkpoint, and run it as it is packed; its answers are those of the original with the same
--dtype, bit for bit (with --embeddings stored). Exit status: 0, or 2 for an error.

Examples:
  waterline pack --dtype int8 -o tiny-int8
  waterline pack urchade/gliner_small-v2.1 --dtype bf16 -o models/small-bf16
  waterline extract notes.txt --labels person --model models/small-bf16)");
}

int RunPack(const PackArguments& arguments) {
  const Result<PackReport> report = Pack(arguments.model, arguments.directory, arguments.options);
  if (!report.ok()) {
    PrintError(report.error().message);
    return kFatal;
  }
  return PrintResult(FormatReport(*report));
}

}  // namespace waterline::cli
