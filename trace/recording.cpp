#include "trace/recording.h"

#include <algorithm>

namespace plumb::trace {

std::string run_name(const std::string& prompt, std::string_view run) {
  return run.empty() ? prompt : prompt + kRunMark + std::string(run);
}

size_t Tensor::width() const {
  size_t product = 1;
  for (size_t axis = 1; axis < shape.size(); ++axis) product *= shape[axis];
  return product;
}

std::span<const double> Tensor::row(size_t position) const {
  const size_t n = width();
  return std::span(values).subspan(position * n, n);
}

bool Recording::has(const Tap& tap) const {
  const std::vector<Tap> all = taps();
  return std::binary_search(all.begin(), all.end(), tap);
}

std::vector<Tap> MemoryRecording::taps() const {
  std::vector<Tap> all;
  for (const auto& [tap, tensor] : tensors_) all.push_back(tap);
  return all;
}

}  // namespace plumb::trace
