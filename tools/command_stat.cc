// quire stat: counters, gauges and properties of a database.
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kv/db.h"
#include "kv/stats.h"
#include "nlohmann/json.hpp"
#include "tools/command.h"
#include "tools/open_database.h"

namespace quire::tools {
namespace {

using nlohmann::ordered_json;

constexpr char kDetails[] =
    "Opens the database, read-only, and prints its state: sizes, then the "
    "runs, with which hash sections are in memory, the segments, with their "
    "garbage, the index, what readers keep, the read mode that this machine "
    "gave and the other properties. Counters count from the opening.\n"
    "\n"
    "With --json: one object with the members \"stats\", \"report\" (runs, "
    "segments, index, what readers keep) and \"properties\".";

class StatCommand final : public Command {
 public:
  StatCommand()
      : Command({.name = "stat",
                 .arguments = "DB",
                 .summary = "print sizes, counters and properties",
                 .details = kDetails,
                 .arguments_min = 1,
                 .arguments_max = 1}) {}

  void DefineFlags(FlagSet& flags) override {
    flags.AddSwitch("json", "Print JSON.", &json_);
    database_.Define(flags);
  }

  ExitCode Run(const std::vector<std::string>& arguments,
               Console& console) override {
    ExitCode code = ExitCode::kOk;
    const std::unique_ptr<DB> db = database_.Open(arguments[0], console, &code);
    if (db == nullptr) return code;
    const Stats stats = db->GetStats();
    console.out().Write(json_ ? Json(*db, stats) : Text(*db, stats));
    return CloseDatabase(*db, code, console);
  }

 private:
  // Properties that repeat what is printed from GetStats, or other properties.
  static bool IsRepetition(std::string_view property) {
    return property.starts_with("quire.stats") ||
           property == "quire.report-json";
  }

  static ordered_json Parsed(const std::string& text) {
    return ordered_json::parse(text, nullptr, false);
  }

  static std::string Text(DB& db, const Stats& stats) {
    std::string text = StatsToText(stats);
    for (const DB::PropertyDescription& property : DB::Properties()) {
      if (IsRepetition(property.name)) continue;
      const std::optional<std::string> value = db.GetProperty(property.name);
      if (!value) continue;
      // A value of several lines starts on a line of its own.
      const bool is_long = value->find('\n') != std::string::npos;
      text += property.name + (is_long ? ":\n" : ": ") + *value;
      if (!text.ends_with('\n')) text += '\n';
    }
    return text;
  }

  static std::string Json(DB& db, const Stats& stats) {
    ordered_json properties = ordered_json::object();
    for (const DB::PropertyDescription& property : DB::Properties()) {
      if (IsRepetition(property.name)) continue;
      const std::optional<std::string> value = db.GetProperty(property.name);
      if (value) properties[property.name] = *value;
    }
    const ordered_json object = {
        {"stats", Parsed(StatsToJson(stats))},
        {"report", Parsed(db.GetProperty("quire.report-json").value_or(""))},
        {"properties", std::move(properties)}};
    // Reasons in properties may quote paths, which needn't be UTF-8.
    return object.dump(2, ' ', false, ordered_json::error_handler_t::replace) +
           "\n";
  }

  DatabaseFlags database_{Access::kRead};
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeStatCommand() {
  return std::make_unique<StatCommand>();
}

}  // namespace quire::tools
