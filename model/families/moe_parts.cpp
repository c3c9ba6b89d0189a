#include "model/families/moe_parts.h"

#include <algorithm>
#include <cmath>

namespace plumb::model {
namespace {

constexpr int64_t kExpertLimit = 4096;

}  // namespace

void read_groups(ConfigReader& config, const MixtureDefaults& defaults, RouterSpec& router) {
  const auto text = [](int value) { return std::to_string(value); };
  router.num_groups =
      static_cast<int>(config.integer("n_group", defaults.num_groups, 1, kExpertLimit));
  router.top_groups =
      static_cast<int>(config.integer("topk_group", defaults.top_groups, 1, router.num_groups));
  const int size = router.num_experts / router.num_groups;
  if (router.num_experts % router.num_groups != 0 || size < router.group_experts) {
    config.refuse(
        "n_group",
        "is " + text(router.num_groups) + " for " + text(router.num_experts) + " experts",
        "groups are of equal size, and of " + text(router.group_experts) + " experts at least");
  }
  if (router.top_k > router.top_groups * size) {
    config.refuse(defaults.top_k_key,
                  "is " + text(router.top_k) + ", and " + text(router.top_groups) + " groups of " +
                      text(size) + " experts are open",
                  "choose fewer experts, or open more groups");
  }
}

std::optional<SharedExpertSpec> read_shared(ConfigReader& config, const MixtureDefaults& defaults,
                                            int intermediate_size, int64_t least) {
  if (defaults.shared_key.empty()) return std::nullopt;
  const int64_t shared =
      config.integer(defaults.shared_key, defaults.num_shared_experts, least, kExpertLimit);
  if (shared == 0) return std::nullopt;
  return SharedExpertSpec{
      .intermediate_size = checked_width(config, defaults.shared_key, shared, intermediate_size)};
}

MoeSpec read_experts(ConfigReader& config, const MixtureDefaults& defaults) {
  MoeSpec moe;
  RouterSpec& router = moe.router;
  router.num_experts =
      static_cast<int>(read_renamed(config, defaults.experts_key, defaults.experts_alias,
                                    defaults.num_experts, defaults.least_experts, kExpertLimit));
  router.top_k = read_size(config, defaults.top_k_key, defaults.top_k, kExpertLimit);
  if (router.num_experts > 0 && router.top_k > router.num_experts) {
    config.refuse(defaults.top_k_key, "is " + std::to_string(router.top_k),
                  "there are " + std::to_string(router.num_experts) + " experts to choose from");
  }
  moe.intermediate_size = read_size(config, defaults.intermediate_key, defaults.intermediate_size);
  return moe;
}

MoeSpec read_softmax_mixture(ConfigReader& config, const MixtureDefaults& defaults) {
  MoeSpec moe = read_experts(config, defaults);
  moe.activation = read_activation(config, "hidden_act", "silu");
  moe.router.normalize = config.flag("norm_topk_prob", defaults.normalize);
  moe.router.weights_rounded = true;
  if (defaults.shared_intermediate_size > 0) {
    const int inner =
        read_size(config, "shared_expert_intermediate_size", defaults.shared_intermediate_size);
    moe.shared = SharedExpertSpec{.intermediate_size = inner, .gated = true};
  }
  return moe;
}

MoeSpec read_sigmoid_mixture(ConfigReader& config, const MixtureDefaults& defaults) {
  MoeSpec moe = read_experts(config, defaults);
  moe.activation = read_activation(config, "hidden_act", "silu");
  moe.router.normalize = config.flag("norm_topk_prob", defaults.normalize);
  read_groups(config, defaults, moe.router);
  moe.router.scores = RouterSpec::Scores::kSigmoid;
  moe.router.correction_bias = true;
  moe.router.normalize_eps = moe.router.normalize ? 1e-20 : 0.0;
  moe.router.scaling =
      config.positive(defaults.scaling_key, defaults.routed_scaling_factor, defaults.scaling_null);
  moe.router.in_float32 = true;
  moe.shared = read_shared(config, defaults, moe.intermediate_size);
  return moe;
}

MoeSpec read_corrected_mixture(ConfigReader& config, const MixtureDefaults& defaults, double eps) {
  MoeSpec moe = read_experts(config, defaults);
  moe.activation = read_activation(config, "hidden_act", "silu");
  moe.router.scores = RouterSpec::Scores::kSigmoid;
  moe.router.correction_bias = true;
  moe.router.normalize_eps = eps;
  moe.shared = read_shared(config, defaults, moe.intermediate_size);
  return moe;
}

std::vector<bool> read_mlp_types(ConfigReader& config, int num_hidden_layers, int64_t dense) {
  static constexpr std::string_view kTypes[] = {"dense", "sparse"};
  const auto types = read_types(config, "mlp_layer_types", num_hidden_layers, kTypes,
                                [&](int layer) { return kTypes[layer < dense ? 0 : 1]; });
  std::vector<bool> sparse;
  for (const std::string& type : types) sparse.push_back(type == "sparse");
  return sparse;
}

std::vector<bool> read_sparse_layers(ConfigReader& config, int num_hidden_layers, int num_experts) {
  const int64_t step = config.integer("decoder_sparse_step", 1, 1, int64_t{1} << 30);
  std::vector<double> dense;
  config.touch("mlp_only_layers");
  if (config.has("mlp_only_layers")) dense = config.numbers("mlp_only_layers");
  if (std::any_of(dense.begin(), dense.end(), [](double v) { return v != std::floor(v); })) {
    config.refuse("mlp_only_layers", "is not a list of layers", "write [0, 1, ...]");
  }
  std::vector<bool> sparse;
  for (int i = 0; i < num_hidden_layers; ++i) {
    const bool named = std::find(dense.begin(), dense.end(), i) != dense.end();
    sparse.push_back(num_experts > 0 && !named && (i + 1) % step == 0);
  }
  return sparse;
}

std::vector<bool> read_dense_start(ConfigReader& config, int num_hidden_layers, int64_t fallback,
                                   std::string_view key) {
  const int64_t dense = config.integer(key, fallback, 0, int64_t{1} << 30);
  std::vector<bool> sparse;
  for (int i = 0; i < num_hidden_layers; ++i) sparse.push_back(i >= dense);
  return sparse;
}

void ignore_further_layers(const Spec& spec, NameTable& names) {
  for (int i = 0; i < spec.num_nextn_predict_layers; ++i) {
    const auto layer = spec.layers.size() + static_cast<size_t>(i);
    names.ignore("model.layers." + std::to_string(layer) + ".*", "predicts a further token");
  }
}

void set_dense_layers(Spec& spec, const std::vector<bool>& sparse, const MlpSpec& dense) {
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    if (!sparse[i]) spec.layers[i].ffn = dense;
  }
}

NameTable expert_names(std::string_view shared) {
  const std::string mlp = "model.layers.{i}.mlp.";
  NameTable names = transformers_names();
  names.name("router", mlp + "gate")
      .name("router_correction", mlp + "gate.e_score_correction_bias")
      .name("shared.router", mlp + "shared_expert_gate");
  for (const std::string projection : {"gate_proj", "up_proj", "down_proj"}) {
    names.name("experts." + projection, mlp + "experts.{e}." + projection)
        .name("shared." + projection, mlp + std::string(shared) + "." + projection);
  }
  // Files written straight from transformers 5's modules, which hold the experts as stacks.
  name_stacks(names);
  // Those of mlx-lm, which stacks each projection's.
  for (const std::string projection : {"gate_proj", "up_proj", "down_proj"}) {
    names.or_pack(mlp + "switch_mlp." + projection, {"experts." + projection});
  }
  return names;
}

NameTable& name_stacks(NameTable& names, std::string_view mlp) {
  const std::string experts = std::string(mlp) + "experts.";
  return names
      .or_pack(experts + "gate_up_proj", {"experts.gate_proj.weight", "experts.up_proj.weight"})
      .or_pack(experts + "down_proj", {"experts.down_proj.weight"});
}

}  // namespace plumb::model
