// Runs the built program (WATERLINE_PROGRAM) as a shell would.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace waterline::cli {

struct Outcome {
  int status = -1;  // As a shell shows it: 128 + signal for a program that a signal ended.
  std::string out;
  std::string err;
};

// Runs the program with `arguments`, `input` on standard input, and waits for it.
Outcome RunProgram(const std::vector<std::string>& arguments, std::string_view input = "");

// Runs a shell command in which $WATERLINE is the program.
Outcome Shell(const std::string& command);

// A program that runs with pipes on its standard input and output.
class Conversation {
 public:
  explicit Conversation(const std::vector<std::string>& arguments);
  ~Conversation();
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;

  void Say(std::string_view text);
  void EndInput();
  void CloseOutput();  // As a reader that has seen enough.

  // The next line of its output with "\n"; what there is after `seconds` without one.
  std::string Hear(int seconds = 60);

  // Its status, as Outcome::status.
  int Wait();

 private:
  pid_t process_ = -1;
  int input_ = -1;
  int output_ = -1;
};

}  // namespace waterline::cli
