#include "model/rope_reader.h"

#include <array>
#include <cmath>
#include <utility>

namespace plumb::model {
namespace {

using Kind = RopeScaling::Kind;

constexpr std::array<std::pair<std::string_view, Kind>, 7> kTypes = {{
    {"default", Kind::kDefault},
    {"linear", Kind::kLinear},
    {"dynamic", Kind::kDynamic},
    {"llama3", Kind::kLlama3},
    {"yarn", Kind::kYarn},
    {"longrope", Kind::kLongRope},
    {"proportional", Kind::kProportional},
}};

// Parameters that some rope type reads: beside another type they have no effect.
constexpr std::array<InertKey, 15> kOtherTypes = {{
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
    {"mrope_interleaved"},
    {"type"},
}};

Kind read_type(ConfigReader& dict, const RopeDefaults& defaults) {
  const char* key = dict.present("rope_type") ? "rope_type" : "type";
  const std::string name = dict.text(key, "default");
  if (defaults.yarn_is_longrope && (name == "su" || name == "yarn")) return Kind::kLongRope;
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

// The context that the model was trained on, before its rope was stretched.
struct Context {
  double max_position_embeddings;
  double top_level_original;  // 0 where the config has none; it goes before the dict's
};

double read_original(ConfigReader& dict, const Context& context) {
  const double stated =
      dict.positive("original_max_position_embeddings", context.max_position_embeddings);
  return context.top_level_original > 0 ? context.top_level_original : stated;
}

void read_llama3(ConfigReader& dict, const Context& context, RopeScaling& scaling) {
  scaling.low_freq_factor = required(dict, "low_freq_factor");
  scaling.high_freq_factor = required(dict, "high_freq_factor");
  scaling.original_max_position_embeddings = read_original(dict, context);
  if (scaling.low_freq_factor == scaling.high_freq_factor) {
    dict.refuse("high_freq_factor", "equals low_freq_factor", "the ramp needs a width");
  }
}

// 0, null and absent all mean the usual value, as Python's `or` has it.
double read_or(ConfigReader& dict, std::string_view key, double usual) {
  const double stated = dict.number(key, 0.0, Null::kMeansAbsent);
  if (stated < 0.0) dict.refuse(key, "is negative");
  return stated == 0.0 ? usual : stated;
}

double read_yarn(ConfigReader& dict, const Context& context, RopeScaling& scaling) {
  scaling.original_max_position_embeddings = read_original(dict, context);
  scaling.beta_fast = read_or(dict, "beta_fast", 32.0);
  scaling.beta_slow = read_or(dict, "beta_slow", 1.0);
  scaling.truncate = dict.flag("truncate", true);
  const double ratio = context.max_position_embeddings / scaling.original_max_position_embeddings;
  if (!dict.present("factor")) dict.refuse("factor", "is missing", "this rope type needs it");
  scaling.factor = dict.positive("factor", ratio, Null::kMeansAbsent);
  const double mscale = read_or(dict, "mscale", 0.0);
  const double all_dim = read_or(dict, "mscale_all_dim", 0.0);
  const double usual = mscale != 0.0 && all_dim != 0.0 ? yarn_mscale(scaling.factor, mscale) /
                                                             yarn_mscale(scaling.factor, all_dim)
                                                       : yarn_mscale(scaling.factor, 1.0);
  return dict.positive("attention_factor", usual, Null::kMeansAbsent);
}

std::vector<double> read_factors(ConfigReader& dict, std::string_view key, int rotary_dim) {
  if (!dict.present(key)) dict.refuse(key, "is missing", "this rope type needs it");
  std::vector<double> factors = dict.numbers(key);
  if (factors.size() != static_cast<size_t>(rotary_dim / 2)) {
    dict.refuse(key, "has " + std::to_string(factors.size()) + " entries",
                std::to_string(rotary_dim / 2) + " frequencies rotate");
  }
  for (const double factor : factors) {
    if (!(factor >= 1e-6 && factor <= 1e12)) dict.refuse(key, "holds a factor that is none");
  }
  return factors;
}

double read_longrope(ConfigReader& dict, const Context& context, int rotary_dim,
                     RopeScaling& scaling) {
  scaling.original_max_position_embeddings = read_original(dict, context);
  scaling.short_factor = read_factors(dict, "short_factor", rotary_dim);
  scaling.long_factor = read_factors(dict, "long_factor", rotary_dim);
  const double original = scaling.original_max_position_embeddings;
  scaling.factor =
      dict.positive("factor", context.max_position_embeddings / original, Null::kMeansAbsent);
  const double usual =
      scaling.factor <= 1.0 ? 1.0 : std::sqrt(1.0 + std::log(scaling.factor) / std::log(original));
  return dict.positive("attention_factor", usual, Null::kMeansAbsent);
}

// NTK-aware scaling by a fixed alpha (hunyuan): another theta, whatever the length.
bool read_static_ntk(ConfigReader& dict, RopeSpec& rope) {
  const double alpha = dict.positive("alpha", 0.0, Null::kMeansAbsent);
  if (alpha == 0.0) return false;
  const double d = rope.rotary_dim;
  rope.theta *= std::pow(alpha, d / (d - 2.0));
  rope.scaling.kind = Kind::kDefault;
  return true;
}

// Reads what the rope type needs into `rope`, whose rotary_dim is set.
void read_scaling(ConfigReader& dict, const Context& context, const RopeDefaults& defaults,
                  RopeSpec& rope) {
  RopeScaling& scaling = rope.scaling;
  scaling.kind = read_type(dict, defaults);
  switch (scaling.kind) {
    case Kind::kDefault:
      return;
    case Kind::kLinear:
      scaling.factor = required(dict, "factor");
      return;
    case Kind::kProportional:
      scaling.factor = dict.positive("factor", 1.0);
      return;
    case Kind::kDynamic:
      if (rope.rotary_dim == 2) {
        dict.refuse("rope_type", "is dynamic with 2 rotated dimensions",
                    "its exponent d / (d - 2) needs more");
      }
      if (defaults.static_ntk && read_static_ntk(dict, rope)) return;
      scaling.factor = required(dict, "factor");
      scaling.max_position_embeddings = context.max_position_embeddings;
      return;
    case Kind::kLlama3:
      scaling.factor = required(dict, "factor");
      read_llama3(dict, context, scaling);
      return;
    case Kind::kYarn:
      rope.attention_factor = read_yarn(dict, context, scaling);
      return;
    case Kind::kLongRope:
      rope.attention_factor = read_longrope(dict, context, rope.rotary_dim, scaling);
      return;
  }
}

// A number under `key`, which `usual` may repeat.
double read_named(ConfigReader& config, std::string_view key, std::string_view usual,
                  double fallback) {
  const double value = config.positive(key, fallback);
  if (key != usual && config.present(usual) && config.number(usual, value) != value) {
    config.refuse(usual, "differs from " + std::string(key),
                  "the two are names of one number, of which this model type reads the latter");
  }
  return value;
}

double read_partial(ConfigReader& config, const RopeDefaults& defaults, std::string_view key) {
  const double whole = 1.0;
  const double partial = read_named(config, key, "partial_rotary_factor",
                                    defaults.partial_rotary_factor.value_or(whole));
  if (!defaults.partial_rotary_factor && partial != whole) {
    config.refuse("partial_rotary_factor", "is not 1", "this model type rotates whole heads");
  }
  return partial;
}

int read_rotary_dim(const ConfigReader& config, ConfigReader& dict, const RopeDefaults& defaults,
                    int head_dim) {
  const double partial = read_partial(dict, defaults, "partial_rotary_factor");
  const int rotary_dim = static_cast<int>(static_cast<double>(head_dim) * partial);
  if (rotary_dim <= head_dim && rotary_dim >= 2 && rotary_dim % 2 == 0) return rotary_dim;
  if (partial == 1.0) {
    config.refuse(defaults.head_dim_key,
                  "is " + std::to_string(head_dim) + ", which cannot rotate in pairs",
                  "make it, or hidden_size / num_attention_heads where it is derived, even");
  }
  const ConfigReader& holder = dict.has("partial_rotary_factor") ? dict : config;
  holder.refuse("partial_rotary_factor",
                "gives " + std::to_string(rotary_dim) + " rotated dimensions of a head of " +
                    std::to_string(head_dim),
                "they must be even, at least 2 and at most the head");
}

// The share of a head's pairs that turn under a proportional rope, whose frequencies are those of
// the whole head.
int read_turning_pairs(ConfigReader& dict, const RopeDefaults& defaults, int head_dim) {
  const double share =
      dict.positive("partial_rotary_factor", defaults.partial_rotary_factor.value_or(1.0));
  const double pairs = std::floor(share * head_dim / 2.0);
  if (head_dim % 2 != 0 || pairs < 1.0 || pairs > head_dim / 2) {
    dict.refuse("partial_rotary_factor",
                "turns no whole number of the pairs of a head of " + std::to_string(head_dim),
                "at least one pair and at most all of an even head turn");
  }
  return static_cast<int>(pairs);
}

// Parameters by layer type where the model has one rope, or of a layer type that it does not have.
void refuse_nested(const ConfigReader& dict) {
  for (const auto& [key, value] : dict.json().items()) {
    if (value.is_object()) {
      dict.refuse(key, "is nested",
                  "this model type does not read rope parameters under that name");
    }
  }
}

RopeSpec read_dict(const ConfigReader& config, ConfigReader dict, const RopeDefaults& defaults,
                   int head_dim, const Context& context) {
  RopeSpec rope{.pairs = defaults.pairs, .rounding = defaults.rounding};
  rope.theta = dict.positive("rope_theta", defaults.theta);
  if (read_type(dict, defaults) == Kind::kProportional) {
    rope.rotary_dim = head_dim;
    rope.scaling.turning_pairs = read_turning_pairs(dict, defaults, head_dim);
  } else {
    rope.rotary_dim = read_rotary_dim(config, dict, defaults, head_dim);
  }
  read_scaling(dict, context, defaults, rope);
  for (const std::string_view key : defaults.own_keys) dict.touch(key);
  refuse_nested(dict);
  dict.finish({}, kOtherTypes);
  return rope;
}

}  // namespace

base::Json rope_dict(ConfigReader& config, const RopeDefaults& defaults) {
  config.touch("rope_scaling");
  config.touch("rope_parameters");
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    // An empty dict counts as absent, as it does in Python.
    if (config.has(key) && !config.object(key).json().empty()) return config.object(key).json();
  }
  // But an empty rope_parameters is not None, by which a class knows that it is to fill one in.
  const bool absent = defaults.absent_dict != nullptr && !config.has("rope_parameters");
  return base::Json::parse(absent ? defaults.absent_dict : "{}");
}

double yarn_mscale(double factor, double mscale) {
  return factor <= 1.0 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
}

RopeSpec read_rope(ConfigReader& config, const RopeDefaults& defaults, int head_dim,
                   int64_t max_position_embeddings) {
  RopeDefaults here = defaults;
  here.theta = read_named(config, defaults.theta_key, "rope_theta", defaults.theta);
  const double partial = read_partial(config, defaults, defaults.partial_key);
  if (defaults.partial_rotary_factor) here.partial_rotary_factor = partial;
  const Context context{
      static_cast<double>(max_position_embeddings),
      config.positive("original_max_position_embeddings", defaults.original_max_position_embeddings,
                      Null::kMeansAbsent)};
  const base::Json dict = rope_dict(config, defaults);
  const char* key = config.has("rope_scaling") ? "rope_scaling" : "rope_parameters";
  return read_dict(config, config.object(key, dict), here, head_dim, context);
}

RopeSpec read_layer_rope(ConfigReader& config, std::string_view layer_type, bool scaled,
                         const RopeDefaults& defaults, int head_dim,
                         int64_t max_position_embeddings) {
  base::Json entry = base::Json::object();
  const char* key = "rope_parameters";
  config.touch("rope_parameters");
  config.touch("rope_scaling");
  if (config.has("rope_parameters")) {
    ConfigReader nested = config.object("rope_parameters");
    for (const std::string_view type : {kFullAttention, kSlidingAttention}) nested.touch(type);
    if (nested.has(layer_type)) entry = nested.object(layer_type).json();
    // transformers looks for it beside the types, not inside them.
    if (entry.is_object()) entry.erase("truncate");
    if (nested.has("truncate")) entry["truncate"] = nested.flag("truncate", true);
    base::Json others = nested.json();
    for (const std::string_view type : {kFullAttention, kSlidingAttention}) others.erase(type);
    refuse_nested(config.object(key, others));
    nested.finish({}, {});
  }
  if (!config.has("rope_parameters") && defaults.absent_dict != nullptr) {
    entry = base::Json::parse(defaults.absent_dict);
  }
  if (scaled && config.has("rope_scaling")) {
    entry.update(config.object("rope_scaling").json());
    key = "rope_scaling";
  }
  return read_dict(config, config.object(key, entry), defaults, head_dim,
                   {static_cast<double>(max_position_embeddings), 0.0});
}

}  // namespace plumb::model
