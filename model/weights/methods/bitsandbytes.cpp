// quant_method bitsandbytes. 4 bits: what each weight is stands in a JSON text beside it.
//   <m>.weight, .weight.absmax, .weight.quant_map, .weight.quant_state.bitsandbytes__nf4 (or
//   __fp4), nested: .weight.nested_absmax, .weight.nested_quant_map
// int8: <m>.weight I8, .SCB, .weight_format
// Source: bitsandbytes 0.50, functional.py, QuantState.as_dict; nn/modules.py, Linear8bitLt.
#include "base/errors.h"
#include "model/weights/blockwise_4bit.h"
#include "model/weights/methods/method.h"
#include "model/weights/scaled_rows.h"
#include "model/weights/shapes.h"

namespace plumb::model {
namespace {

constexpr int64_t kSizeLimit = int64_t{1} << 40;
constexpr size_t kRankLimit = 4;
constexpr base::JsonLimits kStateLimits{.bytes = 1 << 16, .values = 64};

struct State {
  std::vector<int64_t> shape;
  int64_t block = 0;
  std::string type;
  int64_t nested_block = 0;
  double nested_offset = 0.0;
};

State read_state(const RawTensor& tensor, bool nested) {
  const std::string_view text(reinterpret_cast<const char*>(tensor.bytes.data()),
                              tensor.bytes.size());
  const std::string where = tensor.file + ": " + tensor.name;
  const base::Json json = base::parse_json(text, where, kStateLimits);
  ConfigReader reader(json, where);
  State state{.type = one_of(reader, "quant_type", "", {"nf4", "fp4"})};
  state.block = reader.integer("blocksize", 64, 1, kSizeLimit);
  reader.touch("dtype");
  int64_t elements = 1;
  for (const double extent : reader.numbers("shape")) {
    const bool fits = extent >= 1 && extent <= static_cast<double>(kSizeLimit / elements) &&
                      extent == static_cast<double>(static_cast<int64_t>(extent));
    if (!fits || state.shape.size() == kRankLimit) {
      reader.refuse("shape", "is no shape of a weight", "fetch or export the file again");
    }
    state.shape.push_back(static_cast<int64_t>(extent));
    elements *= state.shape.back();
  }
  if (nested) {
    state.nested_block = reader.integer("nested_blocksize", 256, 1, kSizeLimit);
    reader.touch("nested_dtype");
    state.nested_offset = reader.number("nested_offset", 0.0);
  }
  reader.finish({}, {});
  return state;
}

struct Parts {
  const RawTensor* weight;
  const RawTensor* absmax;
  const RawTensor* map;
  const RawTensor* state;
  const RawTensor* nested_absmax;
  const RawTensor* nested_map;
};

std::shared_ptr<const StoredForm> open_4bit(const Parts& parts) {
  const bool nested = parts.nested_absmax != nullptr;
  const State state = read_state(*parts.state, nested);
  Blockwise4Bit::Tensors tensors{
      .codes = *parts.weight,
      .map = Numbers(*parts.map, {"F32"}),
      .absmax = nested ? Numbers(*parts.absmax, {"U8"}) : Numbers(*parts.absmax, {"F32"}),
      .nested = std::nullopt};
  if (nested) {
    tensors.nested.emplace(Blockwise4Bit::Nested{.map = Numbers(*parts.nested_map, {"F32"}),
                                                 .absmax = Numbers(*parts.nested_absmax, {"F32"}),
                                                 .block = state.nested_block,
                                                 .offset = state.nested_offset});
  }
  return std::make_shared<Blockwise4Bit>(std::move(tensors), state.shape, state.block,
                                         "bitsandbytes " + state.type + ", blocks of " +
                                             std::to_string(state.block) +
                                             (nested ? ", nested" : ""));
}

void add_4bit(Resolution& tensors, const std::string& weight_name, const std::string& type) {
  const std::string prefix = weight_name + ".";
  const RawTensor& state = *tensors.find(prefix + "quant_state.bitsandbytes__" + type);
  Parts parts{.weight = &tensors.need(weight_name, state),
              .absmax = &tensors.need(prefix + "absmax", state),
              .map = &tensors.need(prefix + "quant_map", state),
              .state = &state,
              .nested_absmax = tensors.find(prefix + "nested_absmax"),
              .nested_map = nullptr};
  if (parts.nested_absmax != nullptr) {
    parts.nested_map = &tensors.need(prefix + "nested_quant_map", state);
  }
  tensors.add(
      weight_name,
      {parts.weight, parts.absmax, parts.map, parts.state, parts.nested_absmax, parts.nested_map},
      [parts] { return open_4bit(parts); });
}

void add_8bit(Resolution& tensors, const std::string& stem) {
  const RawTensor& scales = *tensors.find(stem + ".SCB");
  const RawTensor& weight = tensors.need(stem + ".weight", scales);
  const RawTensor* format = tensors.find(stem + ".weight_format");
  tensors.add(weight.name, {&weight, &scales, format}, [&weight, &scales, format] {
    if (format != nullptr) {
      const Numbers code(*format, {"U8", "I8", "I64", "I32"});
      require_count(*format, 1, weight);
      if (code[0] != 0.0) {
        throw base::InputError(format->file, format->name,
                               "says layout " + std::to_string(static_cast<int>(code[0])),
                               "only rows (0) are read: save the model in that layout");
      }
    }
    return std::make_shared<ScaledRows>(weight, Numbers(scales, {"F32"}));
  });
}

}  // namespace

void resolve_bitsandbytes(ConfigReader& config, Resolution& tensors) {
  for (const auto* key :
       {"load_in_4bit", "load_in_8bit", "_load_in_4bit", "_load_in_8bit", "bnb_4bit_compute_dtype",
        "bnb_4bit_quant_storage", "bnb_4bit_quant_type", "bnb_4bit_use_double_quant",
        "llm_int8_enable_fp32_cpu_offload", "llm_int8_has_fp16_weight", "llm_int8_threshold"}) {
    config.touch(key);
  }
  skip_module_list(config, "llm_int8_skip_modules");
  for (const std::string type : {"nf4", "fp4"}) {
    for (const std::string& name : tensors.stems(".quant_state.bitsandbytes__" + type)) {
      add_4bit(tensors, name, type);
    }
  }
  for (const std::string& stem : tensors.stems(".SCB")) add_8bit(tensors, stem);
}

}  // namespace plumb::model
