// quant_method torchao: what a weight is stands in the metadata of its file, a JSON text under its
// name. <m>._weight_qdata, ._weight_scale: Int8Tensor and Float8Tensor, w = q * s, the block of one
// scale stated. Source: torchao 0.18, prototype/safetensors.
#include <algorithm>

#include "base/errors.h"
#include "model/weights/methods/method.h"
#include "model/weights/scaled_bytes.h"
#include "model/weights/shapes.h"

namespace plumb::model {
namespace {

constexpr int64_t kSizeLimit = int64_t{1} << 40;
constexpr base::JsonLimits kTextLimits{.bytes = 1 << 16, .values = 1024};

struct Description {
  Block block;  // of the elements of one scale
  bool has_zeros = false;
};

Description read_description(const Resolution& tensors, const std::string& name,
                             const RawTensor& data) {
  const auto found = tensors.metadata().find(name);
  if (found == tensors.metadata().end()) {
    throw base::InputError(data.file, name, "is described nowhere in the file's metadata",
                           "save it with torchao's flatten_tensor_state_dict");
  }
  const std::string where = data.file + ": metadata of " + name;
  const base::Json json = base::parse_json(found->second, where, kTextLimits);
  ConfigReader reader(json, where);
  one_of(reader, "_type", "", {"Int8Tensor", "Float8Tensor"});
  ConfigReader fields = reader.object("_data");
  const std::vector<double> sides = fields.numbers("block_size");
  for (const double side : sides) {
    if (!(side >= 1 && side <= static_cast<double>(kSizeLimit))) {
      fields.refuse("block_size", "is no size of a block", "fetch or export the file again");
    }
  }
  if (sides.size() != 2) fields.refuse("block_size", "is not two sizes", "only matrices are read");
  const std::vector<std::string> parts = reader.texts("_tensor_data_names");
  return {
      .block = {.rows = static_cast<int64_t>(sides[0]), .columns = static_cast<int64_t>(sides[1])},
      .has_zeros = std::find(parts.begin(), parts.end(), "zero_point") != parts.end()};
}

void add(Resolution& tensors, const std::string& stem) {
  const RawTensor& data = *tensors.find(stem + "._weight_qdata");
  const RawTensor& scale = tensors.need(stem + "._weight_scale", data);
  const RawTensor* runtime = tensors.find(stem + "._weight_act_quant_scale");
  const Description described = read_description(tensors, stem + ".weight", data);
  const Block block = described.block;
  const RawTensor* zero =
      described.has_zeros ? &tensors.need(stem + "._weight_zero_point", data) : nullptr;
  tensors.add(stem + ".weight", {&data, &scale, zero, runtime}, [&data, &scale, zero, block] {
    std::optional<Numbers> zeros;
    if (zero != nullptr) zeros.emplace(*zero, std::initializer_list<std::string_view>{"I8", "I32"});
    return std::make_shared<ScaledBytes>(
        require_rank(data, 2, 2), Numbers(scale, {"F32", "BF16", "F16"}), zeros, block,
        "torchao " + std::string(data.dtype == "I8" ? "int8" : "fp8") + ", blocks of " +
            show({block.rows, block.columns}));
  });
}

}  // namespace

void resolve_torchao(ConfigReader& config, Resolution& tensors) {
  for (const auto* key : {"quant_type", "quant_type_kwargs", "include_input_output_embeddings",
                          "untie_embedding_weights", "autoquant_label"}) {
    config.touch(key);
  }
  skip_module_list(config, "modules_to_not_convert");
  for (const std::string& stem : tensors.stems("._weight_qdata")) add(tensors, stem);
}

}  // namespace plumb::model
