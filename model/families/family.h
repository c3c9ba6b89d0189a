// The registry of model families. A family is one small file: config keys to Spec, and its names.
//
// To add one: write its file, declare its row below, list it in registry.cpp.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "model/checkpoint.h"
#include "model/config_reader.h"
#include "model/spec.h"
#include "model/tensor_names.h"

namespace plumb::model {

struct Family {
  std::string_view model_type;    // as in config.json
  std::string_view architecture;  // the class that transformers loads it with; may be none
  Spec (*read)(ConfigReader&);
  NameTable (*names)(const Spec&);
  std::span<const InertKey> inert;  // keys of this family without effect, beside the generic ones
  // kParamsJson for the family of meta checkpoints, to which no generic key applies.
  std::string_view config_file = kConfigJson;
  // kNeutral where the model's code is not in transformers, whose sources then tell of no key that
  // it is without effect.
  Foreign foreign = Foreign::kAny;
  // What a checkpoint's names owe to its config beyond the Spec; may be null.
  void (*rename)(const base::Json& config, const Spec& spec, NameTable& names) = nullptr;
};

std::span<const Family* const> families();

// Throws InputError naming `where` when there is no such family.
const Family& find_family(std::string_view model_type, const std::string& where);

// The family that a params.json describes.
const Family& meta_family();

// Keys without effect on the maths in any family of transformers' configs.
std::span<const InertKey> generic_inert_keys();

extern const Family kLlama;
extern const Family kQwen2;
extern const Family kQwen3;
extern const Family kGemma;
extern const Family kGemma2;
extern const Family kGemma3Text;
extern const Family kGemma3;
extern const Family kMixtral;
extern const Family kSmolLm3;
extern const Family kOlmo2;
extern const Family kOlmo3;
extern const Family kSeedOss;
extern const Family kMistral;
extern const Family kMinistral;
extern const Family kMinistral3;
extern const Family kMistral3;
extern const Family kExaone4;
extern const Family kGlm4;
extern const Family kGranite;
extern const Family kCohere2;
extern const Family kPhi3;
extern const Family kStableLm;
extern const Family kStarcoder2;
extern const Family kNemotron;
extern const Family kErnie45;
extern const Family kApertus;
extern const Family kHunYuanV1Dense;
extern const Family kMimo;
extern const Family kExaone;
extern const Family kInternLm2;
extern const Family kInternLm3;
extern const Family kBaichuanM1;
extern const Family kRlformers;
extern const Family kCwm;
extern const Family kArcee;
extern const Family kHelium;
extern const Family kGlm;
extern const Family kCohere;
extern const Family kGlm4Moe;
extern const Family kDots1;
extern const Family kQwen2Moe;
extern const Family kQwen3Moe;
extern const Family kOlmoe;
extern const Family kDeepseekV3;
extern const Family kKimiK2;
extern const Family kGlm4MoeLite;
extern const Family kSolarOpen;
extern const Family kGptOss;
extern const Family kQwen3Next;
extern const Family kQwen35Text;
extern const Family kQwen35;
extern const Family kQwen35MoeText;
extern const Family kQwen35Moe;
extern const Family kDeepseekV2;
extern const Family kLfm2;
extern const Family kLfm2Moe;
extern const Family kLfm3;
extern const Family kMiniMaxM2;
extern const Family kGraniteMoe;
extern const Family kGraniteMoeShared;
extern const Family kGraniteMoeSwa;
extern const Family kHunYuanV1Moe;
extern const Family kErnie45Moe;
extern const Family kExaoneMoe;
extern const Family kHyV3;
extern const Family kAfmoe;
extern const Family kCohere2Moe;
extern const Family kMiMoV2Flash;
extern const Family kYoutu;
extern const Family kMiniCpm3;
extern const Family kOlmoHybrid;
extern const Family kFlexOlmo;
extern const Family kMellum;
extern const Family kDbrx;
extern const Family kAriaText;
extern const Family kAxK1;
extern const Family kKolibri1;
extern const Family kFlint;
extern const Family kBeam;
extern const Family kLaguna;
extern const Family kGpt2;
extern const Family kGptNeox;
extern const Family kPhi;
extern const Family kGptJ;
extern const Family kFalcon;
extern const Family kBloom;
extern const Family kMpt;
extern const Family kOpt;
extern const Family kGptBigCode;
extern const Family kGptNeo;
extern const Family kOlmo;
extern const Family kPersimmon;
extern const Family kCodeGen;
extern const Family kJais2;
extern const Family kIQuestCoder;
extern const Family kGptSw3;
extern const Family kGptNeoxJapanese;
extern const Family kXglm;
extern const Family kBioGpt;
extern const Family kCtrl;
extern const Family kOpenAiGpt;
extern const Family kVaultGemma;
extern const Family kHyperClovaX;
extern const Family kBitNet;
extern const Family kGraniteSwa;
extern const Family kNanoChat;
extern const Family kModernBertDecoder;

}  // namespace plumb::model
