// The flags of one command: a table, its parser and its help text.
//
// Abseil's flags are global to a process; here each command has its own, and a
// flag of another command is an error.
#ifndef QUIRE_TOOLS_FLAGS_H_
#define QUIRE_TOOLS_FLAGS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace quire::tools {

// Flags are written --name=value or --name value; a switch takes no value.
// Targets keep their value, the default, unless the flag is given, and must
// outlive Parse. Not thread-safe.
class FlagSet {
 public:
  // A switch: true once given.
  void AddSwitch(std::string name, std::string help, bool* target);

  // Any text, the empty one too.
  void AddText(std::string name, std::string value_name, std::string help,
               std::optional<std::string>* target);

  // A decimal number.
  void AddNumber(std::string name, std::string value_name, std::string help,
                 uint64_t* target);

  // A number of bytes: decimal digits and optionally K, M, G or T for powers
  // of 1024.
  void AddSize(std::string name, std::string help, uint64_t* target);

  // One of a list of names; the target, a T or an optional T, gets its value.
  template <typename T, typename Target>
  void AddChoice(const std::string& name, const std::string& help,
                 std::vector<std::pair<std::string, T>> choices,
                 Target* target) {
    std::string names;
    for (const auto& [choice, value] : choices) {
      if (!names.empty()) names += '|';
      names += choice;
    }
    Add({.name = name,
         .value_name = names,
         .help = help,
         .expected = "one of " + names,
         .set = [choices = std::move(choices), target](std::string_view text) {
           for (const auto& [choice, value] : choices) {
             if (text != choice) continue;
             *target = value;
             return true;
           }
           return false;
         }});
  }

  // Sets the targets and returns what is left: the arguments in their order.
  // "--" ends the flags: everything behind it is an argument. A lone "-" is an
  // argument. InvalidArgument naming the flag: unknown, without its value, with
  // one that doesn't fit.
  absl::StatusOr<std::vector<std::string>> Parse(
      std::span<const std::string> words) const;

  // One paragraph for each flag, in the order of the Add calls; lines of at
  // most 80 columns.
  std::string Help() const;

 private:
  struct Flag {
    std::string name;
    std::string value_name;  // empty for a switch
    std::string help;
    std::string expected;  // what a value must be, for the error
    std::function<bool(std::string_view)> set;  // false: the value doesn't fit
  };

  void Add(Flag flag);
  const Flag* Find(std::string_view name) const;

  std::vector<Flag> flags_;
};

// `text` broken at spaces into lines of at most 80 columns, each after
// `indent` spaces and ended by '\n'. Lines already in `text` stay apart, and
// one that starts with a space is left as it is.
std::string WrapText(std::string_view text, size_t indent);

// The number written in `text` in decimal digits, or nothing.
std::optional<uint64_t> ParseNumber(std::string_view text);

// The number of bytes written in `text` as AddSize explains, or nothing.
std::optional<uint64_t> ParseSize(std::string_view text);

}  // namespace quire::tools

#endif  // QUIRE_TOOLS_FLAGS_H_
