// The registry of quantisation methods. A method is one small file: it reads its declaration
// strictly, and says which tensors together are a weight and in which stored form.
//
// To add one: write its file, declare it below, list it in quantization.cpp.
#pragma once

#include "model/config_reader.h"
#include "model/weights/resolution.h"

namespace plumb::model {

// Reads every key of `config` that has a meaning; what is left is refused by the caller. Throws
// InputError for what it cannot read rightly.
using ResolveMethod = void(ConfigReader& config, Resolution& tensors);

ResolveMethod resolve_fp8;
ResolveMethod resolve_fbgemm_fp8;
ResolveMethod resolve_compressed_tensors;
ResolveMethod resolve_modelopt;
ResolveMethod resolve_gptq;
ResolveMethod resolve_awq;
ResolveMethod resolve_auto_round;
ResolveMethod resolve_mxfp4;
ResolveMethod resolve_bitsandbytes;
ResolveMethod resolve_mlx;
ResolveMethod resolve_torchao;

// Lists of modules, which the tensors themselves show: stems of names, and null.
void skip_module_list(ConfigReader& config, std::string_view key);

// Refuses `key` unless it is absent or holds one of `values`, a text. Gives what it holds.
std::string one_of(ConfigReader& config, std::string_view key, std::string_view fallback,
                   std::initializer_list<std::string_view> values);

// Scales of activations and caches beside `stem` ("...q_proj"): parts of the weight, for they
// belong to its product.
std::vector<const RawTensor*> runtime_parts(const Resolution& tensors, const std::string& stem);

// Scales of a cache that stand beside an attention, not a projection.
void add_cache_scales(Resolution& tensors);

}  // namespace plumb::model
