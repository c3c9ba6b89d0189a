// The weights are right, and their rows stand elsewhere: layouts cut or put together wrongly.
#include <algorithm>
#include <array>
#include <numeric>
#include <optional>

#include "compare/library/edits.h"

namespace plumb::library {
namespace {

using graph::Attention;
using graph::Experts;
using graph::Linear;
using model::WeightId;
using Order = std::vector<size_t>;

bool is_product_of(const Mutation& m, size_t op, std::string_view role) {
  return right<Linear>(m, op) && m.original(op).weights.front().role == role;
}

size_t rows_of(const Mutation& m, const WeightId& id) {
  return static_cast<size_t>(declaration(m, id).shape[0]);
}

// --- rows of queries and keys, moved for the other kind of rotation

bool is_rotated(const Mutation& m, size_t op) {
  static constexpr std::string_view kRoles[] = {"q_proj.weight", "k_proj.weight", "q_b_proj.weight",
                                                "k_rope_proj.weight"};
  const Linear* linear = right<Linear>(m, op);
  return linear &&
         std::ranges::find(kRoles, m.original(op).weights.front().role) != std::end(kRoles);
}

// In each of `parts` equal parts, what stands in two halves is made to alternate, or the reverse.
std::optional<Order> alternate(size_t rows, size_t parts, bool to_pairs) {
  const size_t each = rows / parts;
  if (rows % parts != 0 || each % 2 != 0 || each < 4) return std::nullopt;
  Order order(rows);
  for (size_t i = 0; i < rows; ++i) {
    const size_t k = i % each;
    const size_t from = to_pairs ? k % 2 * (each / 2) + k / 2 : k % (each / 2) * 2 + k / (each / 2);
    order[i] = i - k + from;
  }
  return order;
}

template <bool kToPairs>
bool move_rows(Mutation& m, size_t op, double parts) {
  if (!is_rotated(m, op)) return false;
  const size_t rows = rows_of(m, m.original(op).weights.front());
  const auto order = alternate(rows, static_cast<size_t>(parts), kToPairs);
  if (order) reorder(m, m.original(op), *order);
  return order.has_value();
}

// Both, with the right number of heads: as a converter does for the other kind of rotation.
template <bool kToPairs>
bool move_all_rows(Mutation& m, size_t op, double) {
  if (!is_rotated(m, op)) return false;
  const auto& shape = m.graph().value(m.original(op).outputs.front()).shape;
  return move_rows<kToPairs>(m, op, shape.size() == 2 ? shape[0] : 1);
}

// --- several weights in one tensor, cut wrongly

// The parts in the order in which they stand, each with a share in every unit.
struct Fused {
  enum class Unit { kKeyHead, kQueryHead, kRow, kDeltaKeyHead } unit;
  std::array<std::string_view, 4> roles;
};

constexpr Fused kQueryKeyValue{Fused::Unit::kKeyHead,
                               {"q_proj.weight", "k_proj.weight", "v_proj.weight"}};
constexpr Fused kQueryGate{Fused::Unit::kQueryHead, {"q_proj.weight", "attn_gate_proj.weight"}};
constexpr Fused kKeyValue{Fused::Unit::kKeyHead, {"k_proj.weight", "v_proj.weight"}};
constexpr Fused kLatentKeyValue{Fused::Unit::kQueryHead, {"k_b_proj.weight", "v_b_proj.weight"}};
constexpr Fused kGateUp{Fused::Unit::kRow, {"gate_proj.weight", "up_proj.weight"}};
constexpr Fused kSharedGateUp{Fused::Unit::kRow,
                              {"shared.gate_proj.weight", "shared.up_proj.weight"}};
constexpr Fused kDelta{
    Fused::Unit::kDeltaKeyHead,
    {"gdn.q_proj.weight", "gdn.k_proj.weight", "gdn.v_proj.weight", "gdn.z_proj.weight"}};
constexpr Fused kDeltaRates{Fused::Unit::kDeltaKeyHead, {"gdn.b_proj.weight", "gdn.a_proj.weight"}};

size_t units_of(const Mutation& m, size_t op, const Fused& fused, size_t rows) {
  for (const graph::Op& other : m.graph().ops) {
    if (other.layer != m.original(op).layer) continue;
    if (const auto* attention = std::get_if<Attention>(&other.kind)) {
      if (fused.unit == Fused::Unit::kKeyHead) return static_cast<size_t>(attention->kv_heads);
      if (fused.unit == Fused::Unit::kQueryHead) return static_cast<size_t>(attention->heads);
    }
    if (const auto* rule = std::get_if<graph::GatedDeltaRule>(&other.kind)) {
      if (fused.unit == Fused::Unit::kDeltaKeyHead) return static_cast<size_t>(rule->key_heads);
    }
  }
  return fused.unit == Fused::Unit::kRow ? rows : 1;
}

// Several parts in one tensor: part after part, or unit after unit with each part's share.
class Layout {
 public:
  Layout(std::vector<size_t> rows, size_t units, bool by_unit)
      : rows_(std::move(rows)), turns_(by_unit ? units : 1) {}

