#include "base/rehearsal.h"

#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/parallel.h"
#include "tests/support/refusal.h"

namespace plumb::base {
namespace {

constexpr RehearsalLimits kLimits{.bytes = size_t{64} << 20, .seconds = 0.3};

std::string rehearsal_refusal(const std::function<void()>& work) {
  return tests::refusal([&] { rehearse(work, kLimits, InputError("file", "", "is corrupt")); });
}

TEST(Rehearsal, PassesWhenTheWorkReturns) {
  int touched = 0;
  EXPECT_EQ(rehearsal_refusal([&] { touched = 1; }), "");
  EXPECT_EQ(touched, 0);  // it ran elsewhere
}

TEST(Rehearsal, PassesOnWhatTheWorkRefuses) {
  EXPECT_EQ(rehearsal_refusal([] { throw InputError("file", "item", "is wrong", "mend it"); }),
            "file: item: is wrong; mend it");
}

TEST(Rehearsal, FailsWhenTheWorkDies) {
  EXPECT_EQ(rehearsal_refusal([] { std::abort(); }), "file: is corrupt");
  EXPECT_EQ(rehearsal_refusal([] { throw std::bad_alloc(); }), "file: is corrupt");
  EXPECT_EQ(rehearsal_refusal([] { std::_Exit(0x55); }), "file: is corrupt");
  EXPECT_EQ(rehearsal_refusal([] { std::raise(SIGSEGV); }), "file: is corrupt");
}

TEST(Rehearsal, EndsAnEndlessLoop) {
  EXPECT_EQ(rehearsal_refusal([] {
              std::atomic<bool> over = false;
              while (!over) {
              }
            }),
            "file: is corrupt");
}

TEST(Rehearsal, EndsAFloodOfMemory) {
  EXPECT_EQ(rehearsal_refusal([] {
              std::vector<std::vector<char>> flood;
              while (true) flood.emplace_back(size_t{8} << 20, 'x');
            }),
            "file: is corrupt");
}

// Under AddressSanitizer, whose allocator has locks that a fork does not open.
TEST(Rehearsal, IsNotHeldUpByWorkersThatStart) {
  for (int i = 0; i < 100; ++i) {
    const Threads threads(4);
    EXPECT_EQ(rehearsal_refusal([] { std::vector<std::string> some(1000, std::string(100, 'x')); }),
              "");
  }
}

TEST(Rehearsal, KeepsWhatTheWorkPrintsToItself) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(rehearsal_refusal([] {
              std::fputs("noise\n", stderr);
              std::abort();
            }),
            "file: is corrupt");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace plumb::base
