#include "tests/reports/samples.h"

#include <cmath>
#include <limits>
#include <utility>

namespace plumb::reports {
namespace {

using result::Gate;
using result::Result;
using result::TapRow;
using result::Verdict;

constexpr double kInfinite = std::numeric_limits<double>::infinity();

// Two taps a layer, as a coarse recording has them.
std::vector<TapRow> taps(double floor_ratio) {
  std::vector<TapRow> rows;
  for (const char* tap : {"embed", "layer.0.mixer_out", "layer.0.out", "layer.1.mixer_out",
                          "layer.1.out", "final_norm", "logits"}) {
    rows.push_back({.tap = tap,
                    .max_abs = 1.1e-6,
                    .max_rel = 4.04e-7,
                    .rms = 2.5e-7,
                    .nmse = 6.1e-14,
                    .cosine = 1.0,
                    .floor_ratio = floor_ratio,
                    .local_ratio = 0.97});
    floor_ratio += 0.01;
  }
  return rows;
}

}  // namespace

Result judged(Result result) {
  for (TapRow& row : result.taps) {
    if (!std::isnan(row.floor_ratio)) row.global = {"tensor", row.floor_ratio, 1.35};
    if (!std::isnan(row.local_ratio)) row.local = {"position", 3.0 * row.local_ratio, 6.0};
  }
  return result;
}

Result passed_result() {
  return judged({.case_name = "qwen3-tiny",
                 .family = "qwen3",
                 .candidate = {"cpu-f32", "float32", "plumbline cpu-f32", "float32"},
                 .verdict = Verdict::kPassed,
                 .oracle = {{.producer = "transformers 5.23.0",
                             .verdict = Verdict::kPassed,
                             .max_abs_logit = 3e-14,
                             .max_rel_logit = 1e-14,
                             .max_rel_tap = 2e-14,
                             .worst_tap = "layer.1.out",
                             .token_exact = true}},
                 .drift = {.max_abs_logit = 1.1e-5,
                           .rms_logit = 2.0e-6,
                           .floor_rms_logit = 2.1e-6,
                           .floor_ratio = 0.95,
                           .nmse = 6.1e-14,
                           .kld = 1.2e-12,
                           .cosine = 0.9999999},
                 .tokens = {.compared = 37,
                            .exact = 36,
                            .certified_ties = 1,
                            .greedy_compared = 16,
                            .greedy_exact = 16},
                 .taps = taps(0.9),
                 .power = {{.structural_covered = 41,
                            .structural_total = 41,
                            .subtle_covered = 20,
                            .subtle_total = 22,
                            .blind_to = {"norm_eps"}}},
                 .notes = {"config key 'use_cache' was let pass"}});
}

Result failed_result() {
  Result result = passed_result();
  result.candidate = {"cpu-bf16", "bfloat16", "plumbline cpu-bf16", "hf-eager-16bit"};
  result.verdict = Verdict::kFailed;
  result.reasons = {{Gate::kLocal, "layer.1.mixer_out", "prompt p0: RMS 5.1e4 times its floor"},
                    {Gate::kGlobal, "logits", "prompt p0: RMS 812 times its floor"},
                    {Gate::kTokens, "", "9 of 37 positions choose another token"}};
  result.drift.floor_ratio = 812;
  result.drift.max_abs_logit = 4.2;
  result.tokens = {.compared = 37, .exact = 28, .flips = 9};
  result.taps[3].local_ratio = 5.1e4;
  for (size_t i = 3; i < result.taps.size(); ++i) result.taps[i].floor_ratio = 812;
  result.first_divergence = {.tap = "layer.1.mixer_out",
                             .op = "rope",
                             .layer = 1,
                             .suspects = {"layer.1.q_rope", "layer.1.k_rope"},
                             .local_ratio = 5.1e4};
  result.state = {.reference_max_rel = 3e-15,
                  .cells = {{.prompt = "p0",
                             .run = "every token alone",
                             .verdict = Verdict::kFailed,
                             .floor_ratio = 812,
                             .call = 3,
                             .position = 3,
                             .slots = {"layer.1.state.k", "layer.1.state.v"}},
                            {.prompt = "p0",
                             .run = "reset, then again",
                             .verdict = Verdict::kPassed,
                             .floor_ratio = 0.95}}};
  result.diagnosis = {{{.cause = "rope_interleaved",
                        .says = "layer 1 rotates interleaved pairs",
                        .layer = 1,
                        .explained = 0.9998}}};
  return judged(std::move(result));
}

Result nan_result() {
  Result result = passed_result();
  result.case_name = "mixtral-tiny";
  result.family = "mixtral";
  result.verdict = Verdict::kFailed;
  result.reasons = {{Gate::kProof, "layer.1.out", "prompt p0: NaN where the reference has none"}};
  result.drift = {};
  result.tokens = {.compared = 37, .flips = 37};
  for (size_t i = 4; i < result.taps.size(); ++i) result.taps[i] = {.tap = result.taps[i].tap};
  result.first_divergence = {.tap = "layer.1.out", .op = "experts", .layer = 1};
  result.diagnosis.emplace();
  return judged(std::move(result));
}

Result infinite_result() {
  Result result = passed_result();
  result.case_name = "gemma2-tiny";
  result.family = "gemma2";
  result.verdict = Verdict::kFailed;
  result.reasons = {
      {Gate::kProof, "logits", "prompt p0: 3 infinities where the reference has none"}};
  result.drift.max_abs_logit = kInfinite;
  result.drift.floor_ratio = kInfinite;
  result.taps[0].max_abs = result.taps[0].floor_ratio = result.taps[0].local_ratio = 0;
  result.taps[6].max_abs = result.taps[6].floor_ratio = result.taps[6].local_ratio = kInfinite;
  result.first_divergence = {
      .tap = "logits", .op = "soft_cap", .suspects = {"logits"}, .local_ratio = kInfinite};
  result.diagnosis.emplace();
  return judged(std::move(result));
}

Result inconclusive_result() {
  Result result = passed_result();
  result.case_name = "qwen2-window";
  result.family = "qwen2";
  result.verdict = Verdict::kInconclusive;
  result.reasons = {{Gate::kPower, "", "a missing window would not show: no prompt exceeds it"}};
  result.power->structural_covered = 40;
  result.power->blind_to = {"window_missing", "norm_eps"};
  return judged(std::move(result));
}

Result skipped_result() {
  return {.case_name = "mimo-mtp",
          .family = "mimo",
          .candidate = {"cpu-f32", "float32", "", ""},
          .verdict = Verdict::kSkipped,
          .reasons = {{Gate::kRecording, "", "cpu-f32 does not run the multi-token head"}}};
}

Result hostile_result() {
  Result result = passed_result();
  result.case_name = "<b>\"case\" & 'co'</b> | `x` [y](z)";
  result.family = "fam<ily> & sons";
  result.candidate.name = "trace:bad\xff\x1b[31m.h5#float32";
  result.verdict = Verdict::kFailed;
  result.reasons = {
      {Gate::kLocal, "]]>layer.<0>.q & k", "two\nlines\x01 and \xEF\xBF\xBE, \xC2\x9B|done|"}};
  result.notes = {"<script>alert(1)</script>", "grüße, 数"};
  result.oracle->producer = "<transformers>";
  return judged(std::move(result));
}

std::vector<Result> all_passed() {
  Result other_type = passed_result();
  other_type.candidate = {"cpu-bf16", "bfloat16", "plumbline cpu-bf16", "hf-eager-16bit"};
  other_type.drift.floor_ratio = 1.02;
  Result other_family = passed_result();
  other_family.case_name = "llama-tiny";
  other_family.family = "llama";
  return {other_type, passed_result(), other_family};
}

std::vector<Result> mixed() {
  return {skipped_result(), failed_result(),       passed_result(),  nan_result(),
          hostile_result(), inconclusive_result(), infinite_result()};
}

}  // namespace plumb::reports
