// SPDX-License-Identifier: Apache-2.0
#include "command_help.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iterator>
#include <string_view>
#include <vector>

namespace waterline::cli {
namespace {

using Options = std::vector<const CLI::Option*>;

// Those that are shown, without positional ones.
Options NamedOptions(const CLI::App& command) {
  Options options;
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_positional() || option->get_group().empty()) continue;
    options.push_back(option);
  }
  return options;
}

bool TakesValue(const CLI::Option& option) { return option.get_expected_max() > 0; }

// Whether its value is the path of a file or directory, as its text in the help says.
bool TakesPath(const CLI::Option& option) {
  const std::string text = option.get_option_text();
  return TakesValue(option) && (text == "F" || text == "FILE" || text == "DIR" || text == "M");
}

// The values of an option that is one of few; AddChoice leaves them in the type's name.
std::vector<std::string> Choices(const CLI::Option& option) {
  std::vector<std::string> choices;
  const std::string type = option.get_type_name();
  if (type.find('|') == std::string::npos) return choices;
  for (const std::string& choice : CLI::detail::split(type, '|')) choices.push_back(choice);
  return choices;
}

// "--labels", "-l", ...
std::vector<std::string> Names(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  return names;
}

std::string Join(const std::vector<std::string>& parts) { return CLI::detail::join(parts, " "); }

// The first line of a description, as one line.
std::string Line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

// `text` between single quotes of a shell.
std::string Quoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

// `text` where zsh's _arguments would take : and brackets for its own.
std::string ZshText(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == ':' || c == '[' || c == ']' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

// `text` where roff would see its own characters.
std::string Roff(std::string_view text) {
  std::string escaped;
  bool line_start = true;
  for (const char c : text) {
    if (line_start && (c == '.' || c == '\'')) escaped += "\\&";
    if (c == '\\') {
      escaped += "\\e";
    } else if (c == '-') {
      escaped += "\\-";
    } else {
      escaped += c;
    }
    line_start = c == '\n';
  }
  return escaped;
}

std::string Heading(std::string name, const std::string& version) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return fmt::format(".TH {} 1 \"\" \"waterline {}\" \"Waterline\"\n.SH NAME\n", name, version);
}

void AppendOptions(const CLI::App& command, std::string& out) {
  const auto to = std::back_inserter(out);
  std::vector<std::string> groups;
  const Options options = NamedOptions(command);
  for (const CLI::Option* option : options) {
    if (std::find(groups.begin(), groups.end(), option->get_group()) == groups.end()) {
      groups.push_back(option->get_group());
    }
  }
  out += ".SH OPTIONS\n";
  for (const std::string& group : groups) {
    if (groups.size() > 1) fmt::format_to(to, ".SS {}\n", Roff(group));
    for (const CLI::Option* option : options) {
      if (option->get_group() != group) continue;
      std::string names;
      for (const std::string& name : Names(*option)) {
        names += fmt::format("{}\\fB{}\\fR", names.empty() ? "" : ", ", Roff(name));
      }
      if (TakesValue(*option)) names += fmt::format(" \\fI{}\\fR", Roff(option->get_option_text()));
      fmt::format_to(to, ".TP\n{}\n{}\n", names, Roff(Line(option->get_description())));
    }
  }
}

// A footer as its author laid it out.
void AppendNotes(const CLI::App& command, std::string& out) {
  fmt::format_to(std::back_inserter(out), ".SH NOTES\n.nf\n{}\n.fi\n", Roff(command.get_footer()));
}

constexpr std::string_view kEnvironment =
    R"(.SH ENVIRONMENT
.TP
\fBWATERLINE_\fINAME\fR
stands for the option \fB\-\-\fIname\fR of any command, with _ for \-, where the command line does not
give it.
.TP
\fBWATERLINE_CONFIG\fR
the file of options; empty: none.
.SH FILES
.TP
\fI$XDG_CONFIG_HOME/waterline/config.toml\fR, \fI~/.config/waterline/config.toml\fR
options that neither the command line nor the environment gives, as TOML: keys above the first section for
every command that has the option, in a section \fB[extract]\fR for that one.
)";

}  // namespace

std::string CompleteForBash(const CLI::App& program) {
  std::string out =
      "# Completion of waterline for bash. Load it with: source <(waterline completion bash)\n"
      "_waterline() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
      "  local command='' word\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    [[ $word != -* ]] && { command=$word; break; }\n"
      "  done\n"
      "  case \"$command $previous\" in\n";
  const auto to = std::back_inserter(out);
  std::vector<std::string> commands;
  std::string options;
  for (const CLI::App* command : program.get_subcommands(nullptr)) {
    commands.push_back(command->get_name());
    std::vector<std::string> names;
    for (const CLI::Option* option : NamedOptions(*command)) {
      for (const std::string& name : Names(*option)) {
        names.push_back(name);
        const std::vector<std::string> choices = Choices(*option);
        if (!choices.empty()) {
          fmt::format_to(to,
                         "    '{} {}') COMPREPLY=($(compgen -W '{}' -- \"$current\")); return ;;\n",
                         command->get_name(), name, Join(choices));
        } else if (TakesValue(*option)) {
          fmt::format_to(to, "    '{} {}') COMPREPLY=({}); return ;;\n", command->get_name(), name,
                         TakesPath(*option) ? "$(compgen -f -- \"$current\")" : "");
        }
      }
    }
    fmt::format_to(std::back_inserter(options), "    {}) options='{}' ;;\n", command->get_name(),
                   Join(names));
  }
  fmt::format_to(to,
                 "  esac\n"
                 "  local options='{} --config --help --version'\n"
                 "  case $command in\n{}  esac\n"
                 "  if [[ -n $command && $current != -* ]]; then\n"
                 "    COMPREPLY=($(compgen -f -- \"$current\"))\n"
                 "  else\n"
                 "    COMPREPLY=($(compgen -W \"$options\" -- \"$current\"))\n"
                 "  fi\n"
                 "}}\n"
                 "complete -o filenames -F _waterline waterline\n",
                 Join(commands), options);
  return out;
}

