// What families with mixtures of experts share.
#pragma once

#include "model/families/decoder.h"

namespace plumb::model {

// What a config class takes where a key is absent, and how it calls the number of experts.
struct MixtureDefaults {
  std::string_view experts_key = "num_experts";
  std::string_view experts_alias = "num_local_experts";  // its other name
  std::string_view top_k_key = "num_experts_per_tok";
  std::string_view intermediate_key = "moe_intermediate_size";
  std::string_view scaling_key = "routed_scaling_factor";
  std::string_view shared_key = "n_shared_experts";  // as wide as so many; empty: none
  int num_experts = 0;
  int least_experts = 1;
  int top_k = 0;
  int intermediate_size = 0;
  bool normalize = false;
  int shared_intermediate_size = 0;  // of a gated shared expert; 0: there is none
  int num_shared_experts = 1;
  double routed_scaling_factor = 1.0;
  Null scaling_null = Null::kRefused;  // or meaning that default
  int num_groups = 1;
  int top_groups = 1;
};

// The number of experts, how many of them are chosen, and their size.
MoeSpec read_experts(ConfigReader& config, const MixtureDefaults& defaults);

// Qwen's and OLMoE's: the best of a softmax over all experts, divided by their sum where
// norm_topk_prob says so.
MoeSpec read_softmax_mixture(ConfigReader& config, const MixtureDefaults& defaults);

// DeepSeek-V3's (arXiv 2412.19437): sigmoids, chosen after a correction and among the experts of
// the best groups; shared experts that are added to all.
MoeSpec read_sigmoid_mixture(ConfigReader& config, const MixtureDefaults& defaults);

// The same without groups, their weights always normalised (+ eps), scaled by the caller.
MoeSpec read_corrected_mixture(ConfigReader& config, const MixtureDefaults& defaults, double eps);

// Equal groups of experts, of which topk_group are open to the choice.
void read_groups(ConfigReader& config, const MixtureDefaults& defaults, RouterSpec& router);

// One shared expert as wide as `defaults.shared_key` routed ones; none where that may be, and is,
// 0.
std::optional<SharedExpertSpec> read_shared(ConfigReader& config, const MixtureDefaults& defaults,
                                            int intermediate_size, int64_t least = 1);

// `mlp_layer_types`, "dense" or "sparse" for each layer; the first `dense` are dense where it is
// absent.
std::vector<bool> read_mlp_types(ConfigReader& config, int num_hidden_layers, int64_t dense);

// Qwen's rule: a layer is dense if mlp_only_layers names it, or decoder_sparse_step skips it, or
// there are no experts.
std::vector<bool> read_sparse_layers(ConfigReader& config, int num_hidden_layers, int num_experts);

// DeepSeek's rule: the first first_k_dense_replace layers are dense.
std::vector<bool> read_dense_start(ConfigReader& config, int num_hidden_layers, int64_t fallback,
                                   std::string_view key = "first_k_dense_replace");

// The layers after the last, which predict further tokens.
void ignore_further_layers(const Spec& spec, NameTable& names);

// Gives the layers that are not sparse the dense feed-forward.
void set_dense_layers(Spec& spec, const std::vector<bool>& sparse, const MlpSpec& dense);

// transformers_names with mlp.gate, mlp.experts.E.gate_proj, ...; families call the shared expert
// shared_expert or shared_experts.
NameTable expert_names(std::string_view shared = "shared_expert");

// Adds mlp.experts.gate_up_proj and down_proj, which hold all experts, as other names of theirs.
NameTable& name_stacks(NameTable& names, std::string_view mlp = "model.layers.{i}.mlp.");

}  // namespace plumb::model
