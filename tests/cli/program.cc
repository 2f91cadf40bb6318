// SPDX-License-Identifier: Apache-2.0
#include "program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

#include "scratch.h"

extern char** environ;

namespace waterline::cli {
namespace {

// Starts `arguments` with the given descriptors as its standard ones.
pid_t Spawn(const std::vector<std::string>& arguments, int in, int out, int err) {
  setenv("WATERLINE_CONFIG", "", 0);  // Whoever tests may have a file of options.
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
  std::vector<char*> pointers;
  for (const std::string& argument : arguments)
    pointers.push_back(const_cast<char*>(argument.data()));
  pointers.push_back(nullptr);
  pid_t process = -1;
  EXPECT_EQ(posix_spawn(&process, pointers[0], &actions, nullptr, pointers.data(), environ), 0)
      << arguments[0];
  posix_spawn_file_actions_destroy(&actions);
  return process;
}

int StatusOf(pid_t process) {
  int status = 0;
  EXPECT_EQ(waitpid(process, &status, 0), process);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

std::vector<std::string> WithProgram(const std::vector<std::string>& arguments) {
  std::vector<std::string> all = {WATERLINE_PROGRAM};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
}

Outcome RunCommand(const std::vector<std::string>& command, std::string_view input) {
  const Scratch scratch;
  const int in = open(scratch.File("in", input).c_str(), O_RDONLY | O_CLOEXEC);
  const int out = open(scratch.File("out", "").c_str(), O_WRONLY | O_CLOEXEC);
  const int err = open(scratch.File("err", "").c_str(), O_WRONLY | O_CLOEXEC);
  Outcome outcome;
  outcome.status = StatusOf(Spawn(command, in, out, err));
  for (const int descriptor : {in, out, err}) close(descriptor);
  outcome.out = Scratch::Read(scratch.Path("out"));
  outcome.err = Scratch::Read(scratch.Path("err"));
  return outcome;
}

}  // namespace

Outcome RunProgram(const std::vector<std::string>& arguments, std::string_view input) {
  return RunCommand(WithProgram(arguments), input);
}

Outcome Shell(const std::string& command) {
  return RunCommand({"/bin/sh", "-c", "WATERLINE='" WATERLINE_PROGRAM "'; " + command}, "");
}

Conversation::Conversation(const std::vector<std::string>& arguments) {
  signal(SIGPIPE, SIG_IGN);  // Say to a program that has ended is no end of the test.
  int in[2];
  int out[2];
  EXPECT_EQ(pipe2(in, O_CLOEXEC), 0);
  EXPECT_EQ(pipe2(out, O_CLOEXEC), 0);
  process_ = Spawn(WithProgram(arguments), in[0], out[1], STDERR_FILENO);
  close(in[0]);
  close(out[1]);
  input_ = in[1];
  output_ = out[0];
}

Conversation::~Conversation() {
  EndInput();
  CloseOutput();
  if (process_ > 0) {
    kill(process_, SIGKILL);
    Wait();
  }
}

void Conversation::Say(std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = write(input_, text.data(), text.size());
    if (count <= 0) return;
    text.remove_prefix(static_cast<size_t>(count));
  }
}

void Conversation::EndInput() {
  if (input_ >= 0) close(std::exchange(input_, -1));
}

void Conversation::CloseOutput() {
  if (output_ >= 0) close(std::exchange(output_, -1));
}

std::string Conversation::Hear(int seconds) {
  std::string line;
  pollfd ready{output_, POLLIN, 0};
  char c = 0;
  while (!line.ends_with('\n') && poll(&ready, 1, seconds * 1000) > 0 &&
         read(output_, &c, 1) == 1) {
    line += c;
  }
  return line;
}

int Conversation::Wait() { return StatusOf(std::exchange(process_, -1)); }

}  // namespace waterline::cli
