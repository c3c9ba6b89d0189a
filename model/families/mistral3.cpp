// Mistral 3: the multimodal wrapper of a Mistral or a Ministral 3. Its tie_word_embeddings goes
// before the text part's. Source: transformers 5.23, models/mistral3.
#include "model/families/decoder.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

// A text part without a stated type is a Mistral.
const Family& text_family(ConfigReader& config) {
  const ConfigReader text = config.object("text_config");
  for (const Family* family : {&kMistral, &kMinistral3}) {
    if (text.json().value("model_type", base::Json("mistral")) == family->model_type)
      return *family;
  }
  text.refuse("model_type", "is none that this wrapper holds", "supported: mistral, ministral3");
}

Spec read(ConfigReader& config) {
  Spec spec = read_text_config(config, text_family(config));
  spec.tie_word_embeddings = config.flag("tie_word_embeddings", true);
  return spec;
}

NameTable names(const Spec&) {
  return transformers_names()
      .name("lm_head", "language_model.lm_head")
      .replace_prefix("model.", "language_model.model.")
      .or_prefix("language_model.model.", "model.language_model.")
      .or_prefix("language_model.lm_head", "lm_head")
      .ignore("*vision_tower.*", "sees images")
      .ignore("*multi_modal_projector.*", "sees images");
}

constexpr InertKey kInert[] = {
    {"image_token_id"},       {"image_token_index"},  {"multimodal_projector_bias"},
    {"projector_hidden_act"}, {"spatial_merge_size"}, {"vision_config"},
    {"vision_feature_layer"},
};

}  // namespace

constinit const Family kMistral3{
    .model_type = "mistral3",
    .architecture = "Mistral3ForConditionalGeneration",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
