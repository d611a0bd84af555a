#include "tests/tidy/lexer.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <string>

namespace quire::tidy {
namespace {

bool IsNameStart(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_';
}

bool IsDigit(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) != 0;
}

bool IsNamePart(char c) { return IsNameStart(c) || IsDigit(c); }

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  std::vector<Token> Run() {
    while (position_ < source_.size()) Step();
    return std::move(tokens_);
  }

 private:
  // Consumes one token, literal, comment or space.
  void Step() {
    const std::string_view rest = source_.substr(position_);
    const char c = rest.front();
    if (rest.starts_with("//")) {
      Skip(rest.find('\n'));
    } else if (rest.starts_with("/*")) {
      SkipPast("*/", 2);
    } else if (c == '"' || c == '\'') {
      SkipLiteral(c);
    } else if (IsNameStart(c)) {
      TakeNameOrRawString();
    } else if (IsDigit(c)) {
      // A quote inside a number separates its digits.
      Take([](char part) { return IsNamePart(part) || part == '\''; });
    } else if (rest.starts_with("::") || rest.starts_with("->")) {
      Emit(2);
    } else if (std::isspace(static_cast<unsigned char>(c)) != 0) {
      Skip(1);
    } else {
      Emit(1);
    }
  }

  void TakeNameOrRawString() {
    Take(IsNamePart);
    const std::string_view name = tokens_.back().text;
    const bool is_quoted =
        position_ < source_.size() && source_[position_] == '"';
    if (!is_quoted || !name.ends_with('R')) return;
    tokens_.pop_back();
    const std::size_t open = source_.find('(', position_);
    if (open == std::string_view::npos) return;
    const std::string_view delimiter =
        source_.substr(position_ + 1, open - position_ - 1);
    SkipPast(')' + std::string(delimiter) + '"', 1);
  }

  // Skips a literal that begins here with `quote`.
  void SkipLiteral(char quote) {
    std::size_t end = position_ + 1;
    while (end < source_.size() && source_[end] != quote) {
      end += source_[end] == '\\' ? 2 : 1;
    }
    Skip(end + 1 - position_);
  }

  // Skips through the next `terminator` that begins `offset` or more after the
  // current position, or to the end.
  void SkipPast(std::string_view terminator, std::size_t offset) {
    const std::size_t found = source_.find(terminator, position_ + offset);
    if (found == std::string_view::npos) {
      position_ = source_.size();
      return;
    }
    Skip(found + terminator.size() - position_);
  }

  // Skips `size` characters, or to the end if there are fewer.
  void Skip(std::size_t size) {
    const std::string_view skipped = source_.substr(position_, size);
    line_ += static_cast<int>(std::ranges::count(skipped, '\n'));
    position_ += skipped.size();
  }

  // Emits the longest token whose characters all satisfy `is_part`.
  template <typename Predicate>
  void Take(Predicate is_part) {
    const std::string_view rest = source_.substr(position_);
    const auto end = std::ranges::find_if_not(rest, is_part);
    Emit(static_cast<std::size_t>(end - rest.begin()));
  }

  void Emit(std::size_t size) {
    tokens_.push_back({source_.substr(position_, size), line_});
    position_ += size;
  }

  const std::string_view source_;
  std::size_t position_ = 0;
  int line_ = 1;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> Tokenize(std::string_view source) {
  return Lexer(source).Run();
}

}  // namespace quire::tidy
