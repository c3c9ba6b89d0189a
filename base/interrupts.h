// Ctrl-C and its like while something has to be cleared away first.
#pragma once

#include <array>
#include <csignal>
#include <exception>

namespace plumb::base {

// Thrown where a signal that ends the program arrived. The command line lets it end the program
// once everything is cleared away.
class Interrupted : public std::exception {
 public:
  explicit Interrupted(int signal) : signal_(signal) {}
  int signal() const { return signal_; }
  const char* what() const noexcept override { return "interrupted"; }

 private:
  int signal_;
};

// While one lives, SIGINT, SIGTERM and SIGHUP are only noted, unless they were ignored before. One
// at a time in a process.
class InterruptWatch {
 public:
  InterruptWatch();
  ~InterruptWatch();
  InterruptWatch(const InterruptWatch&) = delete;
  InterruptWatch& operator=(const InterruptWatch&) = delete;

  // Throws Interrupted where a signal arrived.
  void check() const;
  // Readable once a signal has arrived, for poll().
  int descriptor() const;

 private:
  static constexpr std::array<int, 3> kSignals = {SIGINT, SIGTERM, SIGHUP};
  std::array<struct sigaction, 3> before_;
};

}  // namespace plumb::base
