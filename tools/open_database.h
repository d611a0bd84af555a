// Opening a database for a command, and the flags that say how.
#ifndef QUIRE_TOOLS_OPEN_DATABASE_H_
#define QUIRE_TOOLS_OPEN_DATABASE_H_

#include <memory>
#include <optional>
#include <string>

#include "kv/db.h"
#include "kv/options.h"
#include "tools/exit_code.h"
#include "tools/flags.h"
#include "tools/output.h"

namespace quire::tools {

// Whether a command changes the database.
enum class Access {
  kRead,    // no lock, nothing written: beside a writer, on read-only media
  kWrite,   // the exclusive lock; the database must exist
  kCreate,  // as kWrite, and a missing database is made
};

// Flags that say how stored bytes are read: --read-mode --io-engine
// --cache-size --require. Not thread-safe.
class ProviderFlags {
 public:
  void Define(FlagSet& flags);

  // What the flags ask for.
  io::ProviderOptions options() const;

 private:
  io::ProviderOptions options_;
  std::optional<IoEngine> io_engine_;
  bool require_ = false;
};

// Flags that every command on an open database has. Not thread-safe.
class DatabaseFlags {
 public:
  explicit DatabaseFlags(Access access);

  // Those of ProviderFlags; for writers --memtable-size and, where a missing
  // database would be made, --existing.
  void Define(FlagSet& flags);

  // Opens the database in `path`. On failure nullptr, with the error printed
  // and the exit code in `*code`.
  std::unique_ptr<DB> Open(const std::string& path, Console& console,
                           ExitCode* code);

 private:
  const Access access_;
  ProviderFlags provider_;
  Options options_;
  bool existing_ = false;
};

// Closes `db` after the work ended with `code`. An error is printed and becomes
// kData, unless `code` tells of an earlier one.
ExitCode CloseDatabase(DB& db, ExitCode code, Console& console);

}  // namespace quire::tools

#endif  // QUIRE_TOOLS_OPEN_DATABASE_H_
