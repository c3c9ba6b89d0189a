// A LoRA beside a checkpoint, in PEFT's layout: adapter_config.json and adapter_model.safetensors.
//
//   lora_A [r, in], lora_B [out, r]        W + s B A, s = lora_alpha / r, or / sqrt(r) (use_rslora)
//   lora_embedding_A [r, vocab], _B [H, r] E + s (B A)^T
//   lora_magnitude_vector [out]            DoRA: rows m / |row| of W + s B A
//   whole weights and biases               in place of the checkpoint's (modules_to_save, bias)
// Names are `base_model.model.` and those of the base model's modules. Every tensor of the file is
// used, and every module that the config targets has its own.
// Source: PEFT 0.21, tuners/lora/config.py, layer.py, utils/save_and_load.py.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "base/safetensors.h"
#include "model/weights/stored_form.h"

namespace plumb::model {

// Changes `tensors`, those of a checkpoint by the names of its family, as the adapter says. `raw`
// takes the adapter's own tensors, which lie in the file that is returned: both outlive `tensors`.
// Throws InputError for a key that changes the maths and is not read, a module that is not there,
// tensors that are missing, misshapen or left over, and values that are not finite.
std::unique_ptr<base::SafetensorsFile> apply_adapter(const std::filesystem::path& folder,
                                                     std::map<std::string, StoredTensor>& tensors,
                                                     std::map<std::string, RawTensor>& raw);

}  // namespace plumb::model
