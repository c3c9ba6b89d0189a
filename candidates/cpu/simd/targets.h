// The instruction sets that kernels are compiled for, and the BLAS beside them.
//
// Every kernel file is compiled once for each of Highway's targets and picks one at run time
// (Highway's dynamic dispatch). Products of bfloat16 have one kernel more, for the instructions
// that Highway lacks (gemm_bf16.h). The environment's PLUMB_TARGET forces a target.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace plumb::candidates::cpu {

// Products of bfloat16 (gemm_bf16.h), where the machine has AVX512_BF16.
inline constexpr std::string_view kBf16Target = "AVX3_BF16";

struct Target {
  std::string_view name;  // as explain() prints it
  int64_t simd;           // one of Highway's HWY_* bits
  bool has_bf16 = false;  // multiplies pairs of bfloat16
};

// Those compiled in that this machine can run, best first.
std::vector<Target> usable_targets();

// The name of the target that runs at present, asked of a function compiled for it.
std::string_view current_target();

// Whether products of bfloat16 weights with many rows run in bfloat16 at present.
bool multiplies_bf16();

// One target in the place of the best one; not while kernels run.
void force_target(const Target& target);
void use_best_target();

// "OpenBLAS Haswell": the kernels that OpenBLAS chose for this machine (or OPENBLAS_CORETYPE did).
std::string_view blas_name();

// To be called before any kernel runs; later calls do nothing. Products call OpenBLAS from several
// threads at once, so its own threads must stay out of it: that setting is OpenBLAS's and counts
// for the whole process. Throws InputError where PLUMB_TARGET names none of the usable targets.
void set_up_kernels();

}  // namespace plumb::candidates::cpu
