// The instruction sets that kernels are compiled for, and the BLAS beside them.
//
// Every kernel file is compiled once for each target and picks one at run time (Highway's dynamic
// dispatch). hwy::SetSupportedTargetsForTest forces one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace plumb::candidates::cpu {

// Those compiled in that this machine can run, best first, as Highway's HWY_* bits.
std::vector<int64_t> usable_targets();

// The name of the target that runs at present, asked of a function compiled for it.
std::string_view current_target();

// "OpenBLAS Haswell": the kernels that OpenBLAS chose for this machine (or OPENBLAS_CORETYPE did).
std::string_view blas_name();

// Products call OpenBLAS from several threads at once; its own threads must stay out of it. The
// setting is OpenBLAS's and counts for the whole process.
void use_blas_without_threads();

}  // namespace plumb::candidates::cpu
