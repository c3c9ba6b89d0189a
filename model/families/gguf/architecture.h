// The architectures of llama.cpp whose models are families here. One row each: its keys as the
// family's config, what llama.cpp fixes besides, and how its tensors are laid out.
//
// Source: llama.cpp b11434, src/models/ and conversion/.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/json.h"
#include "model/families/gguf/keys.h"
#include "model/gguf/forms.h"
#include "model/spec.h"
#include "model/tensor_names.h"

namespace plumb::model {

// Which dimensions of a head turn together in ggml: NORM and NEOX.
enum class GgufRope : uint8_t { kPairs, kHalves };

struct GgufArchitecture {
  std::string_view name;
  GgufRope rope;
  // The norm before the feed-forward goes by the name post_attention_norm.
  bool ffn_norm_renamed = false;
  base::Json (*config)(GgufKeys& keys);
  // May be null.
  void (*adjust)(GgufKeys& keys, Spec& spec) = nullptr;
  void (*names)(NameTable& names, const Spec& spec) = nullptr;
  // The tensors that are laid out otherwise than the family has them. May be null.
  std::map<std::string, GgufLayout> (*layout)(const Spec& spec) = nullptr;
};

// The names of the tensors of a model of the architecture.
NameTable gguf_name_table(const GgufArchitecture& architecture, const Spec& spec);

extern const GgufArchitecture kGgufLlama;
extern const GgufArchitecture kGgufMistral3;
extern const GgufArchitecture kGgufQwen2;
extern const GgufArchitecture kGgufQwen3;
extern const GgufArchitecture kGgufGemma;
extern const GgufArchitecture kGgufGemma2;
extern const GgufArchitecture kGgufGemma3;
extern const GgufArchitecture kGgufOlmo2;
extern const GgufArchitecture kGgufPhi3;
extern const GgufArchitecture kGgufSmolLm3;
extern const GgufArchitecture kGgufGranite;
extern const GgufArchitecture kGgufStableLm;
extern const GgufArchitecture kGgufStarcoder2;
extern const GgufArchitecture kGgufNemotron;
extern const GgufArchitecture kGgufErnie45;
extern const GgufArchitecture kGgufGlm4;
extern const GgufArchitecture kGgufCohere2;
extern const GgufArchitecture kGgufExaone;
extern const GgufArchitecture kGgufExaone4;
extern const GgufArchitecture kGgufApertus;
extern const GgufArchitecture kGgufHunyuanDense;
extern const GgufArchitecture kGgufInternLm2;
extern const GgufArchitecture kGgufSeedOss;
extern const GgufArchitecture kGgufQwen2Moe;
extern const GgufArchitecture kGgufQwen3Moe;
extern const GgufArchitecture kGgufOlmoe;
extern const GgufArchitecture kGgufGptOss;
extern const GgufArchitecture kGgufGlm4Moe;
extern const GgufArchitecture kGgufDeepseek2;
extern const GgufArchitecture kGgufQwen3Next;
extern const GgufArchitecture kGgufQwen35;

}  // namespace plumb::model
