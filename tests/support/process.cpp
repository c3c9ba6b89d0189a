#include "tests/support/process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>

#include "base/errors.h"
#include "base/files.h"
#include "tests/support/files.h"

namespace plumb::tests {

std::string plumb_binary() {
  return PLUMB_BINARY;
}

Outcome run_plumb(const std::vector<std::string>& arguments, const std::filesystem::path& folder) {
  const base::TemporaryFolder captured;
  const std::string out = captured.path() / "out";
  const std::string err = captured.path() / "err";
  std::vector<std::string> words = {plumb_binary()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  constexpr int kWrite = O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out.c_str(), kWrite, 0600);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, err.c_str(), kWrite, 0600);
  posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  const auto start = std::chrono::steady_clock::now();
  pid_t child = 0;
  const int failure = ::posix_spawn(&child, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  base::ensure(failure == 0, "the plumb binary can be started");
  int status = 0;
  rusage usage{};
  base::ensure(::wait4(child, &status, 0, &usage) == child, "the plumb binary can be waited for");
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  return {.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
          .out = read_text(out),
          .err = read_text(err),
          .seconds = elapsed.count(),
          .peak_bytes = static_cast<size_t>(usage.ru_maxrss) * 1024};
}

bool is_sanitized() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return true;
#else
  return false;
#endif
}

}  // namespace plumb::tests
