// A contract from JSON, "plumbline.contract/1": the fields of a row, for an engine that has none.
// docs/formats.md describes it, schemas/contract.schema.json states it.
#pragma once

#include <filesystem>
#include <string_view>

#include "graph/contract.h"

namespace plumb::graph {

inline constexpr std::string_view kContractSchema = "plumbline.contract/1";

// Throws InputError naming the key that is missing or wrong.
Contract read_contract(const std::filesystem::path& file);

}  // namespace plumb::graph
