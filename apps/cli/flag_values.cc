// SPDX-License-Identifier: Apache-2.0
#include "flag_values.h"

namespace waterline::cli {

void AddModelArgument(CLI::App& command, std::string& model) {
  command
      .add_option("MODEL", model,
                  "Directory of a GLiNER checkpoint, or a hub id in the local\n"
                  "Hugging Face cache; without it the model that ships with Waterline")
      ->option_text(" ");
}

CLI::Option* AddParsed(CLI::App& command, const std::string& names, const std::string& help,
                       std::function<std::string(const std::string&)> parse) {
  return command.add_option_function<std::string>(
      names,
      [first = names.substr(0, names.find(',')),
       parse = std::move(parse)](const std::string& text) {
        const std::string wrong = parse(text);
        if (!wrong.empty()) throw CLI::ValidationError(first + " " + wrong);
      },
      help);
}

}  // namespace waterline::cli
