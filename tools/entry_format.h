// Entries as text: how `dump` and `get` print keys and values, and how `load`
// reads them. tools/README.md has the formats with examples.
#ifndef QUIRE_TOOLS_ENTRY_FORMAT_H_
#define QUIRE_TOOLS_ENTRY_FORMAT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/line_reader.h"

namespace quire::tools {

// escaped, hex and json carry any bytes; the others carry what their separators
// don't cut apart.
enum class EntryFormat {
  kEscaped,  // KEY tab VALUE newline, as tools/encoding.h escapes
  kHex,      // KEY tab VALUE newline in hexadecimal
  kJson,     // {"key":"...","value":"..."}; key_hex, value_hex where not UTF-8
  kRaw,      // KEY tab VALUE newline, bytes as they are
  kLines,    // KEY newline VALUE newline, bytes as they are
  kStanza,   // VALUE newline: paragraphs of lines, each ended by an empty line
};

// Name and format, for flags.
const std::vector<std::pair<std::string, EntryFormat>>& EntryFormats();

// Appends an entry.
void AppendEntry(EntryFormat format, std::string_view key,
                 std::string_view value, std::string& dest);

// Appends a key alone, as a line: escaped, hex or json; bytes as they are in
// the other formats.
void AppendKey(EntryFormat format, std::string_view key, std::string& dest);

// How the text of a key or value on the command line is read.
enum class TextFormat { kLiteral, kEscaped, kHex };

const std::vector<std::pair<std::string, TextFormat>>& TextFormats();

// The bytes that `text` stands for. InvalidArgument naming `what` and the text
// if it doesn't follow the format.
absl::StatusOr<std::string> DecodeText(TextFormat format, std::string_view what,
                                       std::string_view text);

// How keys of stanzas are made: the values of these fields ("Name: value"
// lines), joined by the separator.
struct StanzaKey {
  std::vector<std::string> fields;
  std::string separator = " ";
};

// Reads entries that AppendEntry could have written. Not thread-safe.
class EntryReader {
 public:
  // `stanza_key` is used by kStanza only. `lines` must outlive this object.
  EntryReader(EntryFormat format, StanzaKey stanza_key, LineReader& lines);

  // Reads the next entry; false at the end of the input. InvalidArgument saying
  // what is malformed and in which line, Unavailable if reading fails. No call
  // may follow an error.
  absl::StatusOr<bool> Next(std::string* key, std::string* value);

 private:
  // `line` is the first line of the entry.
  absl::Status ParseTabbed(std::string_view line, std::string* key,
                           std::string* value);
  absl::Status ParseJson(std::string_view line, std::string* key,
                         std::string* value);
  absl::Status ReadValueLine(std::string_view line, std::string* key,
                             std::string* value);
  absl::StatusOr<bool> ReadStanza(std::string* key, std::string* value);
  absl::Status StanzaKeyOf(std::string_view stanza, uint64_t first_line,
                           std::string* key) const;

  const EntryFormat format_;
  const StanzaKey stanza_key_;
  LineReader& lines_;
};

}  // namespace quire::tools

#endif  // QUIRE_TOOLS_ENTRY_FORMAT_H_
