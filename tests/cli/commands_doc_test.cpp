// The table of commands in docs/formats.md is what `plumb --help` says.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "tests/support/files.h"
#include "tests/support/process.h"

namespace plumb::tests {
namespace {

std::string help(const std::vector<std::string>& arguments) {
  const Outcome outcome = run_plumb(arguments, std::filesystem::temp_directory_path());
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  return outcome.out;
}

std::set<std::string> options_in(const std::string& text) {
  static const std::regex kOption("--[a-z][a-z0-9-]*");
  return {std::sregex_token_iterator(text.begin(), text.end(), kOption),
          std::sregex_token_iterator()};
}

// The names of a help text, without what is said about them: "  -o,--out TEXT REQUIRED  where to".
std::set<std::string> options_of(const std::string& verb) {
  std::set<std::string> options;
  std::istringstream lines(help({verb, "--help"}));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("  -")) continue;
    options.merge(options_in(line.substr(0, line.find("  ", 2))));
  }
  return options;
}

std::vector<std::string> verbs() {
  std::vector<std::string> names;
  std::istringstream lines(help({"--help"}));
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (inside && line.starts_with("  ") && line[2] != ' ') {
      names.push_back(line.substr(2, line.find(' ', 2) - 2));
    }
    inside |= line.starts_with("Subcommands:");
  }
  return names;
}

// The section "Commands", its table of verbs apart.
struct Section {
  std::map<std::string, std::string> rows;  // by verb
  std::string prose;
};

Section read_section() {
  const std::string page = read_text(std::filesystem::path(PLUMB_ROOT) / "docs" / "formats.md");
  const size_t begin = page.find("## Commands\n");
  const size_t end = page.find("\n## ", begin + 1);
  Section section;
  bool in_table = false;
  std::istringstream lines(page.substr(begin, end - begin));
  for (std::string line; std::getline(lines, line);) {
    in_table = line.starts_with("| verb |") || (in_table && line.starts_with("|"));
    if (!in_table || !line.starts_with("| `")) {
      section.prose += line + "\n";
      continue;
    }
    const std::string call = line.substr(3, line.find('`', 3) - 3);
    section.rows[call.substr(0, call.find(' '))] = line;
  }
  return section;
}

TEST(CommandsDoc, HasARowForEachVerb) {
  std::set<std::string> documented;
  for (const auto& [verb, row] : read_section().rows) documented.insert(verb);
  const std::vector<std::string> known = verbs();
  EXPECT_GE(known.size(), 9U);
  EXPECT_EQ(documented, std::set<std::string>(known.begin(), known.end()));
}

TEST(CommandsDoc, RowsNameTheOptionsThatThereAre) {
  const Section section = read_section();
  const std::set<std::string> everywhere = options_in(section.prose);
  for (const auto& [verb, row] : section.rows) {
    const std::set<std::string> known = options_of(verb);
    const std::set<std::string> named = options_in(row);
    for (const std::string& option : named) {
      EXPECT_TRUE(known.contains(option)) << verb << " has no " << option;
    }
    for (const std::string& option : known) {
      EXPECT_TRUE(named.contains(option) || everywhere.contains(option))
          << "the row of " << verb << " does not name " << option;
    }
  }
}

}  // namespace
}  // namespace plumb::tests
