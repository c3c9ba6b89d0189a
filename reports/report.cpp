#include "reports/report.h"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "base/errors.h"
#include "base/files.h"
#include "reports/digest.h"
#include "reports/html.h"
#include "reports/junit.h"
#include "reports/markdown.h"

namespace plumb::reports {
namespace {

using base::InputError;
using base::OrderedJson;

void make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error || !std::filesystem::is_directory(folder)) {
    throw InputError(folder.string(), "", "cannot be made a folder", "name another one");
  }
}

}  // namespace

std::vector<Result> read_all(const std::vector<std::string>& files) {
  std::vector<Result> all;
  std::map<std::pair<std::string, std::string>, std::string> seen;
  for (const std::string& file : files) {
    for (Result& result : result::read_results(file)) {
      const auto [earlier, fresh] =
          seen.emplace(std::pair(result.case_name, result.candidate.name), file);
      if (!fresh) {
        throw InputError(file, result.case_name,
                         fmt::format("the result of {} stands in {} too", result.candidate.name,
                                     earlier->second),
                         "give one of them");
      }
      all.push_back(std::move(result));
    }
  }
  return all;
}

Baseline read_baseline(const std::string& file) {
  return {std::filesystem::path(file).filename().string(), read_all({file})};
}

std::string json_text(const std::vector<Result>& results) {
  // A candidate's name may be a file's, and that may be no UTF-8.
  const auto dump = [](const OrderedJson& json) {
    return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
  };
  const OrderedJson all = result::to_json(results);
  std::string text = "{";
  for (const auto& [key, value] : all.items()) {
    if (text.size() > 1) text += ",\n";
    text += dump(key) + ":";
    if (!value.is_array()) {
      text += dump(value);
      continue;
    }
    text += "[";
    for (size_t i = 0; i < value.size(); ++i) text += (i > 0 ? ",\n" : "\n") + dump(value[i]);
    text += "\n]";
  }
  return text + "}\n";
}

void write_reports(const std::vector<Result>& results, const std::optional<Baseline>& baseline,
                   const std::filesystem::path& folder) {
  const std::vector<Result> ordered = in_order(results);
  std::optional<Comparison> comparison;
  if (baseline) comparison = compare_with(*baseline, ordered);
  make_folder(folder);
  base::write_file(folder / "results.json", json_text(ordered));
  base::write_file(folder / "junit.xml", junit_text(ordered));
  base::write_file(folder / "report.md", markdown_text(ordered, comparison));
  base::write_file(folder / "index.html", html_text(ordered, comparison));
}

}  // namespace plumb::reports
