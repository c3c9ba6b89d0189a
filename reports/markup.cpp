#include "reports/markup.h"

#include <algorithm>
#include <array>

#include "base/errors.h"
#include "reports/text.h"

namespace plumb::reports {
namespace {

constexpr std::array<std::string_view, 11> kInline = {
    "a", "b", "code", "em", "h1", "small", "span", "strong", "td", "th", "title"};

bool is_inline(std::string_view name) {
  return std::find(kInline.begin(), kInline.end(), name) != kInline.end();
}

std::string escape(std::string_view text) {
  std::string escaped;
  for (const char c : clean(text)) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

}  // namespace

void Markup::start(std::string_view name, Attributes attributes) {
  if (!is_inline(name)) {
    if (!output_.empty() && output_.back() != '\n') output_ += '\n';
    if (!open_.empty()) open_.back().holds_block = true;
  }
  output_ += '<';
  output_ += name;
  for (const auto& [key, value] : attributes) {
    if (value.empty()) continue;
    output_ += ' ';
    output_ += key;
    output_ += "=\"";
    output_ += escape(value);
    output_ += '"';
  }
}

Markup::Scope Markup::open(std::string_view name, Attributes attributes) {
  start(name, attributes);
  output_ += '>';
  open_.push_back({std::string(name)});
  return Scope(*this);
}

void Markup::close() {
  const OpenElement element = std::move(open_.back());
  open_.pop_back();
  if (element.holds_block && output_.back() != '\n') output_ += '\n';
  output_ += "</" + element.name + ">";
}

void Markup::put(std::string_view name, Attributes attributes, std::string_view content) {
  const Scope scope = open(name, attributes);
  text(content);
}

void Markup::leaf(std::string_view name, Attributes attributes) {
  start(name, attributes);
  output_ += "/>";
}

void Markup::text(std::string_view text) {
  output_ += escape(text);
}

const std::string& Markup::str() const {
  base::ensure(open_.empty(), "every element of a report is closed");
  return output_;
}

}  // namespace plumb::reports
