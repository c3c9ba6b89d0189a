#include "base/rehearsal.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <exception>
#include <fstream>
#include <string>
#include <string_view>

namespace plumb::base {
namespace {

// How a child ends.
constexpr int kReturned = 0;
constexpr int kThrew = 2;
constexpr int kFailed = 3;

// The size of this process's data segment, which RLIMIT_DATA limits.
size_t data_bytes() {
  std::ifstream statm("/proc/self/statm");
  size_t pages = 0;
  size_t skipped = 0;
  statm >> skipped >> skipped >> skipped >> skipped >> skipped >> pages;
  return pages * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
}

void confine(const RehearsalLimits& limits) {
  const int nowhere = ::open("/dev/null", O_WRONLY);
  ::dup2(nowhere, STDOUT_FILENO);
  ::dup2(nowhere, STDERR_FILENO);
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  const rlimit memory{data_bytes() + limits.bytes, RLIM_INFINITY};
  ::setrlimit(RLIMIT_DATA, &memory);
  const double whole = std::floor(limits.seconds);
  itimerval timer{};
  timer.it_value.tv_sec = static_cast<time_t>(whole);
  timer.it_value.tv_usec = static_cast<suseconds_t>((limits.seconds - whole) * 1e6);
  ::setitimer(ITIMER_PROF, &timer, nullptr);  // SIGPROF ends the process
}

[[noreturn]] void run_as_child(const std::function<void()>& work, const RehearsalLimits& limits,
                               int report) {
  confine(limits);
  try {
    work();
    ::_exit(kReturned);
  } catch (const InputError& error) {
    const std::string_view line = error.what();
    const bool written = ::write(report, line.data(), line.size()) >= 0;
    ::_exit(written ? kThrew : kFailed);
  } catch (...) {
    ::_exit(kFailed);
  }
}

std::string read_report(int report) {
  std::string line;
  char buffer[1024];
  for (ssize_t n = 1; n != 0;) {
    n = ::read(report, buffer, sizeof(buffer));
    ensure(n >= 0 || errno == EINTR, "a child's report can be read");
    if (n > 0) line.append(buffer, static_cast<size_t>(n));
  }
  return line;
}

}  // namespace

void rehearse(const std::function<void()>& work, const RehearsalLimits& limits,
              const InputError& failure) {
  int ends[2];
  ensure(::pipe(ends) == 0, "a pipe can be made");
  const pid_t child = ::fork();
  ensure(child >= 0, "a child process can be started");
  if (child == 0) run_as_child(work, limits, ends[1]);
  ::close(ends[1]);
  const std::string line = read_report(ends[0]);
  ::close(ends[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    ensure(errno == EINTR, "a child process can be waited for");
  }
  const int ending = WIFEXITED(status) ? WEXITSTATUS(status) : kFailed;
  if (ending == kThrew) throw InputError(line);
  if (ending != kReturned) throw failure;
}

}  // namespace plumb::base
