// compressed-tensors' pack-quantized: integers of 1 to 8 bits, a bit stream a row, stored with
// 2^(b-1) added:
//   w[n, k] = (q - z[n, g]) * s[n, g],  g = g_idx[k], or k / group
// Zeros are packed the same way along the rows. Exact in float64.
// Source: compressed-tensors 0.20, compressors/pack_quantized; files of before 0.13, whose words
// hold whole values only (floor(32 / b) a word), are told by their width.
#pragma once

#include <optional>

#include "model/weights/numbers.h"
#include "model/weights/stored_form.h"

namespace plumb::model {

class PackedInts : public RowForm {
 public:
  struct Tensors {
    RawTensor packed;                // I32 [N, words]
    Numbers scales;                  // [N, G]
    std::optional<RawTensor> zeros;  // I32 [words, G]; none: 0
    std::optional<Numbers> groups;   // g_idx, [K]
  };
  // shape: [N, K], as the file's weight_shape says; group: K where the scale is a channel's.
  // Throws InputError for shapes that do not fit.
  PackedInts(Tensors tensors, std::vector<int64_t> shape, int bits, int64_t group,
             std::string description);

  std::string describe() const override { return description_; }
  void check() const override;

 private:
  // Where value `index` of a stream along which `count` lie begins.
  struct Packing {
    int64_t words = 0;     // of the whole stream
    int64_t per_word = 0;  // values, where none passes the end of a word; 0: a plain bit stream
  };
  Packing packing(const RawTensor& tensor, int64_t count, int64_t words) const;
  uint32_t read(const std::byte* words, const Packing& packing, int64_t stride,
                int64_t index) const;
  double zero(int64_t row, int64_t group) const;
  void decode_row(int64_t row, int64_t first, std::span<double> out) const override;

  Tensors tensors_;
  int bits_;
  int64_t group_;
  int64_t groups_;
  std::string description_;
  Packing row_packing_;
  Packing zero_packing_;
};

}  // namespace plumb::model
