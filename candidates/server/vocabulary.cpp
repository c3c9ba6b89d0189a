#include "candidates/server/vocabulary.h"

#include <array>
#include <charconv>
#include <vector>

#include "base/errors.h"
#include "base/json.h"

namespace plumb::candidates {
namespace {

constexpr int64_t kSeveral = -1;
constexpr std::string_view kIdPrefix = "token_id:";
constexpr std::string_view kBlank = "\u2581";
constexpr base::JsonLimits kLimits{.bytes = size_t{256} << 20, .values = 20'000'000};

// Byte-level BPE writes each byte as a letter that can be seen (GPT-2, encoder.py,
// bytes_to_unicode): those that can as they are, the others from U+0100 on.
std::map<std::string, char> letters() {
  std::map<std::string, char> table;
  unsigned next = 0x100;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const bool shows =
        (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    const unsigned code = shows ? byte : next++;
    std::string letter;
    if (code < 0x80) {
      letter = static_cast<char>(code);
    } else {
      letter = {static_cast<char>(0xc0 | (code >> 6)), static_cast<char>(0x80 | (code & 0x3f))};
    }
    table[letter] = static_cast<char>(byte);
  }
  return table;
}

std::string from_letters(const std::string& text) {
  static const std::map<std::string, char> kLetters = letters();
  std::string bytes;
  for (size_t i = 0; i < text.size();) {
    const size_t length = static_cast<unsigned char>(text[i]) < 0x80 ? 1 : 2;
    const auto found = kLetters.find(text.substr(i, length));
    if (found == kLetters.end()) return text;  // a token of its own kind
    bytes += found->second;
    i += length;
  }
  return bytes;
}

std::string with_blanks(std::string text) {
  for (size_t at = text.find(kBlank); at != std::string::npos; at = text.find(kBlank, at)) {
    text.replace(at, kBlank.size(), " ");
  }
  return text;
}

}  // namespace

Vocabulary::Vocabulary(const std::filesystem::path& checkpoint) {
  const std::filesystem::path file = checkpoint / "tokenizer.json";
  if (!std::filesystem::is_regular_file(file)) return;
  const base::Json json = base::read_json_file(file, kLimits);
  try {
    const base::Json& model = json.at("model");
    const auto type = model.value("type", std::string());
    words_ = type == "WordLevel";
    // Where the decoder is byte-level, or a part of it is.
    const base::Json decoder = json.value("decoder", base::Json());
    const bool bytes = type == "BPE" && decoder.dump().find("\"ByteLevel\"") != std::string::npos;
    for (const auto& [text, id] : model.at("vocab").items()) {
      texts_[id.get<int64_t>()] = words_ ? text : (bytes ? from_letters(text) : with_blanks(text));
    }
  } catch (const base::Json::exception&) {
    throw base::InputError(file.string(), "model.vocab", "is no map of tokens to ids",
                           "a server that names tokens by text needs it");
  }
  for (const auto& [id, text] : texts_) {
    const auto [at, fresh] = ids_.try_emplace(text, id);
    if (!fresh) at->second = kSeveral;
  }
}

std::optional<int64_t> Vocabulary::id_of(const std::string& text) const {
  if (text.starts_with(kIdPrefix)) {
    int64_t id = 0;
    const char* end = text.data() + text.size();
    const auto [next, error] = std::from_chars(text.data() + kIdPrefix.size(), end, id);
    return error == std::errc() && next == end ? std::optional(id) : std::nullopt;
  }
  const auto found = ids_.find(text);
  if (found == ids_.end() || found->second == kSeveral) return std::nullopt;
  return found->second;
}

std::optional<std::string> Vocabulary::text_of(std::span<const int64_t> tokens) const {
  std::string text;
  for (const int64_t token : tokens) {
    const auto found = texts_.find(token);
    if (found == texts_.end()) return std::nullopt;
    if (words_ && !text.empty()) text += ' ';
    text += found->second;
  }
  return text;
}

}  // namespace plumb::candidates
