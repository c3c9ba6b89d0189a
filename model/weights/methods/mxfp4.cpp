// quant_method mxfp4, gpt-oss': stacks of experts in e2m1 with a scale (E8M0) for 32 inputs:
//   <m>_blocks U8 [E, outputs, inputs / 32, 16], <m>_scales U8 [E, outputs, inputs / 32]
// A plain file of the family has them the other way round, [E, inputs, outputs].
// Source: transformers 5.23, integrations/mxfp4.py, convert_moe_packed_tensors.
#include "model/weights/methods/method.h"
#include "model/weights/scaled_fp4.h"
#include "model/weights/shapes.h"
#include "model/weights/transposed.h"

namespace plumb::model {
namespace {

constexpr int64_t kGroup = 32;

std::shared_ptr<const StoredForm> open(const RawTensor& blocks, const RawTensor& scales) {
  require_rank(require_dtype(blocks, "U8"), 4, 4);
  const std::vector<int64_t>& s = blocks.shape;
  require_shape(blocks, {s[0], s[1], s[2], kGroup / 2}, blocks);
  require_shape(scales, {s[0], s[1], s[2]}, blocks);
  return std::make_shared<Transposed>(
      std::make_shared<ScaledFp4>(blocks, std::vector<int64_t>{s[0], s[1], s[2] * kGroup},
                                  Numbers(scales, {"E8M0"}), std::nullopt, kGroup, "mxfp4"));
}

}  // namespace

void resolve_mxfp4(ConfigReader& config, Resolution& tensors) {
  skip_module_list(config, "modules_to_not_convert");
  config.touch("dequantize");
  for (const std::string& stem : tensors.stems("_blocks")) {
    const RawTensor& blocks = *tensors.find(stem + "_blocks");
    const RawTensor& scales = tensors.need(stem + "_scales", blocks);
    tensors.add(stem, {&blocks, &scales}, [&blocks, &scales] { return open(blocks, scales); });
  }
}

}  // namespace plumb::model
