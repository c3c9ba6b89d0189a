// A strict XML parser's word on a report.
#pragma once

#include <map>
#include <string>

namespace plumb::reports {

// Empty when `text` is well-formed XML, else where and why it is not.
std::string xml_error(const std::string& text);

// How often each element occurs in well-formed XML.
std::map<std::string, int> element_counts(const std::string& text);

}  // namespace plumb::reports
