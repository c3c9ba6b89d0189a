// What a declaration says of the operands that meet its weights: rounded to codes, by scales of the
// file or of the values. Which engine makes the codes how is a contract's matter.
#pragma once

#include <optional>
#include <string>

#include "base/json.h"
#include "base/operand_codes.h"
#include "model/weights/resolution.h"

namespace plumb::model {

using Operand = std::optional<base::OperandCodes>;

// compressed-tensors' input_activations: none where nothing is rounded, or to codes that are not
// emulated.
Operand read_activations(const base::Json& input_activations);

// Scales that stand beside the weight: input_scale, input_zero_point, input_global_scale (which
// divides; `global_multiplies`: input_scale is its inverse). None where codes need one that is
// missing, or that is not a number alone.
Operand with_scales(Operand operand, const Resolution& tensors, const std::string& stem,
                    bool is_static, bool global_multiplies = false);

// A form that knows its operand.
template <class Form>
std::shared_ptr<const StoredForm> beside(const Operand& operand, std::shared_ptr<Form> form) {
  form->declare_operand(operand);
  return form;
}

}  // namespace plumb::model
