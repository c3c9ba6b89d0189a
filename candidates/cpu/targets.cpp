#include "candidates/cpu/targets.h"

#include <cblas.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "candidates/cpu/targets.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "candidates/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::candidates::cpu::HWY_NAMESPACE {

const char* compiled_for() {
  return target_name();
}

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::candidates::cpu {

HWY_EXPORT(compiled_for);

std::vector<int64_t> usable_targets() {
  return hwy::SupportedAndGeneratedTargets();
}

std::string_view current_target() {
  return HWY_DYNAMIC_DISPATCH(compiled_for)();
}

std::string_view blas_name() {
  static const std::string name = std::string("OpenBLAS ") + openblas_get_corename();
  return name;
}

void use_blas_without_threads() {
  openblas_set_num_threads(1);
}

}  // namespace plumb::candidates::cpu
#endif
