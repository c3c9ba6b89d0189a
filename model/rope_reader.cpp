#include "model/rope_reader.h"

#include <array>
#include <utility>

namespace plumb::model {
namespace {

using Kind = RopeScaling::Kind;

constexpr std::array<std::pair<std::string_view, Kind>, 4> kTypes = {{
    {"default", Kind::kDefault},
    {"linear", Kind::kLinear},
    {"dynamic", Kind::kDynamic},
    {"llama3", Kind::kLlama3},
}};

// Parameters that some rope type reads: beside another type they have no effect.
constexpr std::array<InertKey, 14> kOtherTypes = {{
    {"factor"},
    {"low_freq_factor"},
    {"high_freq_factor"},
    {"original_max_position_embeddings"},
    {"attention_factor"},
    {"beta_fast"},
    {"beta_slow"},
    {"mscale"},
    {"mscale_all_dim"},
    {"truncate"},
    {"short_factor"},
    {"long_factor"},
    {"mrope_section"},
    {"type"},
}};

Kind read_type(ConfigReader& dict) {
  const char* key = dict.present("rope_type") ? "rope_type" : "type";
  const std::string name = dict.text(key, "default");
  std::string known;
  for (const auto& [text, kind] : kTypes) {
    if (text == name) return kind;
    known += (known.empty() ? "" : ", ") + std::string(text);
  }
  dict.refuse(key, "is the unknown rope type '" + name + "'", "supported: " + known);
}

double required(ConfigReader& dict, std::string_view key) {
  if (!dict.present(key)) dict.refuse(key, "is missing", "this rope type needs it");
  return dict.positive(key, 0.0);
}

RopeScaling read_scaling(ConfigReader& dict, double max_position_embeddings,
                         double original_override) {
  RopeScaling scaling{.kind = read_type(dict)};
  if (scaling.kind == Kind::kDefault) return scaling;
  scaling.factor = required(dict, "factor");
  if (scaling.kind == Kind::kDynamic) scaling.max_position_embeddings = max_position_embeddings;
  if (scaling.kind == Kind::kLlama3) {
    scaling.low_freq_factor = required(dict, "low_freq_factor");
    scaling.high_freq_factor = required(dict, "high_freq_factor");
    const double original =
        dict.positive("original_max_position_embeddings", max_position_embeddings);
    scaling.original_max_position_embeddings = original_override > 0 ? original_override : original;
    if (scaling.low_freq_factor == scaling.high_freq_factor) {
      dict.refuse("high_freq_factor", "equals low_freq_factor", "the ramp needs a width");
    }
  }
  return scaling;
}

double read_partial(ConfigReader& config, const RopeDefaults& defaults) {
  const double whole = 1.0;
  const double partial =
      config.positive("partial_rotary_factor", defaults.partial_rotary_factor.value_or(whole));
  if (!defaults.partial_rotary_factor && partial != whole) {
    config.refuse("partial_rotary_factor", "is not 1", "this model type rotates whole heads");
  }
  return partial;
}

int read_rotary_dim(const ConfigReader& config, ConfigReader& dict, const RopeDefaults& defaults,
                    int head_dim) {
  const double partial = read_partial(dict, defaults);
  const int rotary_dim = static_cast<int>(static_cast<double>(head_dim) * partial);
  if (rotary_dim <= head_dim && rotary_dim >= 2 && rotary_dim % 2 == 0) return rotary_dim;
  if (partial == 1.0) {
    config.refuse("head_dim", "is " + std::to_string(head_dim) + ", which cannot rotate in pairs",
                  "set head_dim, or hidden_size / num_attention_heads, to an even number");
  }
  dict.refuse("partial_rotary_factor",
              "gives " + std::to_string(rotary_dim) + " rotated dimensions of a head of " +
                  std::to_string(head_dim),
              "they must be even, at least 2 and at most the head");
}

// `original_override`: the top-level original_max_position_embeddings, 0 where there is none.
RopeSpec read_dict(const ConfigReader& config, ConfigReader dict, const RopeDefaults& defaults,
                   int head_dim, int64_t max_position_embeddings, double original_override) {
  RopeSpec rope;
  rope.scaling =
      read_scaling(dict, static_cast<double>(max_position_embeddings), original_override);
  rope.theta = dict.positive("rope_theta", defaults.theta);
  rope.rotary_dim = read_rotary_dim(config, dict, defaults, head_dim);
  if (rope.scaling.kind == Kind::kDynamic && rope.rotary_dim == 2) {
    dict.refuse("rope_type", "is dynamic with 2 rotated dimensions",
                "its exponent d / (d - 2) needs more");
  }
  dict.finish({}, kOtherTypes);
  return rope;
}

}  // namespace

RopeSpec read_rope(ConfigReader& config, const RopeDefaults& defaults, int head_dim,
                   int64_t max_position_embeddings) {
  RopeDefaults here = defaults;
  here.theta = config.positive("rope_theta", defaults.theta);
  const double partial = read_partial(config, defaults);
  if (defaults.partial_rotary_factor) here.partial_rotary_factor = partial;
  const double original =
      config.positive("original_max_position_embeddings", 0.0, Null::kMeansAbsent);
  config.touch("rope_scaling");
  config.touch("rope_parameters");
  static const base::Json kNoDict = base::Json::object();
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    // An empty dict counts as absent, as it does in Python.
    if (config.has(key) && !config.object(key).json().empty()) {
      return read_dict(config, config.object(key), here, head_dim, max_position_embeddings,
                       original);
    }
  }
  return read_dict(config, config.object("rope_parameters", kNoDict), here, head_dim,
                   max_position_embeddings, original);
}

RopeSpec read_rope_entry(const ConfigReader& config, ConfigReader dict,
                         const RopeDefaults& defaults, int head_dim,
                         int64_t max_position_embeddings) {
  return read_dict(config, std::move(dict), defaults, head_dim, max_position_embeddings, 0.0);
}

}  // namespace plumb::model
