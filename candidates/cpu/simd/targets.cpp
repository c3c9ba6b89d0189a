#include "candidates/cpu/simd/targets.h"

#include <cblas.h>

#include <atomic>
#include <cstdlib>

#include "base/errors.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "candidates/cpu/simd/targets.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "candidates/cpu/simd/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::candidates::cpu::HWY_NAMESPACE {

const char* compiled_for() {
  return target_name();
}

bool is_avx3() {
  return HWY_TARGET == HWY_AVX3;
}

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::candidates::cpu {

HWY_EXPORT(compiled_for);
HWY_EXPORT(is_avx3);

namespace {

std::atomic<bool> bf16_allowed = true;

bool has_bf16_instructions() {
  static const bool machine = __builtin_cpu_supports("avx512bf16") != 0;
  return machine;
}

void force_named(std::string_view name) {
  std::string known;
  for (const Target& target : usable_targets()) {
    if (target.name == name) return force_target(target);
    known.append(known.empty() ? "" : ", ").append(target.name);
  }
  throw base::InputError("PLUMB_TARGET", std::string(name), "is no instruction set of this machine",
                         "known: " + known);
}

}  // namespace

std::vector<Target> usable_targets() {
  std::vector<Target> targets;
  for (const int64_t simd : hwy::SupportedAndGeneratedTargets()) {
    if (simd == HWY_AVX3 && has_bf16_instructions()) targets.push_back({kBf16Target, simd, true});
    targets.push_back({hwy::TargetName(simd), simd});
  }
  return targets;
}

std::string_view current_target() {
  return multiplies_bf16() ? kBf16Target : HWY_DYNAMIC_DISPATCH(compiled_for)();
}

bool multiplies_bf16() {
  return bf16_allowed && has_bf16_instructions() && HWY_DYNAMIC_DISPATCH(is_avx3)();
}

void force_target(const Target& target) {
  hwy::SetSupportedTargetsForTest(target.simd);
  bf16_allowed = target.has_bf16;
}

void use_best_target() {
  hwy::SetSupportedTargetsForTest(0);
  bf16_allowed = true;
}

std::string_view blas_name() {
  static const std::string name = std::string("OpenBLAS ") + openblas_get_corename();
  return name;
}

void set_up_kernels() {
  static const bool once = [] {
    openblas_set_num_threads(1);
    if (const char* const name = std::getenv("PLUMB_TARGET")) force_named(name);
    return true;
  }();
  static_cast<void>(once);
}

}  // namespace plumb::candidates::cpu
#endif
