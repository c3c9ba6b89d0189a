// What a checkpoint declares of how its weights are stored: quantization_config, and how other
// writers call it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/json.h"
#include "model/config_reader.h"
#include "model/weights/resolution.h"

namespace plumb::model {

// The keys of a config.json under which a declaration may stand, read before anything else.
inline constexpr std::string_view kQuantizationKeys[] = {"quantization_config", "quantization",
                                                         "compression_config"};

struct Declaration {
  base::Json json;    // an object
  std::string where;  // the file
  std::string key;    // at which it stands in it; empty: the whole file
};

// In the config alone, its text_config's included; `where` is for messages.
std::optional<Declaration> declaration_of(const base::Json& config, const std::string& where);

// In the config, or in hf_quant_config.json, quantize_config.json or quant_config.json beside it.
// None: the weights are plain. Throws InputError where it is no object.
std::optional<Declaration> find_declaration(const base::Json& config,
                                            const std::filesystem::path& file);

// Reads the declaration strictly and groups `tensors` by it. Throws InputError for a method that is
// not read, a key that is unknown, or a companion that is missing.
void resolve(const Declaration& declaration, Allowance& allowance, Resolution& tensors);

}  // namespace plumb::model
