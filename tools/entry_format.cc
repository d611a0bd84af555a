#include "tools/entry_format.h"

#include <optional>

#include "base/status_macros.h"
#include "base/string_view.h"
#include "nlohmann/json.hpp"
#include "tools/encoding.h"

namespace quire::tools {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view kBlanks = " \t";

absl::Status Malformed(uint64_t line_number, const std::string& why) {
  return absl::InvalidArgumentError(
      base::AbslView("line " + std::to_string(line_number) + ": " + why));
}

// Appends one field of a line: a key or a value.
void AppendField(EntryFormat format, std::string_view bytes,
                 std::string& dest) {
  switch (format) {
    case EntryFormat::kEscaped:
      AppendEscaped(bytes, dest);
      return;
    case EntryFormat::kHex:
      AppendHex(bytes, dest);
      return;
    case EntryFormat::kJson:
    case EntryFormat::kRaw:
    case EntryFormat::kLines:
    case EntryFormat::kStanza:
      dest += bytes;
      return;
  }
}

void SetMember(const std::string& name, std::string_view bytes,
               ordered_json& object) {
  if (IsUtf8(bytes)) {
    object[name] = bytes;
    return;
  }
  std::string hex;
  AppendHex(bytes, hex);
  object[name + "_hex"] = std::move(hex);
}

void AppendLine(const ordered_json& object, std::string& dest) {
  dest += object.dump();
  dest += '\n';
}

// The bytes of member `name` or `name`_hex, exactly one of which must be there.
absl::StatusOr<std::string> GetMember(const ordered_json& object,
                                      const std::string& name) {
  const auto plain = object.find(name);
  const auto hex = object.find(name + "_hex");
  if ((plain == object.end()) == (hex == object.end())) {
    return absl::InvalidArgumentError(base::AbslView(
        "expected either \"" + name + "\" or \"" + name + "_hex\""));
  }
  const ordered_json& member = plain == object.end() ? *hex : *plain;
  std::string bytes;
  if (!member.is_string() ||
      (plain == object.end() &&
       !AppendUnhexed(member.get_ref<const std::string&>(), bytes))) {
    return absl::InvalidArgumentError(base::AbslView(
        "the " + name + " is not a string of " +
        (plain == object.end() ? "hexadecimal digits" : "characters")));
  }
  if (plain != object.end()) bytes = member.get<std::string>();
  return bytes;
}

std::string_view TrimBlanks(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
}

// The value of the line "name: value" of a stanza, or nothing.
std::optional<std::string_view> StanzaField(std::string_view stanza,
                                            std::string_view name) {
  while (!stanza.empty()) {
    const std::string_view line = stanza.substr(0, stanza.find('\n'));
    if (line.starts_with(name) && line.substr(name.size()).starts_with(':')) {
      return TrimBlanks(line.substr(name.size() + 1));
    }
    stanza.remove_prefix(line.size() + 1);
  }
  return std::nullopt;
}

}  // namespace

const std::vector<std::pair<std::string, EntryFormat>>& EntryFormats() {
  static const auto* const formats =
      new std::vector<std::pair<std::string, EntryFormat>>{
          {"escaped", EntryFormat::kEscaped}, {"hex", EntryFormat::kHex},
          {"json", EntryFormat::kJson},       {"raw", EntryFormat::kRaw},
          {"lines", EntryFormat::kLines},     {"stanza", EntryFormat::kStanza}};
  return *formats;
}

void AppendEntry(EntryFormat format, std::string_view key,
                 std::string_view value, std::string& dest) {
  if (format == EntryFormat::kJson) {
    ordered_json object;
    SetMember("key", key, object);
    SetMember("value", value, object);
    AppendLine(object, dest);
    return;
  }
  if (format != EntryFormat::kStanza) {
    AppendField(format, key, dest);
    dest += format == EntryFormat::kLines ? '\n' : '\t';
  }
  AppendField(format, value, dest);
  dest += '\n';
}

void AppendKey(EntryFormat format, std::string_view key, std::string& dest) {
  if (format == EntryFormat::kJson) {
    ordered_json object;
    SetMember("key", key, object);
    AppendLine(object, dest);
    return;
  }
  AppendField(format, key, dest);
  dest += '\n';
}

const std::vector<std::pair<std::string, TextFormat>>& TextFormats() {
  static const auto* const formats =
      new std::vector<std::pair<std::string, TextFormat>>{
          {"literal", TextFormat::kLiteral},
          {"escaped", TextFormat::kEscaped},
          {"hex", TextFormat::kHex}};
  return *formats;
}

absl::StatusOr<std::string> DecodeText(TextFormat format, std::string_view what,
                                       std::string_view text) {
  std::string bytes;
  bool is_valid = true;
  switch (format) {
    case TextFormat::kLiteral:
      bytes = text;
      break;
    case TextFormat::kEscaped:
      is_valid = AppendUnescaped(text, bytes);
      break;
    case TextFormat::kHex:
      is_valid = AppendUnhexed(text, bytes);
      break;
  }
  if (is_valid) return bytes;
  return absl::InvalidArgumentError(base::AbslView(
      std::string(what) + ": " + base::EscapeKey(text) +
      (format == TextFormat::kHex ? " is not an even number of hexadecimal "
                                    "digits"
                                  : " is not escaped text")));
}

