// The power certificate: which mistakes a checkpoint and prompts could reveal, before any candidate
// exists.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "compare/evidence/truth.h"
#include "trace/recording.h"

namespace plumb::power {

using evidence::Truth;

inline constexpr std::string_view kCertificateSchema = "plumbline.certificate/1";

struct CertificateRow {
  std::string cause;
  std::string says;
  std::optional<int> layer;
  bool structural = false;
  double shift = 0.0;  // RMS over the floor, at the tap that shows it most
  std::string tap;
  bool seen = false;
  bool applies = true;  // false: only longer prompts could show it
};

struct Certificate {
  std::string contract;
  std::string taps;
  std::vector<CertificateRow> rows;  // structural first, the least visible first
};

// For an engine of this contract that records the taps of `filter`.
Certificate certify(Truth& truth, const graph::Contract& contract,
                    const std::vector<trace::Prompt>& prompts, const std::string& filter);

base::OrderedJson to_json(const Certificate& certificate);

}  // namespace plumb::power
