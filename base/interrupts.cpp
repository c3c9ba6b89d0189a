#include "base/interrupts.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/errors.h"

namespace plumb::base {
namespace {

// What a signal handler may touch.
volatile std::sig_atomic_t noted = 0;
int alarm_pipe[2] = {-1, -1};

void note(int signal) {
  const int error = errno;
  noted = signal;
  const char byte = 0;
  // A full pipe is readable already.
  [[maybe_unused]] const ssize_t written = ::write(alarm_pipe[1], &byte, 1);
  errno = error;
}

}  // namespace

InterruptWatch::InterruptWatch() : before_() {
  ensure(alarm_pipe[0] < 0, "one watch for interrupts at a time");
  ensure(::pipe2(alarm_pipe, O_CLOEXEC | O_NONBLOCK) == 0, "a pipe can be made");
  noted = 0;
  for (size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], nullptr, &before_[i]);
    if (before_[i].sa_handler == SIG_IGN) continue;
    struct sigaction action {};
    action.sa_handler = note;
    ::sigaction(kSignals[i], &action, nullptr);
  }
}

InterruptWatch::~InterruptWatch() {
  for (size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &before_[i], nullptr);
  for (int& end : alarm_pipe) {
    ::close(end);
    end = -1;
  }
}

void InterruptWatch::check() const {
  if (noted != 0) throw Interrupted(noted);
}

int InterruptWatch::descriptor() const {
  return alarm_pipe[0];
}

}  // namespace plumb::base
