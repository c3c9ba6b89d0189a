// Times the iterations of a benchmark and relates them to a roof.
//
// Shares of a roof are in processor time, the roof's and the benchmark's alike: on a machine with
// busy neighbours the wall clock says more about them.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>

#include "bench/roofline.h"

namespace plumb::bench {

class Meter {
 public:
  using Roof = double (*)(const base::Threads&);
  // Measures the roof, and once more in report().
  Meter(benchmark::State& state, Roof roof, const base::Threads& threads)
      : state_(state), roof_(roof), threads_(threads), before_(roof(threads)) {}

  template <class Body>
  void time(Body&& body) {
    const auto start = std::chrono::steady_clock::now();
    const double busy = busy_seconds(threads_);
    body();
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
    state_.SetIterationTime(passed.count());
    total_ += passed.count();
    busy_ += busy_seconds(threads_) - busy;
  }

  // `amount`: 10^9 flops or bytes of an iteration.
  void report(const char* share, double amount, size_t tokens) {
    const auto rounds = static_cast<double>(state_.iterations());
    const double roof = std::max(before_, roof_(threads_));
    state_.counters["tokens_per_s"] = static_cast<double>(tokens) * rounds / total_;
    state_.counters["busy_ms"] = 1e3 * busy_ / rounds;
    state_.counters["roof_ms"] = 1e3 * amount / roof;
    state_.counters[share] = amount * rounds / busy_ / roof;
  }

 private:
  benchmark::State& state_;
  Roof roof_;
  const base::Threads& threads_;
  double before_;
  double total_ = 0.0;
  double busy_ = 0.0;
};

}  // namespace plumb::bench
