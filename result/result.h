// What judging one candidate on one checkpoint found: schema "plumbline.result/1".
//
// Reports depend on this alone. Numbers that could not be computed are NaN here and null in JSON.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace plumb::result {

inline constexpr std::string_view kResultSchema = "plumbline.result/1";
inline constexpr std::string_view kGateSchema = "plumbline.gate/1";
inline constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

enum class Verdict { kPassed, kFailed, kInconclusive, kSkipped };
std::string_view to_text(Verdict verdict);

// Why a verdict is not PASSED: the gate that said so, and where.
struct Reason {
  std::string gate;     // "proof", "local", "bits", "global", "tokens", "oracle", "recording",
                        // "state", "power"
  std::string tap;      // empty where it concerns none
  std::string message;  // for a person; names prompt, place and size
};

struct CandidateInfo {
  std::string name;   // as on the command line: "cpu-f32", "trace:FILE#dtype"
  std::string dtype;  // "float32", ...
  std::string producer;
  std::string contract;  // the precision contract it was held to
};

// The reference against the oracle's float64 recording, over all prompts and recorded taps.
struct OracleSection {
  std::string producer;
  Verdict verdict = Verdict::kSkipped;
  double max_abs_logit = kUnknown;
  double max_rel_logit = kUnknown;  // max|a-b| / max|b|
  double max_rel_tap = kUnknown;
  std::string worst_tap;
  bool token_exact = false;  // every argmax and every greedy token agrees
};

// The candidate's logits against the reference's.
struct Drift {
  double max_abs_logit = kUnknown;
  double rms_logit = kUnknown;
  double floor_rms_logit = kUnknown;  // what the candidate's precision makes by itself
  double floor_ratio = kUnknown;
  double nmse = kUnknown;    // reported, never judged: see docs/judgement.md
  double kld = kUnknown;     // mean over positions, in nats
  double cosine = kUnknown;  // smallest over positions
};

struct TokenSection {
  int compared = 0;
  int exact = 0;
  int certified_ties = 0;  // differs, within what the precision may cost
  int flips = 0;           // differs beyond it
  int greedy_compared = 0;
  int greedy_exact = 0;        // equal to the reference's, or certified ties
  double expected_ties = 0.0;  // how many of each prompt's tokens the precision makes others
};

// One tap over all prompts: the worst of each.
struct TapRow {
  std::string tap;
  double max_abs = kUnknown;
  double max_rel = kUnknown;
  double rms = kUnknown;
  double nmse = kUnknown;
  double cosine = kUnknown;
  double floor_ratio = kUnknown;  // RMS(candidate - reference) over the floor
  double local_ratio = kUnknown;  // the same for the segment alone, on the candidate's own inputs
};

struct FirstDivergence {
  std::string tap;
  std::string op;
  std::optional<int> layer;
  std::vector<std::string> suspects;
  std::string where;  // inside the tensor: "from position 12 on, in head 3 alone"; may be empty
  double local_ratio = kUnknown;
  // Of a prompt that was run otherwise than at once: the run ("p0@7+1x30"), the first call that
  // shows it (from 0) and its position, and what is carried into the op ("layer.2.state.k",
  // "position").
  std::string run = {};
  std::optional<int> call = {};
  std::optional<int> position = {};
  std::vector<std::string> slots = {};
};

// One way of running a prompt that has to give what running it at once gives.
struct StateCell {
  std::string prompt;
  std::string run;  // "7+1x30", "batch", "every split in two"
  Verdict verdict = Verdict::kSkipped;
  double floor_ratio = kUnknown;  // of its logits
  std::optional<int> call = {};   // the first bad one, and the position in the prompt
  std::optional<int> position = {};
  std::vector<std::string> slots = {};  // what it got wrong from the calls before
};

// The state matrix.
struct StateSection {
  double reference_max_rel = kUnknown;  // of the reference's own cells, to the prompt at once
  std::vector<StateCell> cells;
};

struct Diagnosis {
  std::string cause;
  std::string says;
  std::optional<int> layer;
  double explained = kUnknown;
  std::optional<double> parameter = {};  // as `says` has it: which theta, which factor
};

struct Power {
  int structural_covered = 0;
  int structural_total = 0;
  int subtle_covered = 0;
  int subtle_total = 0;
  std::vector<std::string> blind_to;
};

struct Result {
  std::string case_name;
  std::string family;
  CandidateInfo candidate;
  Verdict verdict = Verdict::kSkipped;
  std::vector<Reason> reasons;
  std::optional<OracleSection> oracle;
  Drift drift;
  TokenSection tokens;
  std::vector<TapRow> taps;
  std::optional<FirstDivergence> first_divergence;
  std::optional<std::vector<Diagnosis>> diagnosis;
  std::optional<Power> power;
  std::optional<StateSection> state;
  // What a reader must know and no gate judges: keys let pass, datasets ignored.
  std::vector<std::string> notes;
};

base::OrderedJson to_json(const Result& result);
// Throws InputError naming `where` and the key that is missing or wrong.
Result from_json(const base::Json& json, const std::string& where);

// The results of a run over many cases: {"schema": "plumbline.gate/1", "results": [...]}.
base::OrderedJson to_json(const std::vector<Result>& results);
// Reads either form: one result, or a gate's.
std::vector<Result> read_results(const std::string& file);

}  // namespace plumb::result
