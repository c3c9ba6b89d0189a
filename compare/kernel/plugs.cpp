#include "compare/kernel/plugs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/errors.h"

namespace plumb::kernel {
namespace {

using base::InputError;
using Kind = Port::Kind;

constexpr Kind kIns[] = {Kind::kInput, Kind::kPositions, Kind::kWeight, Kind::kState};
constexpr Kind kOuts[] = {Kind::kOutput, Kind::kKept};
constexpr int64_t kBlock = 128;

std::string port_names(const KernelOp& op, std::span<const Kind> kinds) {
  std::vector<std::string> names;
  for (const Port& port : op.ports) {
    if (std::ranges::find(kinds, port.kind) == kinds.end()) continue;
    names.push_back(port.optional ? fmt::format("[{}]", port.name) : std::string(port.name));
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

void add(const Port* port, Tensor tensor, std::vector<Plugged>& plugged) {
  const bool twice = std::ranges::find(plugged, port, &Plugged::port) != plugged.end();
  if (twice) {
    throw InputError(tensor.where, tensor.item, fmt::format("{} is given twice", port->name),
                     "give each tensor once");
  }
  plugged.push_back({port, std::move(tensor)});
}

// Which of `count` scales along an axis of `extent` element `i` has.
size_t scale_of(int64_t i, int64_t extent, int64_t count) {
  if (count == 1) return 0;
  return static_cast<size_t>(count == extent ? i : i / kBlock);
}

bool fits(int64_t extent, int64_t count) {
  return count == 1 || count == extent || count == (extent + kBlock - 1) / kBlock;
}

// The tensor times its scales, exact: both have few enough bits.
Tensor scaled(const Tensor& tensor, const Tensor& scale) {
  std::vector<double> values = tensor.values();
  const std::vector<double> factors = scale.values();
  const int64_t columns = tensor.shape.empty() ? 1 : tensor.shape.back();
  const int64_t rows = columns == 0 ? 0 : tensor.elements() / columns;
  std::vector<int64_t> counts = scale.shape;
  while (counts.size() < 2) counts.push_back(1);
  const bool one = scale.elements() == 1;
  if (!one && (counts.size() != 2 || !fits(rows, counts[0]) || !fits(columns, counts[1]))) {
    throw InputError(scale.where, scale.item, "has shape " + scale.shape_text(),
                     fmt::format("scales of {} are one number, one a row, or one a block of {}",
                                 tensor.shape_text(), kBlock));
  }
  if (one) counts = {1, 1};
  for (int64_t i = 0; i < tensor.elements(); ++i) {
    const size_t row = scale_of(i / columns, rows, counts[0]);
    const size_t column = scale_of(i % columns, columns, counts[1]);
    values[static_cast<size_t>(i)] *= factors[row * static_cast<size_t>(counts[1]) + column];
  }
  return with_values(tensor, tensor.shape, values);
}

// The port whose tensor this one scales; null where it is no scale.
const Port* scaled_port(const KernelOp& op, const Tensor& tensor) {
  for (const std::string_view end : {"_scale", ".scale"}) {
    if (!tensor.name.ends_with(end)) continue;
    return find_port(op, kIns, tensor.name.substr(0, tensor.name.size() - end.size()));
  }
  return nullptr;
}

void require_all(const KernelOp& op, const std::vector<Plugged>& plugged) {
  for (const Port& port : op.ports) {
    const bool is_in = std::ranges::find(kIns, port.kind) != std::end(kIns);
    if (port.optional || !is_in) continue;
    if (std::ranges::find(plugged, &port, &Plugged::port) != plugged.end()) continue;
    throw InputError(std::string(op.name), std::string(port.name), "is not given",
                     fmt::format("give {}=FILE.npy; it takes {}", port.name, port_names(op, kIns)));
  }
}

}  // namespace

std::vector<Plugged> plug_inputs(const KernelOp& op, std::vector<Tensor> tensors) {
  std::vector<Plugged> plugged;
  std::vector<Tensor> scales;
  for (Tensor& tensor : tensors) {
    const Port* const port = find_port(op, kIns, tensor.name);
    if (port == nullptr && scaled_port(op, tensor) != nullptr) {
      scales.push_back(std::move(tensor));
      continue;
    }
    if (port == nullptr) {
      throw InputError(
          tensor.where, tensor.name,
          tensor.name.empty() ? "is not said to be which input"
                              : fmt::format("is no input of {}", op.name),
          fmt::format("write NAME={}; it takes {}", tensor.where, port_names(op, kIns)));
    }
    add(port, std::move(tensor), plugged);
  }
  for (const Tensor& scale : scales) {
    const Port* const port = scaled_port(op, scale);
    const auto to = std::ranges::find(plugged, port, &Plugged::port);
    if (to == plugged.end()) {
      throw InputError(scale.where, scale.name, fmt::format("scales {}", port->name),
                       fmt::format("give {} too", port->name));
    }
    to->tensor = scaled(to->tensor, scale);
  }
  require_all(op, plugged);
  return plugged;
}

std::vector<Plugged> plug_outputs(const KernelOp& op, std::vector<Tensor> tensors) {
  std::vector<Plugged> plugged;
  for (Tensor& tensor : tensors) {
    const Port* port = find_port(op, kOuts, tensor.name);
    if (port == nullptr && !tensor.is_named && tensors.size() == 1) {
      port = &*std::ranges::find(op.ports, Kind::kOutput, &Port::kind);
    }
    if (port == nullptr) {
      throw InputError(
          tensor.where, tensor.name,
          tensor.name.empty() ? "is not said to be which output"
                              : fmt::format("is no output of {}", op.name),
          fmt::format("write --out NAME={}; it gives {}", tensor.where, port_names(op, kOuts)));
    }
    add(port, std::move(tensor), plugged);
  }
  return plugged;
}

}  // namespace plumb::kernel
