// The instruction sets that kernels are compiled for, and the BLAS beside them.
//
// Every kernel file is compiled once for each target and picks one at run time (Highway's dynamic
// dispatch). PLUMB_TARGET in the environment forces one, and so does
// hwy::SetSupportedTargetsForTest.
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

// To be called before any kernel runs; later calls do nothing. Products call OpenBLAS from several
// threads at once, so its own threads must stay out of it: that setting is OpenBLAS's and counts
// for the whole process. The environment's PLUMB_TARGET forces an instruction set, by a name that
// explain() prints; throws InputError where the machine or this build has none of that name.
void set_up_kernels();

}  // namespace plumb::candidates::cpu
