#include "candidates/cpu/kv_cache.h"

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

}  // namespace

KvCache::KvCache(size_t heads, size_t head_dim, size_t window)
    : heads_(heads), head_dim_(head_dim), window_(window) {}

void KvCache::reserve(size_t positions) {
  if (window_ > 0) positions = std::min(positions, window_);
  if (positions <= slots_) return;
  k_ = widened(k_, heads_, slots_, positions, head_dim_);
  v_ = widened(v_, heads_, slots_, positions, head_dim_);
  slots_ = positions;
}

void KvCache::append(const float* k, const float* v, size_t rows) {
  // A ring grows like the rest until it is `window` long; before that it has not wrapped.
  if (seen_ + rows > slots_) reserve(std::max({seen_ + rows, 2 * slots_, kLeastSlots}));
  const size_t width = heads_ * head_dim_;
  // Of rows that a later row of the same call overwrites, none need be written.
  const size_t first = window_ > 0 && rows > window_ ? rows - window_ : 0;
  for (size_t h = 0; h < heads_; ++h) {
    for (size_t t = first; t < rows; ++t) {
      const size_t slot = (seen_ + t) % slots_;
      const size_t to = (h * slots_ + slot) * head_dim_;
      const size_t from = t * width + h * head_dim_;
      std::copy(k + from, k + from + head_dim_, &k_[to]);
      std::copy(v + from, v + from + head_dim_, &v_[to]);
    }
  }
  seen_ += rows;
}

KvCache::Stretch KvCache::stretch(size_t head, size_t slot, size_t count) const {
  if (count == 0) return {};
  const size_t at = (head * slots_ + slot) * head_dim_;
  return {&k_[at], &v_[at], count};
}

std::array<KvCache::Stretch, 2> KvCache::stretches(size_t head) const {
  const size_t kept = size();
  const size_t oldest = kept == 0 ? 0 : (seen_ - kept) % slots_;
  const size_t before_end = std::min(kept, slots_ - oldest);
  return {stretch(head, oldest, before_end), stretch(head, 0, kept - before_end)};
}

}  // namespace plumb::candidates::cpu
