#include "candidates/cpu/targets.h"

#include <cblas.h>

#include <cstdlib>

#include "base/errors.h"

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

namespace {

void force_target(std::string_view name) {
  std::string known;
  for (const int64_t target : usable_targets()) {
    if (name == hwy::TargetName(target)) return hwy::SetSupportedTargetsForTest(target);
    known += (known.empty() ? "" : ", ") + std::string(hwy::TargetName(target));
  }
  throw base::InputError("PLUMB_TARGET", std::string(name), "is no instruction set of this machine",
                         "known: " + known);
}

}  // namespace

void set_up_kernels() {
  static const bool once = [] {
    openblas_set_num_threads(1);
    if (const char* const name = std::getenv("PLUMB_TARGET")) force_target(name);
    return true;
  }();
  static_cast<void>(once);
}

}  // namespace plumb::candidates::cpu
#endif
