#include "compare/power/certificate.h"

#include <algorithm>
#include <deque>

#include "compare/measure/gates.h"
#include "compare/power/power.h"

namespace plumb::power {
namespace {

using evidence::Evidence;
using evidence::Noise;
using evidence::PromptSubject;
using evidence::Recorded;
using library::applicable_faults;
using library::FaultClass;
using measure::kReplicas;
using trace::Tap;

// What an engine of the contract records: an emulation with noise of its own.
Recorded record(Truth& truth, const graph::Contract& contract, const trace::Prompt& prompt,
                const trace::TapFilter& filter) {
  constexpr uint64_t kSeed = 0x706c756d62;
  std::vector<Tap> taps;
  for (const Tap& tap : truth.graph().taps()) {
    if (filter.matches(tap)) taps.push_back(tap);
  }
  trace::MemoryRecording recording;
  const Noise noise{&contract, 1, kSeed};
  for (auto& [tap, value] : emulate(truth.reference(), prompt.tokens, taps, noise, {})) {
    recording.put(tap, reference::to_tensor(truth.graph(), tap, value));
  }
  return {truth.graph(), recording, prompt.tokens.size(), prompt.name};
}

}  // namespace

Certificate certify(Truth& truth, const graph::Contract& contract,
                    const std::vector<trace::Prompt>& prompts, const std::string& filter) {
  std::deque<Recorded> recorded;
  std::deque<PromptSubject> subjects;
  std::deque<Evidence> evidence;
  std::vector<Scene> scenes;
  for (const trace::Prompt& prompt : prompts) {
    recorded.push_back(record(truth, contract, prompt, trace::TapFilter(filter)));
    subjects.push_back({&prompt, &recorded.back(), std::nullopt, &contract});
    evidence.emplace_back(truth, subjects.back(), kReplicas, false);
    scenes.push_back({subjects.back(), evidence.back()});
  }
  Certificate certificate{.contract = std::string(contract.name), .taps = filter};
  const Witness witness(truth, scenes);
  for (const Fault& fault : applicable_faults(truth.graph())) {
    if (!is_weighed(fault)) continue;
    const Sighting sighting = witness.measure(fault);
    certificate.rows.push_back(
        {.cause = fault.cause(),
         .says = fault.says(),
         .layer = fault.layer,
         .structural = fault.row->severity == FaultClass::kStructural,
         .shift = sighting.shift,
         .tap = sighting.shift > 0.0 ? sighting.tap.name() : "",
         .seen = sighting.sight == Sight::kSeen,
         .applies = sighting.sight == Sight::kSeen || !may_hide(truth.graph(), fault)});
  }
  std::stable_sort(certificate.rows.begin(), certificate.rows.end(),
                   [](const CertificateRow& a, const CertificateRow& b) {
                     if (a.structural != b.structural) return a.structural;
                     return a.shift < b.shift;
                   });
  return certificate;
}

base::OrderedJson to_json(const Certificate& certificate) {
  base::OrderedJson json;
  json["schema"] = kCertificateSchema;
  json["contract"] = certificate.contract;
  json["taps"] = certificate.taps;
  json["faults"] = base::OrderedJson::array();
  for (const CertificateRow& row : certificate.rows) {
    base::OrderedJson fault;
    fault["cause"] = row.cause;
    fault["says"] = row.says;
    fault["layer"] = row.layer ? base::OrderedJson(*row.layer) : base::OrderedJson(nullptr);
    fault["class"] = row.structural ? "structural" : "subtle";
    fault["shift"] = row.shift;
    fault["tap"] = row.tap.empty() ? base::OrderedJson(nullptr) : base::OrderedJson(row.tap);
    fault["seen"] = row.seen;
    fault["applies"] = row.applies;
    json["faults"].push_back(std::move(fault));
  }
  return json;
}

}  // namespace plumb::power
