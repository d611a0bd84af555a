// C++ source text as tokens, for rules that look at names and not at prose.

#ifndef QUIRE_TESTS_TIDY_LEXER_H_
#define QUIRE_TESTS_TIDY_LEXER_H_

#include <string_view>
#include <vector>

namespace quire::tidy {

// A name, a number, or a mark: `::`, `->`, or one other character.
struct Token {
  std::string_view text;
  int line = 0;  // counted from 1
};

// The tokens of `source`, which they borrow. Comments, string literals and
// character literals are left out. Preprocessor lines count as code.
std::vector<Token> Tokenize(std::string_view source);

}  // namespace quire::tidy

#endif  // QUIRE_TESTS_TIDY_LEXER_H_
