// Memory for vectors of a fixed machine: 64-byte aligned, left as it comes until written. Large
// blocks ask for large pages: reading weights misses the translation cache at every small one.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <new>
#include <vector>

namespace plumb::candidates::cpu {

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

template <class T>
using Buffer = std::vector<T, AlignedAllocator<T>>;

// The least multiple of a cache line's floats that is not less than n.
constexpr size_t padded(size_t n) {
  constexpr size_t kFloats = kAlignment / sizeof(float);
  return (n + kFloats - 1) / kFloats * kFloats;
}

}  // namespace plumb::candidates::cpu
