#include "compare/kernel/shapes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>

#include "base/errors.h"

namespace plumb::kernel {
namespace {

using base::InputError;

constexpr std::string_view kAny = "...";
constexpr std::string_view kPositions = "T";
constexpr std::string_view kKeys = "S";  // positions that keys stand at
constexpr std::string_view kGroups = "groups";

std::vector<std::string> split(std::string_view text, char mark) {
  std::vector<std::string> parts;
  while (true) {
    const size_t end = text.find(mark);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

bool is_number(const std::string& axis) {
  return axis.find_first_not_of("0123456789") == std::string::npos;
}

void check_extents(const Tensor& tensor) {
  int64_t product = 1;
  for (const int64_t extent : tensor.shape) {
    if (extent > 0 && product <= std::numeric_limits<int32_t>::max() / extent) {
      product *= extent;
      continue;
    }
    throw InputError(
        tensor.where, tensor.item, "has shape " + tensor.shape_text(),
        extent == 0 ? "give at least one number along each axis" : "give fewer than 2^31 numbers");
  }
}

}  // namespace

Shapes::Shapes(const KernelOp& op, const std::vector<Plugged>& tensors,
               const std::map<std::string, int64_t>& set)
    : op_(op) {
  for (const auto& [name, value] : set) sizes_[name] = {value, "--set " + name};
  for (const Plugged& plugged : tensors) check_extents(plugged.tensor);
  take_any(tensors);
  std::vector<const Plugged*> open;
  for (const Plugged& plugged : tensors) {
    if (plugged.port->axes != kAny) open.push_back(&plugged);
  }
  // Those with an axis each first: they say how the others are split.
  for (const bool flat : {false, true}) {
    std::erase_if(open, [&](const Plugged* plugged) { return fit(*plugged, flat); });
  }
  if (!open.empty()) refuse(*open.front());
}

// One shape for all: positions, heads if there are three axes, channels.
void Shapes::take_any(const std::vector<Plugged>& tensors) {
  const Plugged* first = nullptr;
  for (const Plugged& plugged : tensors) {
    if (plugged.port->axes != kAny) continue;
    if (first != nullptr && first->tensor.shape != plugged.tensor.shape) {
      throw InputError(
          plugged.tensor.where, plugged.tensor.item,
          fmt::format("{} has shape {}", plugged.port->name, plugged.tensor.shape_text()),
          fmt::format("{} has {}, and they must be alike", first->port->name,
                      first->tensor.shape_text()));
    }
    if (first == nullptr) first = &plugged;
    std::vector<int64_t> shape = plugged.tensor.shape;
    while (shape.size() < 2) shape.insert(shape.begin(), 1);
    while (shape.size() > 3) {
      shape[1] *= shape[0];
      shape.erase(shape.begin());
    }
    sizes_["T"] = {shape[0], std::string(plugged.port->name)};
    sizes_["W"] = {plugged.tensor.elements() / shape[0], std::string(plugged.port->name)};
    extents_[plugged.port] = std::move(shape);
  }
}

bool Shapes::take(const std::vector<std::string>& axes, const std::vector<int64_t>& shape,
                  const Plugged& plugged) {
  std::map<std::string, Size> sizes = sizes_;
  for (size_t i = 0; i < axes.size(); ++i) {
    if (is_number(axes[i])) {
      if (std::to_string(shape[i]) != axes[i]) return false;
      continue;
    }
    const auto [at, fresh] =
        sizes.try_emplace(axes[i], Size{shape[i], std::string(plugged.port->name)});
    if (!fresh && at->second.value != shape[i]) return false;
  }
  sizes_ = std::move(sizes);
  const bool batched = !axes.empty() && axes.front() == kBatch;
  extents_[plugged.port] = {shape.begin() + (batched ? 1 : 0), shape.end()};
  return true;
}

bool Shapes::fit(const Plugged& plugged, bool flat) {
  const std::vector<int64_t>& shape = plugged.tensor.shape;
  for (const std::string& alternative : split(plugged.port->axes, '|')) {
    std::vector<std::string> axes = split(alternative, ',');
    if (!flat && axes.size() == shape.size() && take(axes, shape, plugged)) return true;
    const bool with_batch =
        (axes.front() == kPositions || axes.front() == kKeys) && axes.size() + 1 == shape.size();
    if (!flat && with_batch) {
      axes.insert(axes.begin(), std::string(kBatch));
      if (take(axes, shape, plugged)) return true;
    }
    if (!flat || axes.size() < 2 || axes.size() != shape.size() + 1) continue;
    // The last two axes as one: as many parts as are known, or as wide as is known.
    const std::string& parts = axes[axes.size() - 2];
    const std::string& width = axes.back();
    if (parts == kGroups && !has(parts) && !has(width)) sizes_[parts] = {1, "a row without heads"};
    int64_t count = has(parts) ? at(parts) : has(width) ? shape.back() / at(width) : 0;
    if (count <= 0 || shape.back() % count != 0) continue;
    std::vector<int64_t> whole(shape.begin(), shape.end() - 1);
    whole.push_back(count);
    whole.push_back(shape.back() / count);
    if (take(axes, whole, plugged)) return true;
  }
  return false;
}

void Shapes::refuse(const Plugged& plugged) const {
  std::vector<std::string> known;
  for (const std::string& alternative : split(plugged.port->axes, '|')) {
    for (const std::string& axis : split(alternative, ',')) {
      if (!has(axis)) continue;
      const std::string text = fmt::format("{} = {} ({})", axis, at(axis), sizes_.at(axis).by);
      if (std::ranges::find(known, text) == known.end()) known.push_back(text);
    }
  }
  throw InputError(plugged.tensor.where, plugged.tensor.item,
                   fmt::format("{} has shape {}", plugged.port->name, plugged.tensor.shape_text()),
                   fmt::format("{} takes it as [{}]{}{}", op_.name,
                               fmt::join(split(plugged.port->axes, '|'), "] or ["),
                               known.empty() ? "" : ", where ", fmt::join(known, ", ")));
}

bool is_size(const KernelOp& op, std::string_view name) {
  for (const Port& port : op.ports) {
    for (const std::string& alternative : split(port.axes, '|')) {
      for (const std::string& axis : split(alternative, ',')) {
        if (axis == name) return true;
      }
    }
  }
  return false;
}

}  // namespace plumb::kernel