std::string CompleteForZsh(const CLI::App& program) {
  std::string out =
      "#compdef waterline\n"
      "# Completion of waterline for zsh: save it as _waterline in a directory of $fpath.\n"
      "_waterline() {\n"
      "  local context state line\n"
      "  _arguments -C '--help[Help]' '--version[Version]' '--config[File of options]:file:_files' "
      "\\\n"
      "    '1:command:->command' '*::argument:->arguments'\n"
      "  case $state in\n"
      "    command)\n"
      "      local -a commands=(\n";
  const auto to = std::back_inserter(out);
  for (const CLI::App* command : program.get_subcommands(nullptr)) {
    fmt::format_to(to, "        {}\n",
                   Quoted(command->get_name() + ":" + ZshText(Line(command->get_description()))));
  }
  out += "      )\n      _describe command commands ;;\n    arguments)\n      case $line[1] in\n";
  for (const CLI::App* command : program.get_subcommands(nullptr)) {
    fmt::format_to(to, "        {}) _arguments -s \\\n", command->get_name());
    for (const CLI::Option* option : NamedOptions(*command)) {
      std::string rest = fmt::format("[{}]", ZshText(Line(option->get_description())));
      const std::vector<std::string> choices = Choices(*option);
      if (!choices.empty()) {
        rest += fmt::format(":value:({})", Join(choices));
      } else if (TakesValue(*option)) {
        rest += TakesPath(*option) ? ":file:_files" : ":value: ";
      }
      for (const std::string& name : Names(*option)) {
        fmt::format_to(to, "            {} \\\n", Quoted(name + rest));
      }
    }
    out += "            '*:file:_files' ;;\n";
  }
  out += "      esac ;;\n  esac\n}\n_waterline \"$@\"\n";
  return out;
}

std::string CompleteForFish(const CLI::App& program) {
  std::string out =
      "# Completion of waterline for fish: save it as ~/.config/fish/completions/waterline.fish\n";
  const auto to = std::back_inserter(out);
  for (const CLI::App* command : program.get_subcommands(nullptr)) {
    fmt::format_to(to, "complete -c waterline -n __fish_use_subcommand -f -a {} -d {}\n",
                   command->get_name(), Quoted(Line(command->get_description())));
  }
  for (const CLI::App* command : program.get_subcommands(nullptr)) {
    for (const CLI::Option* option : NamedOptions(*command)) {
      fmt::format_to(to, "complete -c waterline -n '__fish_seen_subcommand_from {}'",
                     command->get_name());
      for (const std::string& name : option->get_lnames()) fmt::format_to(to, " -l {}", name);
      for (const std::string& name : option->get_snames()) fmt::format_to(to, " -s {}", name);
      const std::vector<std::string> choices = Choices(*option);
      if (!choices.empty()) {
        fmt::format_to(to, " -x -a {}", Quoted(Join(choices)));
      } else if (TakesValue(*option)) {
        out += TakesPath(*option) ? " -r" : " -x";
      }
      fmt::format_to(to, " -d {}\n", Quoted(Line(option->get_description())));
    }
  }
  return out;
}

std::string FormatManual(const CLI::App& program, const std::string& version) {
  std::string out = Heading("waterline", version);
  const auto to = std::back_inserter(out);
  fmt::format_to(to,
                 "waterline \\- {}\n.SH SYNOPSIS\n.B waterline\n\\fICOMMAND\\fR [\\fIOPTIONS\\fR]\n"
                 ".SH COMMANDS\n",
                 Roff(program.get_description()));
  for (const CLI::App* command : program.get_subcommands(nullptr)) {
    fmt::format_to(to, ".TP\n\\fBwaterline\\-{}\\fR(1)\n{}\n", Roff(command->get_name()),
                   Roff(Line(command->get_description())));
  }
  AppendOptions(program, out);
  out += kEnvironment;
  AppendNotes(program, out);
  return out;
}

std::string FormatManual(const CLI::App& program, const CLI::App& command,
                         const std::string& version) {
  std::string out = Heading("waterline-" + command.get_name(), version);
  std::string arguments;
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_positional()) arguments += " [" + option->get_name(true) + "]";
  }
  fmt::format_to(std::back_inserter(out),
                 "waterline\\-{} \\- {}\n.SH SYNOPSIS\n.B waterline {}\n[\\fIOPTIONS\\fR]{}\n",
                 Roff(command.get_name()), Roff(Line(command.get_description())),
                 Roff(command.get_name()), Roff(arguments));
  AppendOptions(command, out);
  if (!command.get_footer().empty()) AppendNotes(command, out);
  fmt::format_to(std::back_inserter(out), ".SH SEE ALSO\n\\fB{}\\fR(1)\n", program.get_name());
  return out;
}

}  // namespace waterline::cli
