// Decoding allocates nothing once a first token has been decoded. Left out of sanitized builds,
// whose own operator new this would replace.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "candidates/cpu/forward.h"
#include "tests/candidates/synthetic.h"

namespace {

std::atomic<size_t> allocations = 0;

void* counted(size_t size, size_t alignment) {
  ++allocations;
  const size_t whole = (size + alignment - 1) / alignment * alignment;
  void* const memory = std::aligned_alloc(alignment, whole);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// Replaced for the whole test program.
void* operator new(size_t size) {
  return counted(size, alignof(std::max_align_t));
}
void* operator new(size_t size, std::align_val_t alignment) {
  return counted(size, static_cast<size_t>(alignment));
}
void* operator new(size_t size, const std::nothrow_t&) noexcept {
  return counted(size, alignof(std::max_align_t));
}
void operator delete(void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t, std::align_val_t) noexcept {
  std::free(memory);
}

namespace plumb::candidates::testing {
namespace {

TEST(Decode, AllocatesNothing) {
  for (const char* family : {"llama", "gemma2", "gemma3_text", "qwen3"}) {
    const SyntheticModel model(family);
    for (const int count : {1, 2}) {
      const base::Threads threads(count);
      for (const base::DType precision : {base::DType::kF32, base::DType::kBF16}) {
        const cpu::Plan plan(model.graph(), model.weights(), precision, threads);
        cpu::Forward forward(plan, threads);
        cpu::Session session(plan, 40);
        forward.prefill(session, model.prompt(20), 0);
        forward.decode(session, 1, 20);
        const size_t before = allocations;
        for (int64_t t = 21; t < 40; ++t) forward.decode(session, t, t);
        EXPECT_EQ(allocations, before) << family << ", " << count << " threads";
      }
    }
  }
}

}  // namespace
}  // namespace plumb::candidates::testing
