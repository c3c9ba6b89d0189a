#include "model/weights/methods/targets.h"

#include <regex.h>

#include <algorithm>

namespace plumb::model {
namespace {

constexpr size_t kLongestExpression = 1024;

// Python's classes in POSIX's words; what only Python knows is found out.
std::string posix_expression(const ConfigReader& config, std::string_view key,
                             const std::string& expression) {
  const auto refuse = [&](const std::string& why) {
    config.refuse(key, "holds the expression '" + expression + "', " + why,
                  "write it without lookaheads, lazy repeats and back references");
  };
  if (expression.size() > kLongestExpression) refuse("which is too long");
  std::string text = "^(";
  for (size_t i = 0; i < expression.size(); ++i) {
    const char c = expression[i];
    const char next = i + 1 < expression.size() ? expression[i + 1] : '\0';
    if (c == '(' && next == '?') {
      if (expression.compare(i, 3, "(?:") != 0) refuse("which looks ahead");
      text += '(';
      i += 2;
    } else if ((c == '*' || c == '+' || c == '?' || c == '}') && (next == '?' || next == '+')) {
      refuse("which repeats lazily");
    } else if (c == '{') {
      refuse("which counts");  // a thousand times a thousand states
    } else if (c == '\\' && next == 'd') {
      text += "[0-9]";
      ++i;
    } else if (c == '\\' && std::isalnum(static_cast<unsigned char>(next)) != 0) {
      if (next != 'w' && next != 'b' && next != 's') refuse("with an escape that is not known");
      text += {c, next};
      ++i;
    } else if (c == '\\') {
      text += {c, next};
      ++i;
    } else {
      text += c;
    }
  }
  return text + ")";
}

}  // namespace

Pattern::Pattern(const ConfigReader& config, std::string_view key, const std::string& expression) {
  const std::string text = posix_expression(config, key, expression);
  auto* compiled = new regex_t;
  if (::regcomp(compiled, text.c_str(), REG_EXTENDED | REG_NOSUB) != 0) {
    delete compiled;
    config.refuse(key, "holds '" + expression + "', which is no regular expression", "mend it");
  }
  compiled_ = std::shared_ptr<void>(compiled, [](void* made) {
    auto* expression_made = static_cast<regex_t*>(made);
    ::regfree(expression_made);
    delete expression_made;
  });
}

bool Pattern::matches(const std::string& name) const {
  return ::regexec(static_cast<const regex_t*>(compiled_.get()), name.c_str(), 0, nullptr, 0) == 0;
}

Targets::Targets(const ConfigReader& config, std::string_view key,
                 const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    if (text.starts_with("re:")) {
      patterns_.emplace_back(config, key, text.substr(3));
    } else if (text.find("Linear") != std::string::npos && text.find('.') == std::string::npos) {
      every_linear_ = true;
    } else {
      names_.insert(text);
    }
  }
}

Closeness Targets::closeness(const std::string& module) const {
  if (names_.contains(module)) return Closeness::kName;
  const auto matches = [&](const Pattern& pattern) { return pattern.matches(module); };
  if (std::any_of(patterns_.begin(), patterns_.end(), matches)) return Closeness::kExpression;
  return every_linear_ ? Closeness::kClass : Closeness::kNot;
}

}  // namespace plumb::model
