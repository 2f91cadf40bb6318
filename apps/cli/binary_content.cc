// SPDX-License-Identifier: Apache-2.0
#include "binary_content.h"

#include <fmt/format.h>

namespace waterline::cli {
namespace {

struct Mark {
  std::string_view bytes;
  std::string_view what;
};
constexpr Mark kMarks[] = {
    {"%PDF-", "a PDF; convert it to text, as with pdftotext"},
    {"PK\x03\x04", "a zip archive (as .docx, .xlsx and .odt are); take the text out of it first"},
    {"BZh", "compressed with bzip2; decompress it first, as with bzcat"},
    {"\xFD"
     "7zXZ",
     "compressed with xz; decompress it first, as with xzcat"},
    {"PAR1", "Parquet"},
    {"ARROW1", "an Arrow file"},
    {"\x89PNG", "a picture"},
    {"\xFF\xD8\xFF", "a picture"},
    {"\x7F"
     "ELF",
     "a program"},
    {"{\\rtf", "RTF; convert it to text first"},
};
constexpr size_t kLooked = 8192;

}  // namespace

std::optional<std::string> DescribeBinary(std::string_view opening) {
  for (const Mark& mark : kMarks) {
    const bool text_too =
        mark.bytes == "BZh";  // A word may begin so; what follows is a digit and pi.
    if (!opening.starts_with(mark.bytes)) continue;
    if (text_too && opening.substr(4, 2) != "1A") continue;
    return fmt::format("it is {}", mark.what);
  }
  const size_t zero = opening.substr(0, kLooked).find('\0');
  if (zero == std::string_view::npos) return std::nullopt;
  return fmt::format(
      "it is not text: byte {} is 0; where it is text in UTF-16 or UTF-32, say so "
      "with --encoding",
      zero);
}

}  // namespace waterline::cli
