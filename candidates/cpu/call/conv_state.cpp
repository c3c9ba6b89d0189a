#include "candidates/cpu/call/conv_state.h"

#include <algorithm>

namespace plumb::candidates::cpu {

ConvState::ConvState(size_t kernel, size_t channels)
    : kept_(kernel), channels_(channels), rows_(kept_ * channels) {
  clear();
}

void ConvState::clear() {
  std::fill(rows_.begin(), rows_.end(), 0.0f);
}

void ConvState::append(const float* x, size_t rows) {
  const size_t fresh = std::min(rows, kept_);
  float* const to = rows_.data();
  std::copy(to + fresh * channels_, to + kept_ * channels_, to);
  std::copy(x + (rows - fresh) * channels_, x + rows * channels_, to + (kept_ - fresh) * channels_);
}

}  // namespace plumb::candidates::cpu
