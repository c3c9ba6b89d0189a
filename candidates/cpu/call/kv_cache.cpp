#include "candidates/cpu/call/kv_cache.h"

#include <algorithm>

namespace plumb::candidates::cpu {
namespace {

constexpr size_t kLeastSlots = 64;

// The same heads with more slots.
Buffer<float> widened(const Buffer<float>& from, size_t heads, size_t old_slots, size_t slots,
                      size_t dim) {
  Buffer<float> to(heads * slots * dim);
  for (size_t h = 0; h < heads; ++h) {
    const auto head = from.begin() + static_cast<ptrdiff_t>(h * old_slots * dim);
    std::copy(head, head + static_cast<ptrdiff_t>(old_slots * dim), &to[h * slots * dim]);
  }
  return to;
}

// Where appended rows go: rows [first, rows) of `from` behind the `seen` positions before them.
struct Appended {
  size_t heads;
  size_t slots;
  size_t seen;
  size_t first;
  size_t rows;
};

void scatter(const Appended& a, const float* from, size_t dim, Buffer<float>& to) {
  for (size_t h = 0; h < a.heads; ++h) {
    for (size_t t = a.first; t < a.rows; ++t) {
      const float* const row = from + (t * a.heads + h) * dim;
      std::copy(row, row + dim, &to[(h * a.slots + (a.seen + t) % a.slots) * dim]);
    }
  }
}

}  // namespace

KvCache::KvCache(size_t heads, size_t key_dim, size_t value_dim, size_t window)
    : heads_(heads), key_dim_(key_dim), value_dim_(value_dim), window_(window) {}

void KvCache::reserve(size_t positions) {
  if (window_ > 0) positions = std::min(positions, window_);
  if (positions <= slots_) return;
  k_ = widened(k_, heads_, slots_, positions, key_dim_);
  v_ = widened(v_, heads_, slots_, positions, value_dim_);
  slots_ = positions;
}

void KvCache::append(const float* k, const float* v, size_t rows) {
  // A ring grows like the rest until it is `window` long; before that it has not wrapped.
  if (seen_ + rows > slots_) reserve(std::max({seen_ + rows, 2 * slots_, kLeastSlots}));
  // Of rows that a later row of the same call overwrites, none need be written.
  const size_t first = window_ > 0 && rows > window_ ? rows - window_ : 0;
  const Appended appended{heads_, slots_, seen_, first, rows};
  scatter(appended, k, key_dim_, k_);
  scatter(appended, v, value_dim_, v_);
  seen_ += rows;
}

KvCache::Stretch KvCache::stretch(size_t head, size_t slot, size_t count) const {
  if (count == 0) return {};
  const size_t at = head * slots_ + slot;
  return {&k_[at * key_dim_], &v_[at * value_dim_], count};
}

std::array<KvCache::Stretch, 2> KvCache::stretches(size_t head) const {
  const size_t kept = size();
  const size_t oldest = kept == 0 ? 0 : (seen_ - kept) % slots_;
  const size_t before_end = std::min(kept, slots_ - oldest);
  return {stretch(head, oldest, before_end), stretch(head, 0, kept - before_end)};
}

}  // namespace plumb::candidates::cpu
