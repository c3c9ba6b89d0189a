#include "cli/judging.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <deque>

#include "base/errors.h"
#include "candidates/candidate.h"
#include "candidates/outside/open.h"
#include "cli/asking.h"
#include "cli/verbs.h"
#include "fixtures/catalogue.h"
#include "graph/contract_file.h"
#include "reports/report.h"
#include "trace/tap_names.h"

namespace plumb::cli {
namespace {

constexpr uint64_t kDefaultPromptSeed = 1;
constexpr int kNotPassed = 1;

// Where a candidate's prompts come from, for messages.
struct Prompts {
  std::vector<trace::Prompt> list;
  std::string where;
};

Prompts default_prompts(const LoadedModel& model) {
  return {fixtures::default_prompts(model.graph.vocab_size,
                                    model.config.spec.max_position_embeddings, kDefaultPromptSeed),
          "the default prompts"};
}

void check_prompts(const LoadedModel& model, const Prompts& prompts) {
  for (const trace::Prompt& prompt : prompts.list) {
    check_tokens(prompts.where, "prompts/" + prompt.name, prompt.tokens, model.graph);
  }
}

Prompts choose_prompts(const LoadedModel& model, const trace::Source& candidate,
                       const std::string& name, const trace::TraceFile* oracle) {
  Prompts prompts{candidate.prompts(), name};
  if (prompts.list.empty() && oracle != nullptr) prompts = {oracle->prompts(), oracle->path()};
  if (prompts.list.empty()) prompts = default_prompts(model);
  check_prompts(model, prompts);
  return prompts;
}

void check_same_checkpoint(const LoadedModel& model, const trace::TraceFile& trace) {
  const std::string stated = trace.attribute("checkpoint_sha256");
  if (stated.empty() || stated == model.checkpoint.sha256()) return;
  throw base::InputError(trace.path(), "checkpoint_sha256",
                         "is " + stated + ", the checkpoint's is " + model.checkpoint.sha256(),
                         "the trace was recorded on another checkpoint");
}

// What a reader of a recorded candidate's result must know.
std::vector<std::string> notes_on(const LoadedModel& model, const trace::TraceFile* recorded) {
  std::vector<std::string> notes;
  for (const std::string& key : model.config.allowed_keys) {
    notes.push_back("config key let pass by --allow-key: " + key);
  }
  if (!model.config.unread_keys.empty()) {
    notes.push_back(
        fmt::format("config keys without effect: {}", fmt::join(model.config.unread_keys, ", ")));
  }
  if (recorded == nullptr) return notes;
  for (const std::string& ignored : recorded->ignored()) {
    const auto meant = trace::meant_tap(ignored.substr(ignored.rfind('/') + 1));
    notes.push_back("ignored, no part of a trace: " + ignored +
                    (meant ? " (" + *meant + " is meant?)" : ""));
  }
  return notes;
}

std::string known_contracts() {
  std::vector<std::string_view> names;
  for (const graph::Contract& one : graph::contracts()) names.push_back(one.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

const graph::Contract& named_contract(const std::string& name) {
  const graph::Contract* contract = graph::find_contract(name);
  if (contract != nullptr) return *contract;
  if (name.ends_with(".json")) {
    static std::deque<graph::Contract> read;  // each is referred to for as long as anything judges
    return read.emplace_back(graph::read_contract(name));
  }
  throw base::InputError("--contract", name, "is none",
                         "known are " + known_contracts() + ", auto, or a FILE.json");
}

const graph::Contract& declared_contract(const trace::Source& candidate) {
  const trace::Producer& producer = candidate.producer();
  if (producer.contract.empty()) return graph::default_contract(producer.dtype);
  const graph::Contract* contract = graph::find_contract(producer.contract);
  if (contract != nullptr) return *contract;
  const auto* recorded = dynamic_cast<const trace::FileSource*>(&candidate);
  throw base::InputError(recorded != nullptr ? recorded->file().path() : producer.name,
                         "attribute contract: '" + producer.contract + "'", "is none",
                         "known are " + known_contracts());
}

trace::TraceFile open_trace_of(const LoadedModel& model, const std::string& file) {
  trace::TraceFile trace(file);
  check_same_checkpoint(model, trace);
  return trace;
}

Judging::Judging(const LoadedModel& model, const base::Threads& threads,
                 const trace::TraceFile* oracle)
    : model_(model),
      threads_(threads),
      oracle_(oracle),
      reference_(model.graph, model.weights, threads),
      judge_(reference_, oracle) {}

result::Result Judging::operator()(const JudgingOptions& options) {
  if (const auto engine = candidates::make_outside(options.candidate, options.outside)) {
    return judge_outside(options, *engine);
  }
  const auto candidate =
      candidates::make_candidate(options.candidate, model_.graph, model_.weights, threads_);
  std::vector<trace::Prompt> prompts =
      choose_prompts(model_, *candidate, options.candidate, oracle_).list;
  return judge(subject_of(options, *candidate, std::move(prompts)), options);
}

verdict::Subject Judging::subject_of(const JudgingOptions& options, trace::Source& candidate,
                                     std::vector<trace::Prompt> prompts) const {
  const auto* recorded = dynamic_cast<const trace::FileSource*>(&candidate);
  if (recorded != nullptr) check_same_checkpoint(model_, recorded->file());
  const trace::TraceFile* file = recorded != nullptr ? &recorded->file() : nullptr;
  const bool in_tree = recorded == nullptr;
  return {.case_name = options.case_name,
          .family = model_.config.spec.model_type,
          .candidate = &candidate,
          .candidate_name = options.candidate,
          .prompts = std::move(prompts),
          .contract = &declared_contract(candidate),
          .taps = in_tree && !options.taps.empty() ? parse_taps(options.taps, model_.graph)
                                                   : trace::TapFilter::all(),
          .greedy_steps = options.greedy_steps,
          .state_matrix = options.state_matrix,
          .notes = notes_on(model_, file)};
}

result::Result Judging::judge(verdict::Subject subject, const JudgingOptions& options) {
  if (options.contract == kFindContract) return judge_.judge_under_best(subject);
  if (!options.contract.empty()) subject.contract = &named_contract(options.contract);
  return judge_.judge(subject);
}

result::Result Judging::judge_outside(const JudgingOptions& options, candidates::Outside& engine) {
  Prompts prompts = default_prompts(model_);
  if (oracle_ != nullptr) prompts = {oracle_->prompts(), oracle_->path()};
  check_prompts(model_, prompts);
  candidates::Request request{.checkpoint = std::filesystem::absolute(model_.checkpoint.folder()),
                              .threads = threads_.count(),
                              .dtype = options.dtype,
                              .taps = tap_wishes(options.taps),
                              .greedy = options.greedy_steps,
                              .prompts = prompts.list,
                              .vocab_size = model_.graph.vocab_size};
  if (options.state_matrix) request.taps.emplace_back("layer.*.state.*");
  result::Result result = judge_answer(options, engine, request);
  const bool asks_again = options.finer && options.taps.empty() && result.first_divergence &&
                          result.first_divergence->suspects.size() > 1;
  if (!asks_again) return result;
  const auto& suspects = result.first_divergence->suspects;
  request.taps.insert(request.taps.end(), suspects.begin(), suspects.end());
  result::Result finer = judge_answer(options, engine, request);
  if (finer.verdict != result.verdict) {
    result.notes.push_back(
        fmt::format("asked again for finer taps, the engine is {}: it does not compute the same "
                    "twice, or what it records changes what it computes",
                    result::to_text(finer.verdict)));
    return result;
  }
  return finer;
}

// The file that an engine wrote is gone: the engine is named instead.
verdict::Subject Judging::subject_of_answer(const JudgingOptions& options, trace::Source& answer,
                                            std::vector<trace::Prompt> prompts) const {
  try {
    return subject_of(options, answer, std::move(prompts));
  } catch (const base::InputError& error) {
    throw base::InputError(options.candidate, "", "wrote a trace that cannot be judged",
                           error.what());
  }
}

result::Result Judging::judge_answer(const JudgingOptions& options, candidates::Outside& engine,
                                     const candidates::Request& request) {
  try {
    const Answer answer = ask(engine, request, options.state_matrix);
    result::Result result =
        judge(subject_of_answer(options, *answer.source, request.prompts), options);
    for (const auto& notes : {engine.notes(), answer.notes}) {
      result.notes.insert(result.notes.end(), notes.begin(), notes.end());
    }
    if (answer.state_skipped) skip_state(request.prompts, result);
    return result;
  } catch (const candidates::CannotDo& refusal) {
    return {.case_name = options.case_name,
            .family = model_.config.spec.model_type,
            .candidate = {.name = options.candidate},
            .verdict = result::Verdict::kSkipped,
            .reasons = {{result::Gate::kRecording, "", refusal.what()}}};
  }
}

void JudgeOptions::add(CLI::App& verb) {
  verb.add_option("--candidate", candidate,
                  "cpu-f32, cpu-bf16, trace:FILE[#dtype], exec:COMMAND, py:MODULE or "
                  "plugin:FILE.so[:OPTIONS], http://HOST:PORT[/PATH], https://...")
      ->required();
  verb.add_option("--oracle", oracle, "trace of a trusted producer");
  verb.add_option("--contract", contract,
                  "precision contract to hold it to, by name or as FILE.json; auto: the strictest "
                  "that it keeps");
  verb.add_option("--taps", taps,
                  "what an engine records: all, coarse, logits, globs (default: all of an in-tree "
                  "one, coarse of one outside)");
  verb.add_option("--dtype", dtype, "precision that an engine outside is asked to compute in");
  verb.add_option("--dialect", outside.dialect, "that a server speaks")
      ->check(
          CLI::IsMember({candidates::kAutoDialect, "vllm", "openai", "llama.cpp", "sglang", "tgi"}))
      ->capture_default_str();
  verb.add_option("--served-model", outside.served_model, "the model's name at a server");
  verb.add_option("--top-logprobs", outside.top_logprobs,
                  "tokens that a server is asked to list a position (default: all up to 256)")
      ->check(CLI::Range(1, 1 << 20));
  verb.add_option("--concurrency", outside.concurrency, "requests under way at a server at a time")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  verb.add_option("--timeout", outside.timeout, "seconds that an engine outside may take")
      ->check(CLI::Range(0.001, 1e6))
      ->capture_default_str();
  add_state_option(verb, state_matrix);
  verb.add_option("--greedy", greedy_steps, "greedy tokens of each prompt, by an engine")
      ->check(CLI::Range(0, 1 << 16))
      ->capture_default_str();
}

void add_state_option(CLI::App& verb, bool& state_matrix) {
  verb.add_flag("--state", state_matrix,
                "run every prompt in pieces, in batches, after a reset and a restore too");
}

result::Result judge_checkpoint(const CommonOptions& common, const JudgeOptions& options) {
  const LoadedModel model(common);
  const base::Threads threads(common.threads);
  model.weights.check_finite(threads);
  std::optional<trace::TraceFile> oracle;
  if (!options.oracle.empty()) oracle.emplace(open_trace_of(model, options.oracle));
  const std::filesystem::path folder = common.checkpoint;
  return Judging(model, threads, oracle ? &*oracle : nullptr)(
      options.judging((folder / "").parent_path().filename().string()));
}

JudgingOptions JudgeOptions::judging(const std::string& case_name) const {
  JudgingOptions all{.case_name = case_name,
                     .candidate = candidate,
                     .greedy_steps = greedy_steps,
                     .contract = contract,
                     .taps = taps,
                     .state_matrix = state_matrix,
                     .outside = outside,
                     .finer = finer};
  if (dtype.empty()) return all;
  all.dtype = base::dtype_from_torch_name(dtype);
  if (!all.dtype) {
    throw base::InputError("--dtype", dtype, "is none of a trace",
                           "known: float64, float32, bfloat16, float16");
  }
  return all;
}

std::vector<trace::Prompt> prompts_of(const LoadedModel& model, const std::string& trace) {
  Prompts prompts = default_prompts(model);
  if (!trace.empty()) prompts = {open_trace_of(model, trace).prompts(), trace};
  check_prompts(model, prompts);
  return prompts.list;
}

void OutputOptions::add(CLI::App& verb) {
  verb.add_option("--report", report, "folder to write the report into");
  verb.add_option("--baseline", baseline, "an earlier results.json: the report tells what moved");
  verb.add_option("--json", json, "write the result as JSON; - is standard output");
  verb.add_flag("--git-bisect", git_bisect, "exit 125 where git bisect should skip");
}

std::optional<reports::Baseline> OutputOptions::read_baseline() const {
  if (baseline.empty()) return std::nullopt;
  return reports::read_baseline(baseline);
}

int OutputOptions::finish(const std::vector<result::Result>& results,
                          const std::optional<reports::Baseline>& before,
                          const std::string& json_text, std::string text) const {
  if (!report.empty()) reports::write_reports(results, before, report);
  if (!json.empty()) write_text(json, json_text + "\n");
  if (json != "-") {
    if (!report.empty()) {
      text += "report: " + (std::filesystem::absolute(report) / "index.html").string() + "\n";
    }
    write_text("-", text);
  }
  return exit_code(results, git_bisect);
}

int exit_code(const std::vector<result::Result>& results, bool git_bisect) {
  const auto is = [&](result::Verdict verdict) {
    return std::any_of(results.begin(), results.end(),
                       [&](const result::Result& result) { return result.verdict == verdict; });
  };
  if (is(result::Verdict::kFailed)) return kNotPassed;
  if (is(result::Verdict::kInconclusive)) return git_bisect ? kSkipCommit : kNotPassed;
  return 0;
}

}  // namespace plumb::cli
