#include "base/program.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <set>
#include <string_view>

#include "base/errors.h"
#include "base/interrupts.h"

namespace plumb::base {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kKept = size_t{1} << 16;  // bytes of what a program prints
constexpr size_t kShown = 700;
constexpr int kGraceMilliseconds = 1000;  // between asking a program to end and ending it
constexpr int kLookMilliseconds = 20;     // between two looks whether it has ended

// The processes whose parent is this one.
std::set<pid_t> children() {
  std::set<pid_t> found;
  DIR* const processes = ::opendir("/proc");
  if (processes == nullptr) return found;
  while (const dirent* entry = ::readdir(processes)) {
    const std::string_view name = entry->d_name;
    pid_t id = 0;
    if (std::from_chars(name.begin(), name.end(), id).ptr != name.end()) continue;
    std::ifstream file("/proc/" + std::string(name) + "/stat");
    std::string line;
    std::getline(file, line);
    const size_t after_name = line.rfind(')');
    if (after_name == std::string::npos) continue;
    pid_t parent = 0;
    char state = 0;
    if (std::sscanf(line.c_str() + after_name + 1, " %c %d", &state, &parent) == 2 &&
        parent == ::getpid()) {
      found.insert(id);
    }
  }
  ::closedir(processes);
  return found;
}

// The end of what was printed.
class Tail {
 public:
  void add(std::string_view text) {
    kept_ += text;
    if (kept_.size() > 2 * kKept) kept_.erase(0, kept_.size() - kKept);
  }

  // The last lines that are no blank ones.
  std::string lines() const {
    constexpr size_t kMostLines = 8;
    std::string joined;
    size_t end = kept_.size();
    for (size_t lines = 0; lines < kMostLines && end > 0 && joined.size() < kShown;) {
      const size_t newline = kept_.rfind('\n', end - 1);
      const size_t begin = newline == std::string::npos ? 0 : newline + 1;
      std::string line = kept_.substr(begin, end - begin);
      while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back()))) {
        line.pop_back();
      }
      if (!line.empty()) {
        joined = joined.empty() ? line : line + " | " + joined;
        ++lines;
      }
      end = newline == std::string::npos ? 0 : newline;
    }
    return joined.size() > kShown ? "..." + joined.substr(joined.size() - kShown) : joined;
  }

 private:
  std::string kept_;
};

class Running {
 public:
  Running(const std::vector<std::string>& words, const std::string& who)
      : others_(children()), who_(who) {
    // What its children leave behind becomes ours to end.
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    start(words);
  }

  ~Running() {
    end_all();
    ::close(output_);
    ::prctl(PR_SET_CHILD_SUBREAPER, 0);
  }

  ProgramEnd wait(double seconds) {
    const auto limit = Clock::now() + std::chrono::duration<double>(seconds);
    ProgramEnd end;
    while (!has_ended()) {
      watch_.check();
      if (Clock::now() >= limit) {
        end.late = true;
        ask_to_end();
        break;
      }
      listen(kLookMilliseconds);
    }
    if (!end.late) {
      end.exit_code = WIFEXITED(status_) ? WEXITSTATUS(status_) : 0;
      end.signal = WIFSIGNALED(status_) ? WTERMSIG(status_) : 0;
    }
    while (listen(0)) {
    }
    end.last_words = tail_.lines();
    return end;
  }

 private:
  void start(const std::vector<std::string>& words) {
    std::vector<char*> argv;
    for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    int print[2];
    int failure[2];
    ensure(::pipe2(print, O_CLOEXEC) == 0 && ::pipe2(failure, O_CLOEXEC) == 0,
           "a pipe can be made");
    const pid_t parent = ::getpid();
    child_ = ::fork();
    ensure(child_ >= 0, "a child process can be started");
    if (child_ == 0) become(argv.data(), print[1], failure[1], parent);
    ::setpgid(child_, child_);
    ::close(print[1]);
    ::close(failure[1]);
    output_ = print[0];
    ::fcntl(output_, F_SETFL, O_NONBLOCK);
    int error = 0;
    ssize_t got = 0;
    while ((got = ::read(failure[0], &error, sizeof(error))) < 0 && errno == EINTR) {
    }
    ::close(failure[0]);
    if (got > 0) {
      ::waitpid(child_, nullptr, 0);
      ::close(output_);
      throw InputError(who_, words.front(), std::string("cannot be started: ") + ::strerror(error),
                       "name a program that is there and may be executed");
    }
  }

  // Between fork and exec, where other threads' locks may be held: system calls alone.
  [[noreturn]] static void become(char** argv, int print, int failure, pid_t parent) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) ::signal(signal, SIG_DFL);
    const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::dup2(nothing, STDIN_FILENO);
    ::dup2(print, STDOUT_FILENO);
    ::dup2(print, STDERR_FILENO);
    ::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    ::execvp(argv[0], argv);
    const int error = errno;
    [[maybe_unused]] const ssize_t written = ::write(failure, &error, sizeof(error));
    ::_exit(127);
  }

  bool has_ended() {
    if (!ended_) {
      const pid_t got = ::waitpid(child_, &status_, WNOHANG);
      ended_ = got == child_ || (got < 0 && errno == ECHILD);
    }
    return ended_;
  }

  // Takes what it prints, for a while at most. False where nothing came.
  bool listen(int milliseconds) {
    pollfd ends[] = {{watch_.descriptor(), POLLIN, 0}, {silent_ ? -1 : output_, POLLIN, 0}};
    if (::poll(ends, 2, milliseconds) <= 0 || ends[1].revents == 0) return false;
    char buffer[4096];
    const ssize_t n = ::read(output_, buffer, sizeof(buffer));
    if (n > 0) tail_.add({buffer, static_cast<size_t>(n)});
    silent_ = n == 0;
    return n > 0;
  }

  void ask_to_end() {
    ::kill(-child_, SIGTERM);
    const auto limit = Clock::now() + std::chrono::milliseconds(kGraceMilliseconds);
    while (!has_ended() && Clock::now() < limit) listen(kLookMilliseconds);
  }

  // Its group, and what has left the group; again until there is none, since one that ends leaves
  // its own children to us.
  void end_all() {
    constexpr int kMostRounds = 200;
    if (child_ > 0) ::kill(-child_, SIGKILL);
    for (int round = 0; round < kMostRounds; ++round) {
      bool any = false;
      for (const pid_t id : children()) {
        if (others_.contains(id)) continue;
        any = true;
        ::kill(id, SIGKILL);
        ::waitpid(id, nullptr, 0);
      }
      if (!any) return;
    }
  }

  InterruptWatch watch_;
  std::set<pid_t> others_;  // children that are none of this one's business
  std::string who_;
  pid_t child_ = -1;
  int output_ = -1;
  bool silent_ = false;  // its output is closed
  bool ended_ = false;
  int status_ = 0;
  Tail tail_;
};

}  // namespace

ProgramEnd run_program(const std::vector<std::string>& words, double seconds,
                       const std::string& who) {
  return Running(words, who).wait(seconds);
}

std::string describe(const ProgramEnd& end) {
  if (end.signal != 0) {
    return "was ended by signal " + std::to_string(end.signal) + " (" + ::strsignal(end.signal) +
           ")";
  }
  return "ended with exit code " + std::to_string(end.exit_code);
}

}  // namespace plumb::base
