#include "bench/roofline.h"

#include <cblas.h>

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <iterator>
#include <numeric>
#include <vector>

#include "base/aligned_allocator.h"

namespace plumb::bench {
namespace {

constexpr int kSize = 512;  // of a square product
constexpr int kRepeats = 3;
constexpr size_t kReadWords = size_t{1} << 25;  // 256 MiB, eight times a large L3

template <class Body>
double seconds(const base::Threads& threads, Body&& body) {
  const double start = busy_seconds(threads);
  body();
  return busy_seconds(threads) - start;
}

void gemm(const float* a, const float* b, float* c) {
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, kSize, kSize, kSize, 1.0f, a, kSize, b,
              kSize, 0.0f, c, kSize);
}

void gemm(const double* a, const double* b, double* c) {
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, kSize, kSize, kSize, 1.0, a, kSize, b, kSize,
              0.0, c, kSize);
}

// The best of some short rounds: a roof is what was possible.
template <class T>
double gemm_peak(const base::Threads& threads) {
  openblas_set_num_threads(1);
  constexpr size_t kElements = size_t{kSize} * kSize;
  constexpr int kProducts = 8;
  const auto count = static_cast<size_t>(threads.count());
  const std::vector<T> a(kElements, T(0.5));
  std::vector<std::vector<T>> c(count, std::vector<T>(kElements));
  double best = 0.0;
  for (int round = 0; round < kRepeats; ++round) {
    const double time = seconds(threads, [&] {
      threads.for_each(count, [&](size_t i) {
        for (int k = 0; k < kProducts; ++k) gemm(a.data(), a.data(), c[i].data());
      });
    });
    const double flops = 2.0 * kSize * kSize * kSize * kProducts * static_cast<double>(count);
    best = std::max(best, flops / time * 1e-9);
  }
  return best;
}

// Whole cache lines, each fetched a page ahead: faster than by the processor's own prefetching.
uint64_t read(const uint64_t* from, const uint64_t* to) {
  constexpr size_t kLine = 8;
  constexpr size_t kAhead = 512;
  uint64_t sums[kLine] = {};
  for (; from != to; from += kLine) {
    __builtin_prefetch(from + kAhead);
    for (size_t i = 0; i < kLine; ++i) sums[i] += from[i];
  }
  return std::accumulate(std::begin(sums), std::end(sums), uint64_t{0});
}

}  // namespace

double busy_seconds(const base::Threads& threads) {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  const double seconds = static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
  return seconds / threads.count();
}

double sgemm_peak(const base::Threads& threads) {
  return gemm_peak<float>(threads);
}
double dgemm_peak(const base::Threads& threads) {
  return gemm_peak<double>(threads);
}

double read_bandwidth(const base::Threads& threads) {
  using Words = std::vector<uint64_t, base::AlignedAllocator<uint64_t>>;
  static const Words memory(kReadWords, 1);
  constexpr size_t kGrain = size_t{1} << 17;
  std::vector<uint64_t> sums(kReadWords / kGrain);
  double best = 0.0;
  for (int round = 0; round < kRepeats; ++round) {
    const double time = seconds(threads, [&] {
      threads.for_ranges(kReadWords, kGrain, [&](size_t begin, size_t end) {
        sums[begin / kGrain] = read(memory.data() + begin, memory.data() + end);
      });
    });
    best = std::max(best, static_cast<double>(kReadWords * sizeof(uint64_t)) / time * 1e-9);
  }
  return best;
}

}  // namespace plumb::bench
