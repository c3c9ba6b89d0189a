// Tokens as text, for servers that name or take them so: the checkpoint's tokenizer.json.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>

namespace plumb::candidates {

// Knows vocabularies of whole words, of byte-level BPE, and of pieces with U+2581 for a blank.
class Vocabulary {
 public:
  // Empty where the folder has no tokenizer.json. Throws InputError where it is no vocabulary.
  explicit Vocabulary(const std::filesystem::path& checkpoint);

  // The only token of this text; also of "token_id:7", as vLLM writes it.
  std::optional<int64_t> id_of(const std::string& text) const;
  // A text that should be read as these tokens; nothing where one is unknown.
  std::optional<std::string> text_of(std::span<const int64_t> tokens) const;

 private:
  bool words_ = false;  // parted by blanks
  std::map<int64_t, std::string> texts_;
  std::map<std::string, int64_t> ids_;  // kSeveral where several tokens have the text
};

}  // namespace plumb::candidates
