// Names from elsewhere are answered with the tap that was meant; nothing is made of the rest.
#include "trace/tap_names.h"

#include <gtest/gtest.h>

#include "trace/tap.h"

namespace plumb::trace {
namespace {

TEST(TapNames, AreKnownFromElsewhere) {
  const std::pair<const char*, const char*> kNames[] = {
      {"layers.0.out", "layer.0.out"},
      {"layer.3.mlp_out", "layer.3.ffn_out"},
      {"layer.03.out", "layer.3.out"},
      {"model.layers.12.self_attn.q_proj", "layer.12.q"},
      {"model.layers.0.self_attn", "layer.0.mixer_out"},
      {"model.layers.0.linear_attn", "layer.0.mixer_out"},
      {"model.layers.1.mlp.down_proj", "layer.1.ffn_out"},
      {"model.layers.1.block_sparse_moe.gate", "layer.1.router_logits"},
      {"model.layers.2", "layer.2.out"},
      {"model.layers.0.input_layernorm", "layer.0.mixer_in"},
      {"model.norm", "final_norm"},
      {"model.embed_tokens", "embed"},
      {"lm_head", "logits"},
      {"transformer.h.4.attn", "layer.4.attn"},
      {"blk.5.ffn_out", "layer.5.ffn_out"},
      {"l_out-7", "layer.7.out"},
      {"Qcur-1", "layer.1.q"},
      {"result_norm", "final_norm"},
      {"logit", "logits"},
      {"final_nrom", "final_norm"},
      {"layer.0.mixerout", "layer.0.mixer_out"},
  };
  for (const auto& [name, meant] : kNames) {
    EXPECT_EQ(meant_tap(name), meant) << name;
    EXPECT_TRUE(parse_tap(meant)) << meant;
  }
}

TEST(TapNames, AreNotGuessedFromAnything) {
  for (const char* name : {"", "layer", "attention_mask", "kv_seq_len", "layer.0.", "layer.x.out",
                           "layer.1.loss_scale", "model.layers.0.mystery_module", "0", "layers."}) {
    const auto meant = meant_tap(name);
    EXPECT_TRUE(!meant || parse_tap(*meant)) << name << " -> " << meant.value_or("");
  }
  EXPECT_FALSE(meant_tap("attention_mask"));
  EXPECT_FALSE(meant_tap("layer.1.loss_scale"));
}

TEST(TapNames, OfDtypes) {
  EXPECT_EQ(meant_dtype("fp32"), "float32");
  EXPECT_EQ(meant_dtype("BF16"), "bfloat16");
  EXPECT_EQ(meant_dtype("torch.float16"), "float16");
  EXPECT_FALSE(meant_dtype("int4"));
}

}  // namespace
}  // namespace plumb::trace
