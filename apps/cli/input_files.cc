// SPDX-License-Identifier: Apache-2.0
#include "input_files.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <span>
#include <string_view>
#include <utility>

namespace waterline::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTextNames[] = {"*.txt",    "*.text", "*.md",  "*.markdown", "*.jsonl",
                                      "*.ndjson", "*.csv",  "*.tsv", "*.tab"};

bool Matches(const std::string& pattern, const std::string& name) {
  return fnmatch(pattern.c_str(), name.c_str(), FNM_PERIOD) == 0;
}

bool MatchesAny(const std::vector<std::string>& patterns, const std::string& name) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return Matches(pattern, name); });
}

std::vector<std::string> TextNames() {
  std::vector<std::string> patterns;
  for (const std::string name : kTextNames) {
    for (const char* ending : {"", ".gz", ".zst"}) patterns.push_back(name + ending);
  }
  return patterns;
}

bool IsPattern(const std::string& argument) {
  return argument.find_first_of("*?[") != std::string::npos;
}

// Whether the names of a path match the parts of a pattern.
bool PathMatches(std::span<const std::string> parts, std::span<const std::string> names) {
  if (parts.empty()) return names.empty();
  if (parts.front() == "**") {
    for (size_t skipped = 0; skipped <= names.size(); ++skipped) {
      if (PathMatches(parts.subspan(1), names.subspan(skipped))) return true;
    }
    return false;
  }
  return !names.empty() && Matches(parts.front(), names.front()) &&
         PathMatches(parts.subspan(1), names.subspan(1));
}

class Search {
 public:
  explicit Search(const FileSearch& search)
      : search_(search), include_(search.include.empty() ? TextNames() : search.include) {
    for (const std::string& output : search.outputs) {
      std::error_code error;
      const fs::path canonical = fs::canonical(output, error);
      if (!error) outputs_.insert(canonical);
    }
  }

  Result<void> Take(const std::string& argument) {
    std::error_code error;
    const fs::file_status status = fs::status(argument, error);
    if (argument == "-" || (fs::exists(status) && !fs::is_directory(status))) {
      found_.files.push_back(argument);
      return {};
    }
    if (fs::is_directory(status) && search_.recursive) return TakeDirectory(argument);
    if (!fs::exists(status) && IsPattern(argument)) return TakePattern(argument);
    found_.files.push_back(argument);
    return {};
  }

  InputFiles Found() { return std::move(found_); }

 private:
  // Calls file(path) and directory(path) for what is in `folder`, in the order of names.
  template <typename File, typename Directory>
  void List(const fs::path& folder, File file, Directory directory) {
    std::error_code error;
    std::vector<fs::directory_entry> entries;
    fs::directory_iterator at(folder, error);
    while (!error && at != fs::directory_iterator()) {
      entries.push_back(*at);
      at.increment(error);
    }
    if (error) {
      found_.unreadable.push_back(
          {Code::kIo, fmt::format("{}: cannot be read: {}", folder.string(), error.message())});
    }
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
      return a.path().filename().native() < b.path().filename().native();
    });
    for (const fs::directory_entry& entry : entries) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with('.') || MatchesAny(search_.exclude, name)) continue;
      std::error_code ignored;
      if (entry.is_directory(ignored)) {
        if (!entry.is_symlink(ignored)) directory(entry.path());
      } else if (entry.is_regular_file(ignored) && !IsOutput(entry.path())) {
        file(entry.path());
      }
    }
  }

  bool IsOutput(const fs::path& path) const {
    if (outputs_.empty()) return false;
    std::error_code error;
    const fs::path canonical = fs::canonical(path, error);
    return !error && outputs_.contains(canonical);
  }

  Result<void> TakeDirectory(const std::string& argument) {
    const size_t files = found_.files.size();
    const size_t unreadable = found_.unreadable.size();
    const int64_t passed_over = found_.passed_over;
    Walk(argument);
    if (found_.files.size() > files || found_.unreadable.size() > unreadable) return {};
    return Error{Code::kNotFound,
                 fmt::format("{}: holds no file to read ({} of other names; --include says what is "
                             "read)",
                             argument, found_.passed_over - passed_over)};
  }

  void Walk(const fs::path& folder) {
    List(
        folder,
        [&](const fs::path& path) {
          if (MatchesAny(include_, path.filename().string())) {
            found_.files.push_back(path.string());
          } else {
            ++found_.passed_over;
          }
        },
        [&](const fs::path& path) { Walk(path); });
  }

  Result<void> TakePattern(const std::string& argument) {
    fs::path base;
    std::vector<std::string> parts;
    for (const fs::path& part : fs::path(argument)) {
      if (parts.empty() && !IsPattern(part.string())) {
        base /= part;
      } else if (!part.empty()) {
        parts.push_back(part.string());
      }
    }
    const size_t files = found_.files.size();
    const size_t unreadable = found_.unreadable.size();
    std::vector<std::string> names;
    std::error_code error;
    if (fs::is_directory(base.empty() ? "." : base, error)) WalkPattern(base, parts, names);
    if (found_.files.size() > files || found_.unreadable.size() > unreadable) return {};
    return Error{Code::kNotFound, fmt::format("{}: no file has this name, or matches it as a "
                                              "pattern",
                                              argument)};
  }

  void WalkPattern(const fs::path& folder, const std::vector<std::string>& parts,
                   std::vector<std::string>& names) {
    const bool any_depth = std::find(parts.begin(), parts.end(), "**") != parts.end();
    List(
        folder.empty() ? fs::path(".") : folder,
        [&](const fs::path& path) {
          names.push_back(path.filename().string());
          if (PathMatches(parts, names)) found_.files.push_back((folder / names.back()).string());
          names.pop_back();
        },
        [&](const fs::path& path) {
          names.push_back(path.filename().string());
          // Without ** a directory is of use only where its names match the first parts.
          const bool deeper = any_depth || (names.size() < parts.size() &&
                                            Matches(parts[names.size() - 1], names.back()));
          if (deeper) WalkPattern(folder / names.back(), parts, names);
          names.pop_back();
        });
  }

  const FileSearch& search_;
  std::vector<std::string> include_;
  std::set<fs::path> outputs_;
  InputFiles found_;
};

}  // namespace

Result<InputFiles> FindInputFiles(const std::vector<std::string>& arguments,
                                  const FileSearch& search) {
  Search all(search);
  for (const std::string& argument : arguments) {
    if (Result<void> taken = all.Take(argument); !taken.ok()) return taken.error();
  }
  return all.Found();
}

}  // namespace waterline::cli
