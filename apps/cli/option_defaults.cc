// SPDX-License-Identifier: Apache-2.0
#include "option_defaults.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <optional>
#include <set>
#include <sstream>
#include <string_view>
#include <utility>

#include "byte_source.h"

namespace waterline::cli {
namespace {

constexpr char kConfigFlag[] = "--config";
constexpr size_t kMaxFileBytes = 1 << 20;

Error Invalid(std::string message) { return {Code::kInvalidArgument, std::move(message)}; }

const CLI::App* FindCommand(const CLI::App& program, const std::string& name) {
  for (const CLI::App* command : program.get_subcommands(nullptr)) {
    if (command->get_name() == name) return command;
  }
  return nullptr;
}

// The option "--name" of a command that files and variables may set; nullptr: there is none.
const CLI::Option* FindOption(const CLI::App& command, const std::string& name) {
  if (name == "help" || name == "config" || name == "version") return nullptr;
  return command.get_option_no_throw("--" + name);
}

bool TakesValue(const CLI::Option& option) { return option.get_expected_max() > 0; }

// Takes --config out of `arguments`; the last one holds.
Result<std::optional<std::string>> TakeConfig(std::vector<std::string>& arguments) {
  std::optional<std::string> path;
  for (auto at = arguments.begin(); at != arguments.end() && *at != "--";) {
    const std::string with_value = std::string(kConfigFlag) + "=";
    if (at->starts_with(with_value)) {
      path = at->substr(with_value.size());
      at = arguments.erase(at);
    } else if (*at == kConfigFlag) {
      if (std::next(at) == arguments.end()) return Invalid("--config needs a file");
      path = *std::next(at);
      at = arguments.erase(at, at + 2);
    } else {
      ++at;
    }
  }
  return path;
}

// The options that `arguments` name, as CLI11 reads them.
std::set<const CLI::Option*> GivenOptions(const CLI::App& command,
                                          const std::vector<std::string>& arguments) {
  std::set<const CLI::Option*> given;
  for (const std::string& argument : arguments) {
    if (argument == "--") break;
    if (argument.starts_with("--")) {
      given.insert(command.get_option_no_throw(argument.substr(0, argument.find('='))));
    } else if (argument.size() > 1 && argument[0] == '-') {
      for (const char c : argument.substr(1)) {
        const CLI::Option* option = command.get_option_no_throw(std::string("-") + c);
        given.insert(option);
        if (option == nullptr || TakesValue(*option)) break;  // The rest is the value.
      }
    }
  }
  given.erase(nullptr);
  return given;
}

std::string VariableOf(const std::string& name) {
  std::string variable = "WATERLINE_";
  for (const char c : name) {
    variable += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return variable;
}

bool IsTrue(const std::string& text) {
  return text == "1" || text == "true" || text == "yes" || text == "on";
}

bool IsFalse(const std::string& text) {
  return text == "0" || text == "false" || text == "no" || text == "off";
}

struct Value {
  std::vector<std::string> inputs;
  std::string origin;
};

// What a file says, by the long name of an option.
using Values = std::map<std::string, Value>;

// The file's values for `command`. Every key is looked at, whatever the command.
Result<Values> ReadFile(const CLI::App& program, const CLI::App& command, const std::string& path) {
  const Result<std::string> text = ReadAll(path, kMaxFileBytes);
  if (!text.ok()) return text.error();
  std::vector<CLI::ConfigItem> items;
  try {
    std::istringstream stream(*text);
    items = CLI::ConfigTOML().from_config(stream);
  } catch (const CLI::Error& error) {
    return Invalid(fmt::format("{}: {}", path, error.what()));
  }
  Values general;
  Values own;
  for (CLI::ConfigItem& item : items) {
    if (item.name == "++" || item.name == "--") continue;  // Where sections begin and end.
    const bool of_all = item.parents.empty();
    const CLI::App* section = of_all ? nullptr : FindCommand(program, item.parents.front());
    if (!of_all && (section == nullptr || item.parents.size() > 1)) {
      return Invalid(
          fmt::format("{}: [{}] is no command", path, CLI::detail::join(item.parents, ".")));
    }
    const auto commands = program.get_subcommands(nullptr);
    const bool known =
        of_all ? std::any_of(commands.begin(), commands.end(),
                             [&](const CLI::App* one) { return FindOption(*one, item.name); })
               : FindOption(*section, item.name) != nullptr;
    if (!known) {
      return Invalid(fmt::format("{}: {} is no option of {}", path, item.name,
                                 of_all ? "any command" : section->get_name()));
    }
    if (of_all) general[item.name] = {std::move(item.inputs), path};
    if (section == &command) own[item.name] = {std::move(item.inputs), path};
  }
  own.merge(general);
  return own;
}

// The path of the file; "" for none.
std::string FindFile(const std::optional<std::string>& given) {
  if (given) return *given;
  if (const char* variable = std::getenv("WATERLINE_CONFIG")) return variable;
  const char* config = std::getenv("XDG_CONFIG_HOME");
  const char* home = std::getenv("HOME");
  std::string path;
  if (config != nullptr && *config == '/') {
    path = config;
  } else if (home != nullptr && *home != '\0') {
    path = std::string(home) + "/.config";
  } else {
    return "";
  }
  path += "/waterline/config.toml";
  return access(path.c_str(), F_OK) == 0 ? path : "";
}

}  // namespace

Result<CompletedArguments> AddDefaults(const CLI::App& program,
                                       std::vector<std::string> arguments) {
  const Result<std::optional<std::string>> config = TakeConfig(arguments);
  if (!config.ok()) return config.error();
  CompletedArguments completed;
  completed.arguments = std::move(arguments);
  const auto name = std::find_if(completed.arguments.begin(), completed.arguments.end(),
                                 [](const std::string& one) { return !one.starts_with('-'); });
  const CLI::App* command =
      name == completed.arguments.end() ? nullptr : FindCommand(program, *name);
  if (command == nullptr) return completed;
  const std::vector<std::string> own(std::next(name), completed.arguments.end());
  std::set<const CLI::Option*> given = GivenOptions(*command, own);
  if (given.contains(command->get_help_ptr())) return completed;

  Values values;
  if (const std::string path = FindFile(*config); !path.empty()) {
    Result<Values> read = ReadFile(program, *command, path);
    if (!read.ok()) return read.error();
    values = *std::move(read);
  }
  for (const CLI::Option* option : command->get_options()) {
    for (const std::string& long_name : option->get_lnames()) {
      const std::string variable = VariableOf(long_name);
      const char* text = std::getenv(variable.c_str());
      const bool set = text != nullptr && *text != '\0' && FindOption(*command, long_name) &&
                       variable != "WATERLINE_ISA";
      if (set) values[long_name] = {{text}, variable};
    }
  }

  // Options first, and then those that need them.
  std::vector<std::string> added;
  for (const bool needing : {false, true}) {
    for (const auto& [long_name, value] : values) {
      const CLI::Option* option = FindOption(*command, long_name);
      if (option == nullptr || given.contains(option)) continue;
      const auto& needs = option->get_needs();
      if (needs.empty() == needing) continue;
      if (!std::all_of(needs.begin(), needs.end(),
                       [&](const CLI::Option* one) { return given.contains(one); })) {
        continue;
      }
      const std::string flag = "--" + long_name;
      if (TakesValue(*option)) {
        for (const std::string& input : value.inputs) added.push_back(flag + "=" + input);
      } else if (value.inputs.size() == 1 && IsTrue(value.inputs[0])) {
        added.push_back(flag);
      } else if (value.inputs.size() != 1 || !IsFalse(value.inputs[0])) {
        return Invalid(fmt::format("{}: {} is true or false", value.origin, flag));
      }
      given.insert(option);
      completed.origin[flag] = value.origin;
    }
  }
  completed.arguments.insert(std::next(name), added.begin(), added.end());
  return completed;
}

}  // namespace waterline::cli
