// MiMo: Qwen2 with layers for multi-token prediction, which a forward does not use.
// Source: MiMo-7B, modeling_mimo.py, whose model is transformers' Qwen2Model.
#include "model/families/decoder.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

// Published files hold sliding_window and max_window_layers and do not use them.
Spec read(ConfigReader& config) {
  if (config.flag("use_sliding_window", false)) {
    config.refuse("use_sliding_window", "is true", "MiMo is supported without windows");
  }
  return kQwen2.read(config);
}

NameTable names(const Spec&) {
  return transformers_names().ignore("model.mtp_layers.*",
                                     "multi-token prediction, beside the model's own forward");
}

constexpr InertKey kInert[] = {
    {"attention_bias", "true"},  // on q, k, v whatever it says
    {"max_window_layers"},      {"mtp_loss_step_weights"},    {"mtp_loss_weight"},
    {"ntp_loss_weight"},        {"num_nextn_predict_layers"}, {"num_speculative_steps"},
    {"use_mrope", "false"},
};

}  // namespace

constinit const Family kMimo{
    .model_type = "mimo",
    .architecture = "MiMoForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
    .foreign = Foreign::kNeutral,
};

}  // namespace plumb::model
