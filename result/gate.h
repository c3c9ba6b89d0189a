// The gates that a candidate passes on its way to a verdict: one table of what they are.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace plumb::result {

enum class Gate : uint8_t {
  kProof,
  kLocal,
  kBits,
  kGlobal,
  kMatch,
  kState,
  kTokens,
  kOracle,
  kRecording,
  kPower,
};

struct GateRow {
  Gate gate;
  std::string_view name;   // in a result
  std::string_view words;  // what its objection means to someone who has never read a manual
};

inline constexpr std::array<GateRow, 10> kGates = {{
    {Gate::kProof, "proof", "No correct run in this precision can give this value"},
    {Gate::kLocal, "local", "One step is off on the very inputs it was given"},
    {Gate::kBits, "bits", "Single roundings are not those of its precision contract"},
    {Gate::kGlobal, "global", "The whole forward drifts further than its precision costs"},
    {Gate::kMatch, "match", "Within the limits, but off in the direction of one mistake"},
    {Gate::kState, "state", "Run in pieces, a prompt gives other values than at once"},
    {Gate::kTokens, "tokens", "Tokens differ where the precision leaves no choice"},
    {Gate::kOracle, "oracle", "The reference itself disagrees with the oracle"},
    {Gate::kRecording, "recording", "What was recorded is not what is needed"},
    {Gate::kPower, "power", "These inputs could not have revealed every fault"},
}};

constexpr const GateRow& row_of(Gate gate) {
  return kGates[static_cast<size_t>(gate)];
}

constexpr std::string_view to_text(Gate gate) {
  return row_of(gate).name;
}

// The gate of this name, where there is one.
constexpr std::optional<Gate> find_gate(std::string_view name) {
  for (const GateRow& row : kGates) {
    if (row.name == name) return row.gate;
  }
  return std::nullopt;
}

}  // namespace plumb::result
