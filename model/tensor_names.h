// Weight naming as data: which tensors of a checkpoint hold which weights of the graph.
//
// A weight has a role, the same in every family: "q_proj.weight" of layer 3, "embed.weight" of the
// model. A naming scheme is a table of rules from roles to tensor names; a rule with several roles
// is a packed tensor, and says how their rows lie in it. Nothing outside such a table knows a
// checkpoint's names.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace plumb::model {

// The identity of a weight: its role, and the layer it stands in (-1 outside the layers).
struct WeightId {
  int layer = -1;
  std::string role;

  std::string name() const;  // "layers.3.q_proj.weight"
  auto operator<=>(const WeightId&) const = default;
};

// A weight that a graph needs. Matrices are [out, in]; a stack of experts is [experts, out, in].
struct WeightDeclaration {
  WeightId id;
  std::vector<int64_t> shape;

  int64_t elements() const;
};

struct TensorRule {
  // With {i} for the layer, and {e} where the weight's first axis is spread over tensors.
  std::string tensor;
  // Full roles ("sinks"), or stems ("q_proj") that carry their suffix over: ".weight", ".bias".
  std::vector<std::string> roles;
  // The rows of the roles repeat this many times: [group][role][rows / groups]. In a stack of
  // experts they repeat for each.
  int groups = 1;
  // Stored transposed: the outputs are the last axis, on which the roles take turns.
  bool columns = false;
  // Matrices are stored transposed as a whole, [in, all rows of the roles]; vectors as they are.
  bool transposed = false;
  bool halves = false;  // instead of in turns they stand there one after another
  bool flat = false;    // the first two axes of a stack are one
  // The tensor's axes as axes of the weight, -1 for one of extent 1; none: the weight's own.
  std::optional<std::vector<int>> axes;
  // The tensors that hold the weight's rows one after another, and how many rows each; `tensor` is
  // the first of them.
  std::vector<std::pair<std::string, int64_t>> sections = {};
};

struct IgnoreRule {
  std::string pattern;  // a glob over tensor names
  std::string reason;
};

class NameTable {
 public:
  // The tensor of a role; a second call for the same role replaces the first.
  NameTable& name(std::string_view role, std::string_view tensor);
  // The same for a tensor with other axes than the weight: {0, -1, 1} for [C, 1, K].
  NameTable& name(std::string_view role, std::string_view tensor, std::vector<int> axes);
  // One tensor for several roles, in place of tensors that were named for one of them before.
  NameTable& pack(std::string_view tensor, std::vector<std::string> roles, int groups = 1);
  // The same beside them: their tensors, where they exist, go before it.
  NameTable& or_pack(std::string_view tensor, std::vector<std::string> roles, int groups = 1);
  // One tensor, transposed, on whose last axis the roles take turns.
  NameTable& pack_columns(std::string_view tensor, std::vector<std::string> roles);
  // One tensor for several roles, as pack() has it, transposed: a Conv1D of GPT-2.
  NameTable& pack_transposed(std::string_view tensor, std::vector<std::string> roles);
  // The same with the roles one after another; with `flat` the first two axes are one.
  NameTable& pack_column_blocks(std::string_view tensor, std::vector<std::string> roles,
                                bool flat = false);
  // A stack whose first two axes are one.
  NameTable& name_flat(std::string_view role, std::string_view tensor);
  // Tensors for the rows of a role one after another, each with its number of rows.
  NameTable& or_sections(std::string_view role,
                         std::vector<std::pair<std::string, int64_t>> sections,
                         std::vector<int> axes);
  // Another name for a role's tensor: that of `name`, where it exists, goes before it.
  NameTable& or_name(std::string_view role, std::string_view tensor, std::vector<int> axes);
  NameTable& ignore(std::string_view pattern, std::string_view reason);
  // Tensors and patterns that begin with `from` begin with `to` instead, as inside a wrapper.
  NameTable& replace_prefix(std::string_view from, std::string_view to);
  // Tensors and patterns that begin with `from` may begin with `to` instead.
  NameTable& or_prefix(std::string_view from, std::string_view to);

  // Takes out the tensor that was named for a role alone.
  NameTable& drop(std::string_view role);

  // Of several rules for a role the first whose tensor exists applies; put the usual one first.
  const std::vector<TensorRule>& rules() const { return rules_; }
  const std::vector<IgnoreRule>& ignored() const { return ignored_; }

 private:
  std::vector<TensorRule> rules_;
  std::vector<IgnoreRule> ignored_;
};

// Where a weight's elements lie in one file tensor: element (i0, i1, ...) of `extents`, which count
// the weight's elements in row-major order, is at offset + sum(i * stride).
struct Placement {
  WeightId weight;
  int64_t first = 0;  // the weight's element that is the placement's first: 0 in a tensor alone
  int64_t offset = 0;
  std::vector<int64_t> extents;
  std::vector<int64_t> strides;

  int64_t elements() const;
  // Calls run(at, length, from, stride) for the stretches of elements [begin, begin + count): the
  // element at + k of the placement is the tensor's element from + k * stride.
  void for_runs(int64_t begin, int64_t count,
                const std::function<void(int64_t, int64_t, int64_t, int64_t)>& run) const;
};

struct FileTensor {
  std::string name;
  std::vector<int64_t> shape;
  std::vector<Placement> parts;  // together they cover the tensor exactly
};

// Lays `weights` out as the tensors of a file. `exists` chooses between alternative rules.
// Throws InternalError when a role has no rule or a packed tensor is not covered.
std::vector<FileTensor> lay_out(const std::vector<WeightDeclaration>& weights,
                                const NameTable& names,
                                const std::function<bool(const std::string&)>& exists);

// The tensor that holds `weight`, or the first and the last where it is spread over several.
std::vector<std::string> outer_tensors(const WeightDeclaration& weight, const NameTable& names,
                                       const std::function<bool(const std::string&)>& exists);

}  // namespace plumb::model
