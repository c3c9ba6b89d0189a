// Counter-based random numbers: the value at a counter depends on (key, counter) alone, never on
// what was drawn before, so any element of any stream can be made anywhere, in any order.
//
// Everything here is integer arithmetic and single IEEE operations: the same bits on any machine.
#pragma once

#include <cstdint>
#include <string_view>

namespace plumb::base {

// The finalizer of SplitMix64 (Steele, Lea & Flood, OOPSLA 2014): a bijection that scatters bits.
constexpr uint64_t mix64(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// A key for the stream `name` of `seed` (FNV-1a over the name, then mixed).
constexpr uint64_t stream_key(uint64_t seed, std::string_view name) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return mix64(hash ^ mix64(seed + 0x9e3779b97f4a7c15));
}

constexpr uint64_t random_bits(uint64_t key, uint64_t counter) {
  return mix64(key + (counter + 1) * 0x9e3779b97f4a7c15);
}

// Uniform in [0, 1), 53 bits.
constexpr double random_uniform(uint64_t key, uint64_t counter) {
  return static_cast<double>(random_bits(key, counter) >> 11) * 0x1p-53;
}

// Mean 0, standard deviation 1, bell-shaped, within +-3.47: the sum of four 16-bit uniforms
// (Irwin-Hall, n = 4), scaled once. Exact up to that last multiplication.
constexpr double random_normal(uint64_t key, uint64_t counter) {
  const uint64_t bits = random_bits(key, counter);
  const int64_t sum = static_cast<int64_t>((bits & 0xffff) + ((bits >> 16) & 0xffff) +
                                           ((bits >> 32) & 0xffff) + (bits >> 48));
  // The variance of the sum is 4 (2^32 - 1) / 12, so 1/sigma = sqrt(3 / (2^32 - 1)).
  constexpr double kInverseSigma = 2.6428997921303018e-05;
  return static_cast<double>(sum - 131070) * kInverseSigma;
}

}  // namespace plumb::base
