// The sizes of a call, from the shapes of its tensors: every axis has a name, and one size.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compare/kernel/ports.h"
#include "compare/kernel/tensor.h"

namespace plumb::kernel {

// A tensor at its port.
struct Plugged {
  const Port* port = nullptr;
  Tensor tensor;
};

class Shapes {
 public:
  // `set`: sizes that were given as attributes. Throws InputError naming the tensor whose shape
  // does not fit the port or the others.
  Shapes(const KernelOp& op, const std::vector<Plugged>& tensors,
         const std::map<std::string, int64_t>& set);

  // Of an axis; throws InternalError for one that no port has.
  int64_t at(std::string_view axis) const { return sizes_.at(std::string(axis)).value; }
  bool has(std::string_view axis) const { return sizes_.contains(std::string(axis)); }
  const auto& all() const { return sizes_; }
  int64_t batch() const { return has(kBatch) ? at(kBatch) : 1; }
  // The port's axes as the tensor has them, the batch left out: [T, heads, head_dim].
  const std::vector<int64_t>& extents(const Port& port) const { return extents_.at(&port); }

 private:
  static constexpr std::string_view kBatch = "batch";
  struct Size {
    int64_t value;
    std::string by;  // who says so
  };
  bool fit(const Plugged& plugged, bool flat);
  bool take(const std::vector<std::string>& axes, const std::vector<int64_t>& shape,
            const Plugged& plugged);
  void take_any(const std::vector<Plugged>& tensors);
  [[noreturn]] void refuse(const Plugged& plugged) const;

  const KernelOp& op_;
  std::map<std::string, Size> sizes_;
  std::map<const Port*, std::vector<int64_t>> extents_;
};

// Is it the name of a size of the op's ports?
bool is_size(const KernelOp& op, std::string_view name);

}  // namespace plumb::kernel
