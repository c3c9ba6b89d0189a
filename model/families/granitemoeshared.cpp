// Granite with experts, and one that all tokens share.
// Source: transformers 5.23, models/granitemoeshared.
#include "model/families/family.h"
#include "model/families/granitemoe_parts.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  return read_granite_mixture(config, true);
}

NameTable names(const Spec&) {
  return granite_mixture_names();
}

}  // namespace

constinit const Family kGraniteMoeShared{
    .model_type = "granitemoeshared",
    .architecture = "GraniteMoeSharedForCausalLM",
    .read = read,
    .names = names,
    .inert = {},
};

}  // namespace plumb::model
