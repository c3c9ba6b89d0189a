// Qwen3-Next: gated delta nets and gated attention, with Qwen2-MoE's experts.
// Source: transformers 5.23, models/qwen3_next.
#include "model/families/family.h"
#include "model/families/hybrid_parts.h"
#include "model/families/moe_parts.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  const Dimensions d = read_dimensions(config, {.vocab_size = 151936,
                                                .hidden_size = 2048,
                                                .intermediate_size = 5632,
                                                .num_hidden_layers = 48,
                                                .num_attention_heads = 16,
                                                .num_key_value_heads = 2,
                                                .head_dim = 256,
                                                .max_position_embeddings = 32768});
  const Activation activation = read_hybrid_activation(config);
  const MoeSpec moe = read_softmax_mixture(config, {.experts_alias = "",
                                                    .num_experts = 512,
                                                    .least_experts = 0,
                                                    .top_k = 10,
                                                    .intermediate_size = 512,
                                                    .normalize = true,
                                                    .shared_intermediate_size = 512});
  Spec spec = read_hybrid(config, d, moe);
  set_dense_layers(spec, read_sparse_layers(config, d.num_hidden_layers, moe.router.num_experts),
                   {.intermediate_size = d.intermediate_size, .activation = activation});
  return spec;
}

// Published files pack the delta net's inputs by key head: its q, k, v and z, its b and a.
NameTable names(const Spec& spec) {
  NameTable names = expert_names();
  if (const auto* net = find_delta_net(spec)) {
    const std::string inputs(kDeltaNetInputs);
    names
        .pack(inputs + "qkvz", {"gdn.q_proj", "gdn.k_proj", "gdn.v_proj", "gdn.z_proj"},
              net->num_key_heads)
        .pack(inputs + "ba", {"gdn.b_proj", "gdn.a_proj"}, net->num_key_heads);
  }
  name_hybrid_mixers(names, spec);
  return names.ignore("mtp.*", "predicts further tokens");
}

// Qwen3's keys, which this class does not have.
constexpr InertKey kInert[] = {
    {"max_window_layers"},
    {"sliding_window"},
    {"use_sliding_window", "false"},
};

}  // namespace

constinit const Family kQwen3Next{
    .model_type = "qwen3_next",
    .architecture = "Qwen3NextForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
