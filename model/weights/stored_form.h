// How a weight lies in the bytes of a checkpoint: a stored form decodes itself.
//
// A decoder gives the exact value in float64 that the format defines; where the format's expression
// is not exact in float64 the header says in which order it is evaluated. Nothing is kept: elements
// are decoded as they are asked for, from mapped bytes. A constructor checks types, shapes and
// companions and reads no more than a few bytes of values; check() reads all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/dtype.h"
#include "base/operand_codes.h"
#include "model/weights/raw_tensor.h"

namespace plumb::model {

// What decides how an engine rounds the operand that meets a weight.
struct Storage {
  std::optional<base::DType> plain;           // none where decoding is more than widening
  std::string_view ggml;                      // the type of a GGUF's blocks: "Q4_K"
  std::optional<base::OperandCodes> operand;  // what the checkpoint declares of it

  bool operator==(const Storage&) const = default;
};

class StoredForm {
 public:
  explicit StoredForm(std::vector<int64_t> shape) : shape_(std::move(shape)) {}
  StoredForm(const StoredForm&) = delete;
  StoredForm& operator=(const StoredForm&) = delete;
  virtual ~StoredForm() = default;

  // The logical tensor's, as a plain checkpoint of the family has it: a matrix is [out, in].
  const std::vector<int64_t>& shape() const { return shape_; }
  int64_t elements() const;

  // For people: "BF16", "gptq, 4 bits, groups of 128".
  virtual std::string describe() const = 0;

  // out[k] = element first + k * stride, counted in row-major order of shape().
  virtual void decode(int64_t first, int64_t stride, std::span<double> out) const = 0;
  // The same rounded once to float32.
  virtual void to_float(int64_t first, int64_t stride, std::span<float> out) const;

  // Bytes that are row-major elements of a plain type; none where decoding is more than that.
  struct Plain {
    base::DType dtype;
    const std::byte* bytes;
  };
  virtual std::optional<Plain> plain() const { return std::nullopt; }

  virtual Storage storage() const;
  // What the checkpoint declares of the operand that meets it.
  void declare_operand(const std::optional<base::OperandCodes>& operand) { operand_ = operand; }

  // Reads every byte once. Throws InputError naming the tensor that holds NaN, infinity or a code
  // that the format does not define.
  virtual void check() const = 0;

 private:
  std::vector<int64_t> shape_;
  std::optional<base::OperandCodes> operand_;
};

// F64, F32, F16 or BF16, as they lie. Throws InputError for another dtype.
class PlainForm : public StoredForm {
 public:
  explicit PlainForm(const RawTensor& tensor);

  std::string describe() const override { return tensor_.dtype; }
  void decode(int64_t first, int64_t stride, std::span<double> out) const override;
  void to_float(int64_t first, int64_t stride, std::span<float> out) const override;
  std::optional<Plain> plain() const override { return Plain{dtype_, tensor_.bytes.data()}; }
  void check() const override;

 private:
  RawTensor tensor_;
  base::DType dtype_;
};

// A form whose rows (the last axis) are decoded by themselves, as all quantised ones are.
class RowForm : public StoredForm {
 public:
  using StoredForm::StoredForm;

  void decode(int64_t first, int64_t stride, std::span<double> out) const final;

 protected:
  // out[k] = element first + k of row `row`; the row's end is not passed.
  virtual void decode_row(int64_t row, int64_t first, std::span<double> out) const = 0;
};

// A tensor by the name that a family gives it, with all that it is made of.
struct StoredTensor {
  // Those of the files: the first holds the weight itself, the others are its companions.
  std::vector<const RawTensor*> parts;
  // Called once the tensor is wanted: one that a rule ignores may be of any form. Throws
  // InputError.
  std::function<std::shared_ptr<const StoredForm>()> open;
  // Why no weight needs it although it belongs here: a scale of activations, or of a cache. Such a
  // tensor cannot be opened.
  std::string runtime;

  const RawTensor& main() const { return *parts.front(); }
};

}  // namespace plumb::model