  struct Place {
    size_t part;
    size_t row;
  };
  size_t index_of(Place place) const {
    const size_t each = rows_[place.part] / turns_;
    size_t before = 0;
    for (size_t p = 0; p < place.part; ++p) before += rows_[p] / turns_;
    return place.row / each * turn() + before + place.row % each;
  }
  Place at(size_t index) const {
    size_t rest = index % turn();
    size_t part = 0;
    while (rest >= rows_[part] / turns_) rest -= rows_[part++] / turns_;
    return {part, index / turn() * (rows_[part] / turns_) + rest};
  }

 private:
  size_t turn() const { return std::accumulate(rows_.begin(), rows_.end(), size_t{0}) / turns_; }

  std::vector<size_t> rows_;
  size_t turns_;
};

// The parts stand in one layout and are cut as if they stood in the other; `copies` such tensors
// one after another (experts), or as columns (their biases).
void cut(Mutation& m, const std::vector<WeightId>& parts, const std::vector<size_t>& rows,
         size_t units, bool into_blocks, bool columns = false) {
  const Layout stand(rows, units, into_blocks);
  const Layout taken(rows, units, !into_blocks);
  for (size_t p = 0; p < parts.size(); ++p) {
    const auto origin = [=, own = rows[p]](size_t row) {
      const size_t copy = row / own;
      const auto [part, from] = stand.at(taken.index_of({p, row % own}));
      return Mutation::Origin{parts[part], copy * rows[part] + from};
    };
    columns ? m.gather_columns(parts[p], origin) : m.gather(parts[p], origin);
  }
}

// The products that make the parts of what `op` begins; empty where they are not all there.
std::vector<const graph::Op*> find_parts(const Mutation& m, size_t op, const Fused& fused) {
  std::vector<const graph::Op*> parts;
  if (!is_product_of(m, op, fused.roles.front())) return parts;
  for (const std::string_view role : fused.roles) {
    if (role.empty()) continue;
    parts.push_back(sibling(m, op, std::string(role)));
    if (parts.back() == nullptr || parts.back()->inputs != parts.front()->inputs) return {};
  }
  return parts;
}

template <const Fused& kFused, bool kIntoBlocks>
bool cut_fused(Mutation& m, size_t op, double) {
  const std::vector<const graph::Op*> parts = find_parts(m, op, kFused);
  if (parts.empty()) return false;
  const size_t units = units_of(m, op, kFused, rows_of(m, parts.front()->weights.front()));
  size_t weights = 2;  // and biases, where all have them
  for (const graph::Op* part : parts) {
    if (units < 2 || rows_of(m, part->weights.front()) % units != 0) return false;
    weights = std::min(weights, part->weights.size());
  }
  for (size_t w = 0; w < weights; ++w) {
    std::vector<WeightId> ids;
    std::vector<size_t> rows;
    for (const graph::Op* part : parts) {
      ids.push_back(part->weights[w]);
      rows.push_back(rows_of(m, ids.back()));
    }
    cut(m, ids, rows, units, kIntoBlocks);
  }
  return true;
}

// The same within each expert.
template <bool kIntoBlocks>
bool cut_experts(Mutation& m, size_t op, double) {
  const Experts* experts = right<Experts>(m, op);
  if (!experts || experts->intermediate_size < 2) return false;
  const auto inner = static_cast<size_t>(experts->intermediate_size);
  const auto& weights = m.original(op).weights;
  cut(m, {weights[0], weights[1]}, {inner, inner}, inner, kIntoBlocks);
  if (weights.size() > 4) {
    cut(m, {weights[3], weights[4]}, {inner, inner}, inner, kIntoBlocks, true);
  }
  return true;
}

// --- heads

// Query heads by their place in a group, then by group; or the reverse.
bool take_heads_in_turns(Mutation& m, size_t op, double reverse) {
  const bool queries = is_product_of(m, op, "q_proj.weight");
  if (!queries && !right<Attention>(m, op)) return false;
  for (const graph::Op& other : m.graph().ops) {
    const auto* attention = std::get_if<Attention>(&other.kind);
    if (!attention || other.layer != m.original(op).layer) continue;
    const auto groups = static_cast<size_t>(attention->kv_heads);
    const size_t each = static_cast<size_t>(attention->heads) / groups;
    if (groups == 1 || each == 1) return false;
    const size_t inner = reverse > 0.0 ? each : groups;
    const size_t dim =
        static_cast<size_t>(m.graph().value(m.original(op).outputs[0]).width()) / (groups * each);
    Order order;
    for (size_t h = 0; h < groups * each; ++h) {
      const size_t from = h % inner * (groups * each / inner) + h / inner;
      for (size_t i = 0; i < dim; ++i) order.push_back(from * dim + i);
    }
    m.deviation(op).order = std::move(order);
    return true;
  }
  return false;
}

bool leave_heads_in_front(Mutation& m, size_t op, double) {
  const Attention* attention = right<Attention>(m, op);
  if (!attention || attention->heads == 1) return false;
  m.deviation(op).untransposed = true;
  return true;
}

constexpr double kParts[] = {1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 32};
constexpr double kWays[] = {0.0, 1.0};
constexpr std::string_view kWayNames[] = {"the place in their group", "their group"};
constexpr FaultClass kVariant = FaultClass::kVariant;
constexpr FaultScope kLayer = FaultScope::kLayer;
constexpr FaultScope kEach = FaultScope::kEach;

constexpr FaultRow kRows[] = {
    {.cause = "rotary_rows_to_pairs",
     .says = "has rows of queries and keys moved from halves to pairs",
     .severity = kVariant,
     .scope = kLayer,
     .apply = move_all_rows<true>},
    {.cause = "rotary_rows_to_halves",
     .says = "has rows of queries and keys moved from pairs to halves",
     .severity = kVariant,
     .scope = kLayer,
     .apply = move_all_rows<false>},
    {.cause = "rows_to_pairs",
     .says = "has its rows moved from halves to pairs, as those of {:g} heads",
     .severity = kVariant,
     .scope = kEach,
     .apply = move_rows<true>,
     .values = kParts},
    {.cause = "rows_to_halves",
     .says = "has its rows moved from pairs to halves, as those of {:g} heads",
     .severity = kVariant,
     .scope = kEach,
     .apply = move_rows<false>,
     .values = kParts},
    {.cause = "qkv_cut_in_blocks",
     .says = "cuts queries, keys and values, which stand by key head, into blocks",
     .severity = kVariant,
     .scope = kLayer,
     .apply = cut_fused<kQueryKeyValue, true>},
    {.cause = "qkv_cut_by_head",
     .says = "cuts queries, keys and values, which stand in blocks, by key head",
     .severity = kVariant,
     .scope = kLayer,
     .apply = cut_fused<kQueryKeyValue, false>},
    {.cause = "kv_cut_in_blocks",
     .says = "cuts keys and values, which stand by head, into halves",
     .severity = kVariant,
     .scope = kLayer,
     .apply = cut_fused<kKeyValue, true>},
    {.cause = "kv_cut_by_head",
     .says = "cuts keys and values, which stand in halves, by head",
     .severity = kVariant,
     .scope = kLayer,
     .apply = cut_fused<kKeyValue, false>},
    {.cause = "query_gate_cut_in_blocks",
     .says = "cuts queries and gates, which stand by head, into halves",
     .severity = kVariant,
     .scope = kLayer,
     .apply = cut_fused<kQueryGate, true>},
    {.cause = "query_gate_cut_by_head",
     .says = "cuts queries and gates, which stand in halves, by head",
     .severity = kVariant,
     .scope = kLayer,
     .apply = cut_fused<kQueryGate, false>},
    {.cause = "latent_kv_cut_in_blocks",
     .says = "cuts keys and values of the latent, which stand by head, into blocks",
     .severity = kVariant,
     .scope = kLayer,
     .apply = cut_fused<kLatentKeyValue, true>},
    {.cause = "latent_kv_cut_by_head",
     .says = "cuts keys and values of the latent, which stand in blocks, by head",
     .severity = kVariant,
     .scope = kLayer,
     .apply = cut_fused<kLatentKeyValue, false>},
    {.cause = "gate_up_cut_in_halves",
     .says = "cuts gate and up, whose rows alternate, into halves",
     .severity = kVariant,
     .scope = kLayer,
     .apply = cut_fused<kGateUp, true>},
    {.cause = "gate_up_cut_in_turns",
     .says = "takes rows of gate and up, which stand in halves, in turns",
     .severity = kVariant,
     .scope = kLayer,
     .apply = cut_fused<kGateUp, false>},
    {.cause = "shared_gate_up_cut_in_turns",
     .says = "takes rows of the shared expert's gate and up, which stand in halves, in turns",
     .severity = kVariant,
     .scope = kLayer,
     .apply = cut_fused<kSharedGateUp, false>},
    {.cause = "expert_gate_up_cut_in_halves",
     .says = "cuts the experts' gate and up, whose rows alternate, into halves",
     .severity = kVariant,
     .scope = kLayer,
     .apply = cut_experts<true>},
    {.cause = "expert_gate_up_cut_in_turns",
     .says = "takes rows of the experts' gate and up, which stand in halves, in turns",
     .severity = kVariant,
     .scope = kLayer,
     .apply = cut_experts<false>},
    {.cause = "delta_cut_in_blocks",
     .says = "cuts q, k, v and z of the delta net, which stand by key head, into blocks",
     .severity = kVariant,
     .scope = kLayer,
     .apply = cut_fused<kDelta, true>},
    {.cause = "delta_cut_by_head",
     .says = "cuts q, k, v and z of the delta net, which stand in blocks, by key head",
     .severity = kVariant,
     .scope = kLayer,
     .apply = cut_fused<kDelta, false>},
    {.cause = "delta_rates_cut_in_blocks",
     .says = "cuts beta and decay, which stand by key head, into halves",
     .severity = kVariant,
     .scope = kLayer,
     .apply = cut_fused<kDeltaRates, true>},
    {.cause = "delta_rates_cut_by_head",
     .says = "cuts beta and decay, which stand in halves, by key head",
     .severity = kVariant,
     .scope = kLayer,
     .apply = cut_fused<kDeltaRates, false>},
    {.cause = "heads_in_turns",
     .says = "has its heads sorted by {}",
     .severity = kVariant,
     .scope = kEach,
     .apply = take_heads_in_turns,
     .values = kWays,
     .names = kWayNames},
    {.cause = "heads_not_transposed",
     .says = "joins its heads before positions come first",
     .severity = kVariant,
     .scope = kEach,
     .apply = leave_heads_in_front},
};

}  // namespace

std::span<const FaultRow> layout_faults() {
  return kRows;
}

}  // namespace plumb::library
