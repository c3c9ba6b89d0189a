// Granite with experts. Source: transformers 5.23, models/granitemoe.
#include "model/families/family.h"
#include "model/families/granitemoe_parts.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  return read_granite_mixture(config, false);
}

NameTable names(const Spec&) {
  return granite_mixture_names();
}

}  // namespace

constinit const Family kGraniteMoe{
    .model_type = "granitemoe",
    .architecture = "GraniteMoeForCausalLM",
    .read = read,
    .names = names,
    .inert = {},
};

}  // namespace plumb::model
