// Granite with shared experts, sinks, windows, and a rope of its own for each layer, or none.
// Source: transformers 5.23, models/granitemoe_swa.
#include "model/families/family.h"
#include "model/families/granitemoe_parts.h"

namespace plumb::model {
namespace {

// layer_rope_theta: a theta for each layer, 0 for none at all.
void place_ropes(ConfigReader& config, Spec& spec) {
  config.touch("layer_rope_theta");
  if (!config.has("layer_rope_theta")) return;
  const std::vector<double> thetas = config.numbers("layer_rope_theta");
  if (thetas.size() != spec.layers.size()) {
    config.refuse("layer_rope_theta",
                  "has " + std::to_string(thetas.size()) + " entries for " +
                      std::to_string(spec.layers.size()) + " layers",
                  "give one for each layer");
  }
  for (size_t i = 0; i < thetas.size(); ++i) {
    auto& rope = std::get<AttentionSpec>(spec.layers[i].mixer).rope;
    if (thetas[i] == 0.0) {
      rope.reset();
    } else if (thetas[i] > 0.0 && thetas[i] <= 1e12) {
      rope->theta = thetas[i];
    } else {
      config.refuse("layer_rope_theta", "holds a theta that is none", "write 0 for no rope");
    }
  }
}

Spec read(ConfigReader& config) {
  Spec spec = read_granite_mixture(config, true);
  const auto layers = static_cast<int>(spec.layers.size());
  const int window = read_sliding_window(config, 128);
  const auto types = read_layer_types(config, layers, [](int layer) {
    return layer % 4 == 0 ? kFullAttention : kSlidingAttention;
  });
  require_window(config, types, window);
  slide_layers(spec, types, window);
  for (LayerSpec& layer : spec.layers) std::get<AttentionSpec>(layer.mixer).sinks = true;
  place_ropes(config, spec);
  return spec;
}

NameTable names(const Spec&) {
  return granite_module_names().name("sinks", "model.layers.{i}.self_attn.sinks");
}

}  // namespace

constinit const Family kGraniteMoeSwa{
    .model_type = "granitemoe_swa",
    .architecture = "GraniteMoeSWAForCausalLM",
    .read = read,
    .names = names,
    .inert = {},
};

}  // namespace plumb::model
