// A strict XML parser's word on a report, and what it found in it.
#pragma once

#include <map>
#include <set>
#include <string>

namespace plumb::reports {

struct XmlContents {
  std::map<std::string, int> elements;                      // how often each occurs
  std::map<std::string, std::set<std::string>> attributes;  // the values of each, over all elements
  std::string text;  // what a reader sees: neither style nor script, a space after each element
};

// Empty when `text` is well-formed XML, else where and why it is not.
std::string xml_error(const std::string& text);

// Of well-formed XML.
XmlContents xml_contents(const std::string& text);

}  // namespace plumb::reports
