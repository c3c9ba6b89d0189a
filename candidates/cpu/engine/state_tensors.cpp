#include "candidates/cpu/engine/state_tensors.h"

namespace plumb::candidates::cpu {
namespace {

using graph::StateTensor;
using trace::Tensor;

// The rows of one kind, `member` of a stretch, from [head][position] to [position][head].
Tensor gather(const KvCache& cache, const StateTensor& tensor,
              const float* KvCache::Stretch::*member) {
  const auto heads = static_cast<size_t>(tensor.axes[0]);
  const auto dim = static_cast<size_t>(tensor.axes[1]);
  Tensor result{.shape = {cache.size(), heads, dim}};
  result.values.resize(cache.size() * heads * dim);
  for (size_t h = 0; h < heads; ++h) {
    size_t position = 0;
    for (const KvCache::Stretch& stretch : cache.stretches(h)) {
      for (size_t s = 0; s < stretch.count; ++s, ++position) {
        std::copy_n(stretch.*member + s * dim, dim, &result.values[(position * heads + h) * dim]);
      }
    }
  }
  return result;
}

std::vector<Tensor> tensors_of(const KvCache& cache, const std::vector<StateTensor>& tensors) {
  return {gather(cache, tensors[0], &KvCache::Stretch::k),
          gather(cache, tensors[1], &KvCache::Stretch::v)};
}

std::vector<Tensor> tensors_of(const ConvState& state, const std::vector<StateTensor>& tensors) {
  const size_t kernel = tensors[0].rows;
  const size_t channels = tensors[0].width();
  Tensor result{.shape = {channels, kernel}};
  for (size_t c = 0; c < channels; ++c) {
    for (size_t back = kernel; back > 0; --back) result.values.push_back(state.before(back)[c]);
  }
  return {result};
}

std::vector<Tensor> tensors_of(const RecurrentState& state,
                               const std::vector<StateTensor>& tensors) {
  Tensor result{.shape = {tensors[0].rows}};
  for (const int extent : tensors[0].axes) result.shape.push_back(static_cast<size_t>(extent));
  const std::span<const float> values = state.values();
  result.values.assign(values.begin(), values.end());
  return {result};
}

}  // namespace

std::vector<Tensor> state_tensors(const State& state, const std::vector<StateTensor>& tensors) {
  return std::visit([&](const auto& held) { return tensors_of(held, tensors); }, state);
}

}  // namespace plumb::candidates::cpu
