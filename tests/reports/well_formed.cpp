#include "tests/reports/well_formed.h"

#include <expat.h>
#include <fmt/format.h>

#include <memory>
#include <string_view>

namespace plumb::reports {
namespace {

using ParserPointer = std::unique_ptr<XML_ParserStruct, decltype(&XML_ParserFree)>;

struct Collector {
  XmlContents contents;
  int hidden = 0;  // depth of open elements that are not shown

  static bool is_hidden(std::string_view name) { return name == "style" || name == "script"; }
};

void on_start(void* user, const char* name, const char** attributes) {
  Collector& collector = *static_cast<Collector*>(user);
  ++collector.contents.elements[name];
  for (; *attributes != nullptr; attributes += 2) {
    collector.contents.attributes[attributes[0]].insert(attributes[1]);
  }
  collector.hidden += Collector::is_hidden(name);
}

void on_end(void* user, const char* name) {
  Collector& collector = *static_cast<Collector*>(user);
  collector.hidden -= Collector::is_hidden(name);
  collector.contents.text += ' ';
}

void on_text(void* user, const char* text, int length) {
  Collector& collector = *static_cast<Collector*>(user);
  if (collector.hidden == 0) collector.contents.text.append(text, static_cast<size_t>(length));
}

std::string parse(const std::string& text, Collector& collector) {
  const ParserPointer parser(XML_ParserCreate("UTF-8"), &XML_ParserFree);
  XML_SetUserData(parser.get(), &collector);
  XML_SetElementHandler(parser.get(), on_start, on_end);
  XML_SetCharacterDataHandler(parser.get(), on_text);
  const auto size = static_cast<int>(text.size());
  if (XML_Parse(parser.get(), text.data(), size, /*isFinal=*/1) == XML_STATUS_OK) return "";
  return fmt::format("line {}, column {}: {}", XML_GetCurrentLineNumber(parser.get()),
                     XML_GetCurrentColumnNumber(parser.get()),
                     XML_ErrorString(XML_GetErrorCode(parser.get())));
}

}  // namespace

std::string xml_error(const std::string& text) {
  Collector collector;
  return parse(text, collector);
}

XmlContents xml_contents(const std::string& text) {
  Collector collector;
  parse(text, collector);
  return collector.contents;
}

}  // namespace plumb::reports
