#include "tools/flags.h"

#include <charconv>
#include <system_error>

#include "absl/status/status.h"
#include "base/check.h"
#include "base/string_view.h"

namespace quire::tools {
namespace {

constexpr size_t kColumnsMax = 80;

absl::Status UsageError(const std::string& message) {
  return absl::InvalidArgumentError(base::AbslView(message));
}

// Appends `line`, which has no '\n', broken at spaces.
void AppendWrapped(std::string_view line, size_t indent, std::string& dest) {
  const size_t width = kColumnsMax - indent;
  do {
    size_t end = line.size();
    if (end > width) {
      end = line.rfind(' ', width);
      if (end == std::string_view::npos) end = line.find(' ');
      if (end == std::string_view::npos) end = line.size();
    }
    if (end != 0) dest.append(indent, ' ').append(line.substr(0, end));
    dest += '\n';
    line.remove_prefix(end);
    if (!line.empty()) line.remove_prefix(1);  // the space that was broken at
  } while (!line.empty());
}

}  // namespace

std::string WrapText(std::string_view text, size_t indent) {
  std::string wrapped;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (line.starts_with(' ')) {
      wrapped.append(indent, ' ').append(line) += '\n';
    } else {
      AppendWrapped(line, indent, wrapped);
    }
    text.remove_prefix(line.size());
    if (!text.empty()) text.remove_prefix(1);  // the '\n'
  }
  return wrapped;
}

std::optional<uint64_t> ParseNumber(std::string_view text) {
  uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const std::from_chars_result result =
      std::from_chars(text.data(), end, number);
  if (result.ec != std::errc() || result.ptr != end) return std::nullopt;
  return number;
}

std::optional<uint64_t> ParseSize(std::string_view text) {
  constexpr std::string_view kUnits = "KMGT";
  if (text.empty()) return std::nullopt;
  const size_t unit = kUnits.find(text.back());
  if (unit == std::string_view::npos) return ParseNumber(text);
  text.remove_suffix(1);
  const std::optional<uint64_t> number = ParseNumber(text);
  const uint64_t shift = 10 * (unit + 1);
  if (!number || *number > UINT64_MAX >> shift) return std::nullopt;
  return *number << shift;
}

void FlagSet::Add(Flag flag) {
  QUIRE_CHECK(Find(flag.name) == nullptr);
  flags_.push_back(std::move(flag));
}

void FlagSet::AddSwitch(std::string name, std::string help, bool* target) {
  Add({.name = std::move(name),
       .value_name = "",
       .help = std::move(help),
       .expected = "no value",
       .set = [target](std::string_view) { return *target = true; }});
}

void FlagSet::AddText(std::string name, std::string value_name,
                      std::string help, std::optional<std::string>* target) {
  Add({.name = std::move(name),
       .value_name = std::move(value_name),
       .help = std::move(help),
       .expected = "text",
       .set = [target](std::string_view text) {
         *target = std::string(text);
         return true;
       }});
}

void FlagSet::AddNumber(std::string name, std::string value_name,
                        std::string help, uint64_t* target) {
  Add({.name = std::move(name),
       .value_name = std::move(value_name),
       .help = std::move(help),
       .expected = "a number",
       .set = [target](std::string_view text) {
         const std::optional<uint64_t> number = ParseNumber(text);
         if (number) *target = *number;
         return number.has_value();
       }});
}

void FlagSet::AddSize(std::string name, std::string help, uint64_t* target) {
  Add({.name = std::move(name),
       .value_name = "SIZE",
       .help = std::move(help),
       .expected = "a number of bytes such as 4096 or 64M",
       .set = [target](std::string_view text) {
         const std::optional<uint64_t> size = ParseSize(text);
         if (size) *target = *size;
         return size.has_value();
       }});
}

const FlagSet::Flag* FlagSet::Find(std::string_view name) const {
  for (const Flag& flag : flags_) {
    if (flag.name == name) return &flag;
  }
  return nullptr;
}

absl::StatusOr<std::vector<std::string>> FlagSet::Parse(
    std::span<const std::string> words) const {
  std::vector<std::string> arguments;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word == "--") {
      arguments.insert(arguments.end(), words.begin() + i + 1, words.end());
      break;
    }
    if (!word.starts_with('-') || word == "-") {
      arguments.emplace_back(word);
      continue;
    }
    const size_t equals = word.find('=');
    const bool has_value = equals != std::string_view::npos;
    const std::string shown(word.substr(0, equals));
    const Flag* const flag =
        shown.starts_with("--") ? Find(shown.substr(2)) : nullptr;
    if (flag == nullptr) {
      return UsageError("unknown flag " + shown +
                        " (put -- before arguments that start with -)");
    }
    const bool is_switch = flag->value_name.empty();
    if (is_switch && has_value) return UsageError(shown + " takes no value");
    std::string_view value;
    if (has_value) {
      value = word.substr(equals + 1);
    } else if (!is_switch) {
      if (++i == words.size()) return UsageError(shown + " needs a value");
      value = words[i];
    }
    if (!flag->set(value)) {
      return UsageError(shown + ": expected " + flag->expected + ", not " +
                        base::EscapeKey(value));
    }
  }
  return arguments;
}

std::string FlagSet::Help() const {
  std::string help;
  for (const Flag& flag : flags_) {
    help += "  --" + flag.name;
    if (!flag.value_name.empty()) help += "=" + flag.value_name;
    help += '\n';
    help += WrapText(flag.help, 6);
  }
  return help;
}

}  // namespace quire::tools
