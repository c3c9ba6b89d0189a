#include "compare/kernel/ports.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

#include "base/errors.h"

namespace plumb::kernel {
namespace {

// What people call a port, in lower case, and what it is called here.
constexpr std::pair<std::string_view, std::string_view> kAlso[] = {{"weight", "w"},
                                                                   {"bias", "b"},
                                                                   {"input", "x"},
                                                                   {"hidden_states", "x"},
                                                                   {"query", "q"},
                                                                   {"key", "k"},
                                                                   {"value", "v"},
                                                                   {"output", "out"},
                                                                   {"y", "out"},
                                                                   {"o", "out"},
                                                                   {"residual", "stream"},
                                                                   {"ids", "tokens"},
                                                                   {"input_ids", "tokens"},
                                                                   {"w_gate", "gate"},
                                                                   {"w_up", "up"},
                                                                   {"w_down", "down"},
                                                                   {"a_log", "A_log"},
                                                                   {"gating", "g"},
                                                                   {"decay", "g"},
                                                                   {"position_ids", "positions"},
                                                                   {"w", "table"},
                                                                   {"weight", "table"},
                                                                   {"norm_weight", "norm_w"},
                                                                   {"sink", "sinks"},
                                                                   {"w_router", "router"},
                                                                   {"norm", "w"},
                                                                   {"initial_state", "state"},
                                                                   {"final_state", "state"}};

std::string lower(std::string_view text) {
  std::string low(text);
  std::ranges::transform(low, low.begin(), [](unsigned char c) { return std::tolower(c); });
  return low;
}

}  // namespace

const Port* KernelOp::find(Port::Kind kind, std::string_view wanted) const {
  const auto found = std::ranges::find_if(
      ports, [&](const Port& port) { return port.kind == kind && port.name == wanted; });
  return found == ports.end() ? nullptr : &*found;
}

std::vector<const KernelOp*> kernel_ops() {
  std::vector<const KernelOp*> all;
  for (const auto rows : {single_ops(), position_ops(), expert_ops(), fused_ops()}) {
    for (const KernelOp& op : rows) all.push_back(&op);
  }
  return all;
}

const KernelOp& find_kernel_op(const std::string& name) {
  std::vector<std::string_view> known;
  for (const KernelOp* op : kernel_ops()) {
    if (op->name == name) return *op;
    known.push_back(op->name);
  }
  throw base::InputError("op", name, "is none",
                         fmt::format("known are {}", fmt::join(known, ", ")));
}

const Port* find_port(const KernelOp& op, std::span<const Port::Kind> kinds,
                      std::string_view name) {
  const auto find = [&](std::string_view wanted) -> const Port* {
    for (const Port& port : op.ports) {
      const bool is_kind = std::ranges::find(kinds, port.kind) != kinds.end();
      if (is_kind && (port.name == wanted || lower(port.name) == lower(wanted))) return &port;
    }
    return nullptr;
  };
  if (const Port* const port = find(name)) return port;
  for (const auto& [also, own] : kAlso) {
    if (lower(name) != also) continue;
    if (const Port* const port = find(own)) return port;
  }
  return nullptr;
}

}  // namespace plumb::kernel
