// Memory for large tensors: 64-byte aligned, left as it comes until written. Large blocks ask for
// large pages: a fault at each small one, and a miss of the translation cache, cost more than what
// is done there.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <new>

namespace plumb::base {

inline constexpr size_t kAlignment = 64;  // a cache line, and the longest vector
inline constexpr size_t kLargePage = size_t{1} << 21;

template <class T>
struct AlignedAllocator {
  using value_type = T;

  AlignedAllocator() = default;
  template <class U>
  explicit AlignedAllocator(const AlignedAllocator<U>&) {}

  T* allocate(size_t n) {
    void* const memory = ::operator new(n * sizeof(T), alignment(n));
    // Advice: where it is not taken, nothing but speed is lost.
    if (is_large(n)) ::madvise(memory, n * sizeof(T), MADV_HUGEPAGE);
    return static_cast<T*>(memory);
  }
  void deallocate(T* p, size_t n) { ::operator delete(p, alignment(n)); }
  // resize() writes nothing: gigabytes of widened weights are touched once, not twice.
  template <class U>
  void construct(U*) {}
  template <class U, class V>
  void construct(U* p, const V& value) {
    *p = value;
  }
  bool operator==(const AlignedAllocator&) const = default;

 private:
  static bool is_large(size_t n) { return n * sizeof(T) >= 2 * kLargePage; }
  static std::align_val_t alignment(size_t n) {
    return std::align_val_t(is_large(n) ? kLargePage : kAlignment);
  }
};

}  // namespace plumb::base
