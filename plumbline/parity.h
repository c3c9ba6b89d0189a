// Parity in test-suites: a candidate is judged by the program `plumb`, and what it says becomes the
// failure's text. Needs POSIX and the standard library (C++17); links nothing.
//
//   EXPECT_THAT("trace:mine.safetensors", plumbline::HasParityWith("checkpoint/"));    // gmock
//
//   const plumbline::Judgement judged = plumbline::check("checkpoint/", "plugin:./engine.so");
//   EXPECT_TRUE(judged.passed) << judged.story;                          // any framework
//
// The program is $PLUMB where that is set, else the installed one (CMake's target
// plumbline::plumbline knows it), else `plumb` on the PATH.
#ifndef PLUMBLINE_PARITY_H
#define PLUMBLINE_PARITY_H

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <ostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

extern char** environ;

namespace plumbline {

struct Judgement {
  bool passed;
  std::string story;  // what `plumb check` prints: verdict, reasons, place, cause
};

inline std::string program() {
  if (const char* named = std::getenv("PLUMB")) return named;
#ifdef PLUMBLINE_PROGRAM
  return PLUMBLINE_PROGRAM;
#else
  return "plumb";
#endif
}

// Runs `plumb check CHECKPOINT --candidate CANDIDATE OPTIONS...`. Throws std::runtime_error with
// the program's line where the input or the call is wrong (exit code 2), or it cannot be started.
inline Judgement check(const std::string& checkpoint, const std::string& candidate,
                       const std::vector<std::string>& options = {}) {
  std::vector<std::string> words = {program(), "check", checkpoint, "--candidate", candidate};
  words.insert(words.end(), options.begin(), options.end());
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  int ends[2];
  if (pipe(ends) != 0) throw std::runtime_error("no pipe to plumb");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  posix_spawn_file_actions_addclose(&actions, ends[0]);
  posix_spawn_file_actions_addclose(&actions, ends[1]);
  pid_t child = -1;
  const int failed =
      posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  std::string story;
  char some[4096];
  for (ssize_t n; failed == 0 && (n = read(ends[0], some, sizeof some)) > 0;) {
    story.append(some, static_cast<size_t>(n));
  }
  close(ends[0]);
  if (failed != 0) throw std::runtime_error(words[0] + ": cannot be started; set $PLUMB");
  int status = 0;
  waitpid(child, &status, 0);
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 3;
  if (code > 1) throw std::runtime_error(story);
  return {code == 0, std::move(story)};
}

// A matcher of candidates ("trace:FILE", "plugin:FILE.so", "http://...", "cpu-f32") for
// GoogleTest's EXPECT_THAT.
class HasParityWith {
 public:
  using is_gtest_matcher = void;

  explicit HasParityWith(std::string checkpoint, std::vector<std::string> options = {})
      : checkpoint_(std::move(checkpoint)), options_(std::move(options)) {}

  bool MatchAndExplain(const std::string& candidate, std::ostream* listener) const {
    const Judgement judged = check(checkpoint_, candidate, options_);
    if (!judged.passed && listener != nullptr) *listener << "\n" << judged.story;
    return judged.passed;
  }
  void DescribeTo(std::ostream* out) const { *out << "computes what " << checkpoint_ << " means"; }
  void DescribeNegationTo(std::ostream* out) const {
    *out << "computes something else than " << checkpoint_ << " means";
  }

 private:
  std::string checkpoint_;
  std::vector<std::string> options_;
};

}  // namespace plumbline

#endif
