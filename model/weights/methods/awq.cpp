// quant_method awq, version gemm, with the config in config.json or quant_config.json:
//   <m>.qweight, .qzeros, .scales
// Source: AutoAWQ 0.2.9, models/_config.py.
#include "model/weights/methods/method.h"
#include "model/weights/methods/packed_words.h"

namespace plumb::model {

void resolve_awq(ConfigReader& config, Resolution& tensors) {
  const char* bits = config.has("w_bit") ? "w_bit" : "bits";
  const char* group = config.has("q_group_size") ? "q_group_size" : "group_size";
  if (config.integer(bits, 4, 1, 8) != 4) config.refuse(bits, "is not 4", "AWQ packs 4 bits");
  const int64_t size = read_packed_group(config, group, 128);
  config.flag("zero_point", true);
  const char* version = config.has("version") ? "version" : "format";
  one_of(config, version, "gemm", {"gemm", "GEMM"});
  for (const auto* key : {"bits", "w_bit", "group_size", "q_group_size", "version", "format",
                          "backend", "do_fuse", "fuse_max_seq_len", "modules_to_fuse",
                          "exllama_config", "checkpoint_format", "sym", "desc_act"}) {
    config.touch(key);
  }
  touch_bookkeeping(config);
  skip_module_list(config, "modules_to_not_convert");
  for (const std::string& stem : tensors.stems(".qweight")) add_awq(tensors, stem, size);
}

}  // namespace plumb::model
