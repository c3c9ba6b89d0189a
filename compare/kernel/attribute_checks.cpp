// What each op's attributes may be: what has no meaning is refused before anything runs.
#include <fmt/format.h>

#include "base/errors.h"
#include "compare/kernel/attributes.h"

namespace plumb::kernel {
namespace {

using model::Activation;
using model::RopeScaling;

class Checks {
 public:
  explicit Checks(const KernelOp& op) : op_(op) {}

  template <class Value>
  void require(bool holds, std::string_view name, const Value& value, std::string_view mend) const {
    if (holds) return;
    throw base::InputError("--set", fmt::format("{}={}", name, value),
                           fmt::format("has no meaning in {}", op_.name), std::string(mend));
  }
  void positive(std::string_view name, double value) const {
    require(value > 0.0, name, value, "give a number above 0");
  }
  void eps(double value) const {
    require(value >= 0.0, "eps", value, "give a number of 0 or more");
  }
  void sizes(std::string_view name, int64_t part, std::string_view of, int64_t whole) const {
    if (part > 0 && whole % part == 0) return;
    throw base::InputError(std::string(op_.name), std::string(name),
                           fmt::format("is {}, and {} is {}", part, of, whole),
                           fmt::format("{} must be a multiple of {}", of, name));
  }
  void elementwise(Activation activation) const {
    require(activation != Activation::kXielu && activation != Activation::kClampedGlu, "activation",
            model::to_text(activation), "it is a function of one number alone");
  }

  template <class Op>
  void operator()(const Op&) const {}
  void operator()(const graph::RmsNorm& op) const { eps(op.eps); }
  void operator()(const graph::LayerNorm& op) const { eps(op.eps); }
  void operator()(const graph::Clamp& op) const { positive("limit", op.limit); }
  void operator()(const graph::SoftCap& op) const { positive("cap", op.cap); }
  void operator()(const graph::PositionScale& op) const {
    positive("original_max_position_embeddings", op.temperature.original_max_position_embeddings);
  }
  void operator()(const graph::Activate& op) const {
    require(op.activation != Activation::kClampedGlu, "activation", model::to_text(op.activation),
            "it takes a gate: see experts");
  }
  void operator()(const graph::GatedActivation& op) const { elementwise(op.activation); }
  void operator()(const graph::Gate& op) const { elementwise(op.activation); }
  void operator()(const graph::Attention& op) const {
    sizes("kv_heads", op.kv_heads, "heads", op.heads);
    require(op.soft_cap >= 0.0, "soft_cap", op.soft_cap, "give a number above 0, or 0 for none");
  }
  void operator()(const graph::GatedDeltaRule& op) const {
    sizes("key_heads", op.key_heads, "value_heads", op.value_heads);
    require(op.unit_eps >= 0.0, "unit_eps", op.unit_eps, "give a number of 0 or more");
  }
  void operator()(const graph::Experts& op) const {
    if (op.activation == Activation::kClampedGlu) {
      positive("glu_limit", op.glu_limit);
      positive("glu_alpha", op.glu_alpha);
    } else {
      elementwise(op.activation);
    }
  }
  void operator()(const graph::Route& op) const {
    const model::RouterSpec& router = op.router;
    require(router.top_k > 0 && router.top_k <= router.num_experts, "top_k", router.top_k,
            fmt::format("give 1 to {}, the number of experts", router.num_experts));
    sizes("num_groups", router.num_groups, "experts", router.num_experts);
    require(router.top_groups > 0 && router.top_groups <= router.num_groups, "top_groups",
            router.top_groups, "give 1 to num_groups");
    const int size = router.num_experts / router.num_groups;
    require(router.num_groups == 1 || size >= router.group_experts, "num_groups", router.num_groups,
            fmt::format("a group is worth its {} best experts: leave it as many",
                        router.group_experts));
    require(router.top_k <= size * router.top_groups, "top_k", router.top_k,
            "the open groups do not hold so many experts");
    require(router.normalize_eps >= 0.0, "normalize_eps", router.normalize_eps,
            "give a number of 0 or more");
  }
  void operator()(const graph::Rope& op) const {
    const model::RopeSpec& rope = op.rope;
    positive("theta", rope.theta);
    require(rope.rotary_dim > 0 && rope.rotary_dim % 2 == 0, "rotary_dim", rope.rotary_dim,
            "give an even number above 0");
    require(rope.rotary_offset + rope.rotary_dim <= op.head_dim, "rotary_dim", rope.rotary_dim,
            fmt::format("head_dim is {}", op.head_dim));
    scaling(rope);
  }

 private:
  void scaling(const model::RopeSpec& rope) const {
    const RopeScaling& s = rope.scaling;
    using Kind = RopeScaling::Kind;
    if (s.kind == Kind::kDefault) return;
    if (s.kind != Kind::kLongRope) positive("factor", s.factor);
    if (s.kind == Kind::kDynamic) {
      positive("max_position_embeddings", s.max_position_embeddings);
      require(rope.rotary_dim > 2, "rotary_dim", rope.rotary_dim, "a dynamic rope needs 4 or more");
    }
    if (s.kind == Kind::kLinear || s.kind == Kind::kDynamic) return;
    positive("original_max_position_embeddings", s.original_max_position_embeddings);
    if (s.kind == Kind::kLlama3) {
      require(s.low_freq_factor > 0.0 && s.low_freq_factor < s.high_freq_factor, "low_freq_factor",
              s.low_freq_factor, "give a number between 0 and high_freq_factor");
    }
    if (s.kind == Kind::kYarn) {
      require(rope.theta > 1.0, "theta", rope.theta, "yarn needs one above 1");
      require(s.beta_slow > 0.0 && s.beta_slow < s.beta_fast, "beta_slow", s.beta_slow,
              "give a number between 0 and beta_fast");
    }
    if (s.kind == Kind::kLongRope) {
      factors("short_factor", s.short_factor, rope.rotary_dim);
      factors("long_factor", s.long_factor, rope.rotary_dim);
    }
  }
  void factors(std::string_view name, const std::vector<double>& all, int rotary_dim) const {
    require(all.size() == static_cast<size_t>(rotary_dim / 2), name,
            fmt::format("({} numbers)", all.size()),
            fmt::format("give {}, one for each pair", rotary_dim / 2));
    for (const double factor : all) positive(name, factor);
  }

  const KernelOp& op_;
};

}  // namespace

void check_attributes(const KernelOp& op, const Kinds& kinds) {
  for (const graph::OpKind& kind : kinds) std::visit(Checks(op), kind);
}

}  // namespace plumb::kernel