EntryReader::EntryReader(EntryFormat format, StanzaKey stanza_key,
                         LineReader& lines)
    : format_(format), stanza_key_(std::move(stanza_key)), lines_(lines) {}

absl::StatusOr<bool> EntryReader::Next(std::string* key, std::string* value) {
  key->clear();
  value->clear();
  if (format_ == EntryFormat::kStanza) return ReadStanza(key, value);
  std::string_view line;
  QUIRE_ASSIGN_OR_RETURN(const bool has_line, lines_.Next(&line));
  if (!has_line) return false;
  if (format_ == EntryFormat::kJson) {
    QUIRE_RETURN_IF_ERROR(ParseJson(line, key, value));
  } else if (format_ == EntryFormat::kLines) {
    QUIRE_RETURN_IF_ERROR(ReadValueLine(line, key, value));
  } else {
    QUIRE_RETURN_IF_ERROR(ParseTabbed(line, key, value));
  }
  return true;
}

absl::Status EntryReader::ParseTabbed(std::string_view line, std::string* key,
                                      std::string* value) {
  const size_t tab = line.find('\t');
  if (tab == std::string_view::npos) {
    return Malformed(lines_.line_number(), "no tab between key and value");
  }
  const std::string_view fields[] = {line.substr(0, tab), line.substr(tab + 1)};
  std::string* const targets[] = {key, value};
  for (int i = 0; i < 2; ++i) {
    bool is_valid = true;
    if (format_ == EntryFormat::kEscaped) {
      is_valid = AppendUnescaped(fields[i], *targets[i]);
    } else if (format_ == EntryFormat::kHex) {
      is_valid = AppendUnhexed(fields[i], *targets[i]);
    } else {
      *targets[i] = fields[i];
    }
    if (!is_valid) {
      return Malformed(lines_.line_number(),
                       std::string(i == 0 ? "the key" : "the value") +
                           (format_ == EntryFormat::kHex
                                ? " is not an even number of hexadecimal digits"
                                : " is not escaped text"));
    }
  }
  return absl::OkStatus();
}

absl::Status EntryReader::ParseJson(std::string_view line, std::string* key,
                                    std::string* value) {
  // No exceptions: a parse error gives a discarded value.
  const ordered_json object = ordered_json::parse(line, nullptr, false);
  if (!object.is_object()) {
    return Malformed(lines_.line_number(), "not a JSON object in one line");
  }
  if (object.size() != 2) {
    return Malformed(lines_.line_number(),
                     "expected the members key and value and no other");
  }
  absl::StatusOr<std::string> key_bytes = GetMember(object, "key");
  absl::StatusOr<std::string> value_bytes = GetMember(object, "value");
  for (const auto* bytes : {&key_bytes, &value_bytes}) {
    if (bytes->ok()) continue;
    return Malformed(lines_.line_number(),
                     std::string(base::StdView(bytes->status().message())));
  }
  *key = *std::move(key_bytes);
  *value = *std::move(value_bytes);
  return absl::OkStatus();
}

absl::Status EntryReader::ReadValueLine(std::string_view line, std::string* key,
                                        std::string* value) {
  *key = line;
  QUIRE_ASSIGN_OR_RETURN(const bool has_value, lines_.Next(&line));
  if (!has_value) {
    return Malformed(lines_.line_number() - 1, "a key without a value line");
  }
  *value = line;
  return absl::OkStatus();
}

absl::StatusOr<bool> EntryReader::ReadStanza(std::string* key,
                                             std::string* value) {
  uint64_t first_line = 0;
  for (;;) {
    std::string_view line;
    QUIRE_ASSIGN_OR_RETURN(const bool has_line, lines_.Next(&line));
    if (!has_line || line.empty()) {
      if (!value->empty()) break;
      if (!has_line) return false;
      continue;
    }
    if (value->empty()) first_line = lines_.line_number();
    value->append(line) += '\n';
  }
  QUIRE_RETURN_IF_ERROR(StanzaKeyOf(*value, first_line, key));
  return true;
}

absl::Status EntryReader::StanzaKeyOf(std::string_view stanza,
                                      uint64_t first_line,
                                      std::string* key) const {
  for (size_t i = 0; i < stanza_key_.fields.size(); ++i) {
    const std::string& name = stanza_key_.fields[i];
    const std::optional<std::string_view> field = StanzaField(stanza, name);
    if (!field) {
      return Malformed(first_line,
                       "the stanza has no field " + base::EscapeKey(name));
    }
    if (i != 0) *key += stanza_key_.separator;
    *key += *field;
  }
  return absl::OkStatus();
}

}  // namespace quire::tools
