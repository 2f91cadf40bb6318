// SPDX-License-Identifier: Apache-2.0
#include "print_result.h"

#include "diagnostics.h"
#include "exit_status.h"

namespace waterline::cli {
namespace {

int Fail(const Error& error) {
  PrintError(error.message);
  return kFatal;
}

}  // namespace

int PrintResult(OutputFile& output, std::string_view text) {
  const Result<void> written = output.Write(text);
  if (output.reader_gone()) return kNoReader;
  if (!written.ok()) return Fail(written.error());
  const Result<void> closed = output.Commit();
  return closed.ok() ? kSuccess : Fail(closed.error());
}

int PrintResult(std::string_view text) {
  Result<OutputFile> output = OutputFile::Open("");
  return output.ok() ? PrintResult(*output, text) : Fail(output.error());
}

}  // namespace waterline::cli
