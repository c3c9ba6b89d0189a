// Memory for vectors of a fixed machine: 64-byte aligned, left as it comes until written.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace plumb::candidates::cpu {

inline constexpr size_t kAlignment = 64;  // a cache line, and the longest vector

template <class T>
struct AlignedAllocator {
  using value_type = T;

  AlignedAllocator() = default;
  template <class U>
  explicit AlignedAllocator(const AlignedAllocator<U>&) {}

  T* allocate(size_t n) {
    return static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t(kAlignment)));
  }
  void deallocate(T* p, size_t) { ::operator delete(p, std::align_val_t(kAlignment)); }
  // resize() writes nothing: gigabytes of widened weights are touched once, not twice.
  template <class U>
  void construct(U*) {}
  template <class U, class V>
  void construct(U* p, const V& value) {
    *p = value;
  }
  bool operator==(const AlignedAllocator&) const = default;
};

template <class T>
using Buffer = std::vector<T, AlignedAllocator<T>>;

// The least multiple of a cache line's floats that is not less than n.
constexpr size_t padded(size_t n) {
  constexpr size_t kFloats = kAlignment / sizeof(float);
  return (n + kFloats - 1) / kFloats * kFloats;
}

}  // namespace plumb::candidates::cpu
