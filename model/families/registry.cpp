#include "base/errors.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

constexpr const Family* kFamilies[] = {
    &kLlama,          &kQwen2,        &kQwen3,       &kGemma,      &kGemma2,
    &kGemma3Text,     &kMixtral,      &kSmolLm3,     &kOlmo2,      &kOlmo3,
    &kSeedOss,        &kMistral,      &kMinistral,   &kMinistral3, &kMistral3,
    &kExaone4,        &kGlm4,         &kGranite,     &kCohere2,    &kPhi3,
    &kStableLm,       &kStarcoder2,   &kNemotron,    &kErnie45,    &kApertus,
    &kHunYuanV1Dense, &kMimo,         &kExaone,      &kInternLm2,  &kInternLm3,
    &kBaichuanM1,     &kRlformers,    &kQwen2Moe,    &kQwen3Moe,   &kOlmoe,
    &kDeepseekV3,     &kGlm4MoeLite,  &kSolarOpen,   &kGptOss,     &kQwen3Next,
    &kQwen35Text,     &kQwen35,       &kGemma3,      &kKimiK2,     &kQwen35MoeText,
    &kQwen35Moe,      &kCwm,          &kArcee,       &kHelium,     &kGlm,
    &kCohere,         &kGlm4Moe,      &kDots1,       &kDeepseekV2, &kLfm2,
    &kLfm2Moe,        &kLfm3,         &kMiniMaxM2,   &kGraniteMoe, &kGraniteMoeShared,
    &kGraniteMoeSwa,  &kHunYuanV1Moe, &kErnie45Moe,  &kExaoneMoe,  &kHyV3,
    &kAfmoe,          &kCohere2Moe,   &kMiMoV2Flash, &kYoutu,      &kMiniCpm3,
    &kOlmoHybrid,     &kFlexOlmo,     &kMellum,      &kDbrx,       &kAriaText,
    &kAxK1,           &kKolibri1,     &kFlint,       &kBeam,       &kLaguna,
};

// What loading, training, generating and bookkeeping leave in a config. Source: transformers 5.23,
// PreTrainedConfig and GenerationConfig._get_default_generation_params.
constexpr InertKey kGenericInert[] = {
    {"_attn_implementation"},
    {"_attn_implementation_autoset"},
    {"_commit_hash"},
    {"_experts_implementation"},
    {"_name_or_path"},
    {"architectures"},
    {"assistant_confidence_threshold"},
    {"assistant_lookbehind"},
    {"attention_dropout"},
    {"attn_implementation"},
    {"auto_map"},
    {"bad_words_ids"},
    {"begin_suppress_tokens"},
    {"bos_token_id"},
    {"cache_implementation"},
    {"chunk_size_feed_forward"},
    {"cls_token_id"},
    {"diversity_penalty"},
    {"do_sample"},
    {"dtype"},
    {"early_stopping"},
    {"embd_pdrop"},
    {"embed_pdrop"},
    {"encoder_no_repeat_ngram_size"},
    {"encoder_repetition_penalty"},
    {"eos_token_id"},
    {"epsilon_cutoff"},
    {"eta_cutoff"},
    {"experts_implementation"},
    {"exponential_decay_length_penalty"},
    {"finetuning_task"},
    {"forced_bos_token_id"},
    {"forced_eos_token_id"},
    {"gradient_checkpointing"},
    {"hidden_dropout"},
    {"id2label"},
    {"initializer_range"},
    {"is_causal", "true"},
    {"is_decoder", "false|true"},
    {"is_encoder_decoder", "false"},
    {"label2id"},
    {"length_penalty"},
    {"max_length"},
    {"max_position_embeddings"},
    {"max_seq_len"},
    {"max_sequence_length"},
    {"min_length"},
    {"model_max_length"},
    {"model_type"},
    {"n_ctx"},
    {"n_positions"},
    {"name"},
    {"name_or_path"},
    {"no_repeat_ngram_size"},
    {"num_assistant_tokens"},
    {"num_assistant_tokens_schedule"},
    {"num_beam_groups"},
    {"num_beams"},
    {"num_labels"},
    {"num_return_sequences"},
    {"output_attentions"},
    {"output_hidden_states"},
    {"output_router_logits"},
    {"output_scores"},
    {"pad_id"},
    {"pad_token_id"},
    {"prefix"},
    {"pretraining_tp"},
    {"problem_type"},
    {"remove_invalid_values"},
    {"repetition_penalty"},
    {"resid_pdrop"},
    {"return_dict"},
    {"return_dict_in_generate"},
    {"router_aux_loss_coef"},
    {"router_jitter_noise"},
    {"sep_token_id"},
    {"seq_length"},
    {"suppress_tokens"},
    {"target_lookbehind"},
    {"task_specific_params"},
    {"temperature"},
    {"tokenizer_class"},
    {"top_k"},
    {"top_p"},
    {"torch_dtype"},
    {"torchscript", "false"},
    {"transformers_version"},
    {"typical_p"},
    {"unk_token_id"},
    {"use_bfloat16"},
    {"use_cache"},
};

}  // namespace

std::span<const Family* const> families() {
  return kFamilies;
}

const Family& find_family(std::string_view model_type, const std::string& where) {
  std::string known;
  for (const Family* family : kFamilies) {
    if (family->model_type == model_type) return *family;
    known += (known.empty() ? "" : ", ") + std::string(family->model_type);
  }
  throw base::InputError(where, "model_type", "'" + std::string(model_type) + "' is not supported",
                         "known: " + known);
}

const Family& meta_family() {
  for (const Family* family : kFamilies) {
    if (family->config_file == kParamsJson) return *family;
  }
  throw base::InternalError("a family has " + std::string(kParamsJson));
}

std::span<const InertKey> generic_inert_keys() {
  return kGenericInert;
}

}  // namespace plumb::model
