#include "model/weights/methods/activations.h"

#include <cmath>

#include "model/weights/numbers.h"

namespace plumb::model {
namespace {

using Code = base::OperandCodes::Code;

constexpr int64_t kLargestGroup = int64_t{1} << 30;
constexpr int64_t kFp4Group = 16;

int64_t number_of(const base::Json& json, const char* key, int64_t fallback) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number_integer() ? found->get<int64_t>() : fallback;
}

std::string text_of(const base::Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

std::optional<double> alone(const RawTensor* tensor) {
  if (tensor == nullptr) return std::nullopt;
  const Numbers numbers(*tensor, {"F32", "BF16", "F16", "F64", "I8", "I32"});
  if (numbers.size() != 1 || !std::isfinite(numbers[0])) return std::nullopt;
  return numbers[0];
}

}  // namespace

Operand read_activations(const base::Json& json) {
  if (!json.is_object()) return std::nullopt;
  base::OperandCodes codes;
  const int64_t bits = number_of(json, "num_bits", 8);
  const bool is_float = text_of(json, "type") == "float";
  if (!is_float && bits != 8) return std::nullopt;
  if (is_float && bits != 8 && bits != 4) return std::nullopt;
  codes.code = !is_float ? Code::kInt8 : bits == 8 ? Code::kE4M3 : Code::kE2M1;
  const auto symmetric = json.find("symmetric");
  codes.symmetric = symmetric == json.end() || *symmetric != false;
  const std::string strategy = text_of(json, "strategy");
  const int64_t group = number_of(json, "group_size", 0);
  if (strategy == "group" || strategy == "tensor_group") {
    if (group < 1 || group > kLargestGroup) return std::nullopt;
    codes.group = static_cast<size_t>(group);
  } else if (strategy == "tensor" || strategy.empty()) {
    codes.whole_call = true;
  } else if (strategy != "token") {
    return std::nullopt;
  }
  const bool e2m1 = codes.code == Code::kE2M1;
  if (e2m1 && codes.group != kFp4Group) return std::nullopt;  // powers of two: another format
  return codes;
}

Operand with_scales(Operand operand, const Resolution& tensors, const std::string& stem,
                    bool is_static, bool global_multiplies) {
  if (!operand) return operand;
  if (operand->code == Code::kE2M1) {
    const auto global =
        alone(tensors.find(stem + (global_multiplies ? ".input_scale" : ".input_global_scale")));
    if (!global || *global <= 0.0) return std::nullopt;
    operand->global = global_multiplies ? 1.0 / *global : *global;
    return operand;
  }
  if (!is_static) return operand;
  const RawTensor* scale = tensors.find(stem + ".input_scale");
  for (const char* other : {".activation_scale", ".qscale_act"}) {
    if (scale == nullptr) scale = tensors.find(stem + other);
  }
  const auto value = alone(scale);
  if (!value || *value <= 0.0) return std::nullopt;
  operand->scale = *value;
  operand->whole_call = false;
  operand->zero = alone(tensors.find(stem + ".input_zero_point")).value_or(0.0);
  return operand;
}

}  // namespace plumb::model
