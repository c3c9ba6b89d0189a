// Gemma 3: the multimodal wrapper of the text model. Its tie_word_embeddings goes before the text
// part's. Source: transformers 5.23, models/gemma3.
#include "model/families/decoder.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Spec spec = read_text_config(config, kGemma3Text);
  spec.tie_word_embeddings = config.flag("tie_word_embeddings", true);
  return spec;
}

// As published, and as transformers 5 names its modules.
NameTable names(const Spec& spec) {
  return kGemma3Text.names(spec)
      .name("lm_head", "language_model.lm_head")
      .replace_prefix("model.", "language_model.model.")
      .or_prefix("language_model.model.", "model.language_model.")
      .or_prefix("language_model.lm_head", "lm_head")
      .ignore("*vision_tower.*", "sees images")
      .ignore("*multi_modal_projector.*", "sees images");
}

constexpr InertKey kInert[] = {
    {"boi_token_index"},     {"eoi_token_index"}, {"image_token_index"},
    {"mm_tokens_per_image"}, {"vision_config"},
};

}  // namespace

constinit const Family kGemma3{
    .model_type = "gemma3",
    .architecture = "Gemma3ForConditionalGeneration",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
