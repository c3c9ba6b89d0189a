// Softmax attention of many rows: panels of queries against blocks of keys, on one core.
//
// A panel's scores stand as [keys, rows], so that everything a softmax does to a row happens in a
// lane of its own. Its maximum, its sum and what it has mixed so far go from block to block of keys
// ("online softmax": Milakov & Gimelshein, arXiv:1805.02867): memory does not grow with the
// positions, and blocks that no row of the panel sees are not touched.
#pragma once

#include <cstddef>

#include "candidates/cpu/attention/head_view.h"
#include "candidates/cpu/attention/panel.h"
#include "candidates/cpu/products/gemm.h"

namespace plumb::candidates::cpu {

// Rows [first, first + panel_rows(kernel)) of the head, or what there is of them: `rows` in all.
// `scratch`: attention_scratch() floats.
void attend_panel(const GemmKernel& kernel, const HeadView& view, size_t first, size_t rows,
                  float* scratch);

size_t attention_scratch(size_t key_dim, size_t value_dim);

}  // namespace plumb::candidates::cpu
