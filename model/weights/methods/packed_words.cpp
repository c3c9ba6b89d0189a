#include "model/weights/methods/packed_words.h"

#include <algorithm>

#include "model/weights/awq.h"

namespace plumb::model {

int read_packed_bits(ConfigReader& config, int fallback) {
  const int64_t bits = config.integer("bits", fallback, 2, 8);
  if (bits != 2 && bits != 3 && bits != 4 && bits != 8) {
    config.refuse("bits", "is " + std::to_string(bits), "GPTQ packs 2, 3, 4 or 8 bits");
  }
  return static_cast<int>(bits);
}

int64_t read_packed_group(ConfigReader& config, std::string_view key, int64_t fallback) {
  const int64_t size = config.integer(key, fallback, -1, kPackedGroupLimit);
  if (size == 0) config.refuse(key, "is 0", "write a size, or -1 for one group");
  return std::max<int64_t>(size, 0);
}

void add_gptq(Resolution& tensors, const std::string& stem, const Gptq::Options& options) {
  const RawTensor& weight = *tensors.find(stem + ".qweight");
  const RawTensor& zeros = tensors.need(stem + ".qzeros", weight);
  const RawTensor& scales = tensors.need(stem + ".scales", weight);
  const RawTensor* index = tensors.find(stem + ".g_idx");
  tensors.add(
      stem + ".weight", {&weight, &zeros, &scales, index},
      [&weight, &zeros, &scales, index, options] {
        Gptq::Tensors parts{.weight = weight,
                            .zeros = zeros,
                            .scales = Numbers(scales, {"F16", "BF16", "F32"}),
                            .groups = std::nullopt};
        if (index != nullptr) {
          parts.groups.emplace(*index, std::initializer_list<std::string_view>{"I32", "I64"});
        }
        return std::make_shared<Gptq>(std::move(parts), options);
      });
}

void add_awq(Resolution& tensors, const std::string& stem, int64_t group) {
  const RawTensor& weight = *tensors.find(stem + ".qweight");
  const RawTensor& zeros = tensors.need(stem + ".qzeros", weight);
  const RawTensor& scales = tensors.need(stem + ".scales", weight);
  tensors.add(stem + ".weight", {&weight, &zeros, &scales}, [&weight, &zeros, &scales, group] {
    return std::make_shared<Awq>(
        Awq::Tensors{weight, zeros, Numbers(scales, {"F16", "BF16", "F32"})}, group);
  });
}

void touch_bookkeeping(ConfigReader& config) {
  for (const auto* key : {"damp_percent",
                          "damp_auto_increment",
                          "static_groups",
                          "true_sequential",
                          "mse",
                          "meta",
                          "model_name_or_path",
                          "model_file_base_name",
                          "tokenizer",
                          "dataset",
                          "use_cuda_fp16",
                          "use_exllama",
                          "exllama_config",
                          "disable_exllama",
                          "max_input_length",
                          "batch_size",
                          "pad_token_id",
                          "model_seqlen",
                          "block_name_to_quantize",
                          "cache_block_outputs",
                          "module_name_preceding_first_block",
                          "act_group_aware",
                          "backend",
                          "quantize_method",
                          "method",
                          "lm_head",
                          "offload_to_disk",
                          "hyb_act",
                          "quant_type",
                          "modules_in_block_to_quantize",
                          "inside_layer_modules",
                          "v2",
                          "v2_alpha",
                          "gptaq",
                          "foem",
                          "device",
                          "dtype",
                          "pack_impl"}) {
    config.touch(key);
  }
}

}  // namespace plumb::model
