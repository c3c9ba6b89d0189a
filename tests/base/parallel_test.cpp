#include "base/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <numeric>
#include <stdexcept>
#include <vector>

namespace plumb::base {
namespace {

TEST(Threads, RunEveryPieceOnceWhateverTheirNumber) {
  for (const int count : {1, 2, 3, 5}) {
    const Threads threads(count);
    for (size_t pieces = 0; pieces < 200; ++pieces) {
      std::vector<int> runs(pieces, 0);
      threads.for_each(pieces, [&](size_t i) { ++runs[i]; });
      EXPECT_EQ(runs, std::vector<int>(pieces, 1));
    }
  }
}

// Many short jobs one after the other: a worker that comes late to one must not disturb the next.
TEST(Threads, KeepManyShortJobsApart) {
  const Threads threads(3);
  for (size_t job = 0; job < 20000; ++job) {
    const size_t pieces = 2 + job % 5;
    std::atomic<size_t> sum = 0;
    threads.for_each(pieces, [&](size_t i) { sum += (i + 1) * job; });
    ASSERT_EQ(sum, pieces * (pieces + 1) / 2 * job);
  }
}

TEST(Threads, RunNoTwoPiecesOfOneWorkerAtATime) {
  const Threads threads(3);
  std::vector<std::atomic<int>> running(3);
  std::atomic<bool> overlapped = false;
  threads.for_each_on_worker(5000, [&](size_t, size_t worker) {
    if (running.at(worker).fetch_add(1) != 0) overlapped = true;
    running.at(worker).fetch_sub(1);
  });
  EXPECT_FALSE(overlapped);
}

TEST(Threads, CoverARangeWithoutOverlap) {
  const Threads threads(2);
  for (const size_t grain : {0, 1, 7, 1000}) {
    std::vector<int> covered(101, 0);
    threads.for_ranges(covered.size(), grain, [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) ++covered[i];
    });
    EXPECT_EQ(std::accumulate(covered.begin(), covered.end(), 0), 101);
  }
}

TEST(Threads, RethrowWhatAPieceThrowsAndGoOnWorking) {
  const Threads threads(2);
  std::atomic<int> runs = 0;
  const auto job = [&](size_t i) {
    ++runs;
    if (i == 7) throw std::runtime_error("seven");
  };
  EXPECT_THROW(threads.for_each(20, job), std::runtime_error);
  EXPECT_EQ(runs, 20);
  threads.for_each(5, job);
  EXPECT_EQ(runs, 25);
}

}  // namespace
}  // namespace plumb::base
