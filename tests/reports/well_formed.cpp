#include "tests/reports/well_formed.h"

#include <expat.h>
#include <fmt/format.h>

#include <memory>

namespace plumb::reports {
namespace {

using Parser = std::unique_ptr<XML_ParserStruct, decltype(&XML_ParserFree)>;

std::string parse(const std::string& text, std::map<std::string, int>& counts) {
  const Parser parser(XML_ParserCreate("UTF-8"), &XML_ParserFree);
  XML_SetUserData(parser.get(), &counts);
  XML_SetStartElementHandler(parser.get(), [](void* user, const char* name, const char**) {
    ++(*static_cast<std::map<std::string, int>*>(user))[name];
  });
  const auto size = static_cast<int>(text.size());
  if (XML_Parse(parser.get(), text.data(), size, /*isFinal=*/1) == XML_STATUS_OK) return "";
  return fmt::format("line {}, column {}: {}", XML_GetCurrentLineNumber(parser.get()),
                     XML_GetCurrentColumnNumber(parser.get()),
                     XML_ErrorString(XML_GetErrorCode(parser.get())));
}

}  // namespace

std::string xml_error(const std::string& text) {
  std::map<std::string, int> counts;
  return parse(text, counts);
}

std::map<std::string, int> element_counts(const std::string& text) {
  std::map<std::string, int> counts;
  parse(text, counts);
  return counts;
}

}  // namespace plumb::reports
