#include "benchmarks/common_flags.h"

#include <unistd.h>

#include <cstdlib>

#include "absl/strings/str_split.h"
#include "base/status_macros.h"
#include "benchmarks/random.h"

namespace quire::benchmarks {

const std::vector<std::pair<std::string, io::ReadMode>>& ReadModeChoices() {
  static const auto& choices =
      *new std::vector<std::pair<std::string, io::ReadMode>>{
          {"pread", io::ReadMode::kPread},
          {"buffered", io::ReadMode::kBuffered},
          {"mmap", io::ReadMode::kMmap},
          {"direct", io::ReadMode::kDirect}};
  return choices;
}

absl::Status ParseReadModes(const std::string& names,
                            std::vector<io::ReadMode>* modes) {
  modes->clear();
  for (const std::string& name :
       std::vector<std::string>(absl::StrSplit(names, ','))) {
    const io::ReadMode* found = nullptr;
    for (const auto& [choice, mode] : ReadModeChoices()) {
      if (name == choice) found = &modes->emplace_back(mode);
    }
    if (found == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrFormat("--modes: unknown read mode '%s'", name));
    }
  }
  return absl::OkStatus();
}

void AddProviderFlags(tools::FlagSet& flags, io::ProviderOptions* provider,
                      bool* require) {
  flags.AddChoice<io::IoEngine>(
      "io_engine", "How batches of reads reach the kernel (io_uring).",
      {{"io_uring", io::IoEngine::kIoUring}, {"preadv", io::IoEngine::kPreadv}},
      &provider->io_engine);
  flags.AddSwitch("require",
                  "Fail where the machine refuses the read mode or the I/O "
                  "engine, instead of falling back.",
                  require);
}

void ApplyRequire(bool require, io::ProviderOptions* provider) {
  if (!require) return;
  provider->read_mode_policy = io::ProviderPolicy::kRequire;
  provider->io_engine_policy = io::ProviderPolicy::kRequire;
}

void AddDatabaseFlag(tools::FlagSet& flags, const std::string& program,
                     std::optional<std::string>* target) {
  flags.AddText("db", "DIRECTORY",
                "The database. Default: " + program +
                    " in $TEST_TMPDIR or in /tmp/quiretest-UID.",
                target);
}

std::string DefaultDirectory(const std::string& name) {
  const char* const test_directory = std::getenv("TEST_TMPDIR");
  const std::string parent =
      test_directory != nullptr
          ? test_directory
          : absl::StrFormat("/tmp/quiretest-%d", getuid());
  return parent + "/" + name;
}

void AddSeedFlag(tools::FlagSet& flags, std::optional<std::string>* target) {
  flags.AddText("seed", "N",
                "Seed of all random numbers. Default: drawn, and printed.",
                target);
}

absl::Status SetSeed(const std::optional<std::string>& text, uint64_t* seed,
                     bool* drawn) {
  *drawn = !text;
  if (text) return ParseNumber("seed", *text, seed);
  *seed = DrawSeed();
  return absl::OkStatus();
}

std::string SeedToText(uint64_t seed, bool drawn) {
  return absl::StrFormat("%d%s", seed,
                         drawn ? " (drawn; --seed replays it)" : "");
}

void AddJsonFlag(tools::FlagSet& flags, std::optional<std::string>* target) {
  flags.AddText("json", "FILE", "Write machine, settings and results there.",
                target);
}

absl::Status ParseWithoutArguments(const tools::FlagSet& flags,
                                   std::span<const std::string> words) {
  QUIRE_ASSIGN_OR_RETURN(const std::vector<std::string> rest,
                         flags.Parse(words));
  if (rest.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrFormat("unexpected argument '%s'", rest[0]));
}

absl::StatusOr<std::optional<uint64_t>> ParseOptionalSize(
    std::string_view flag, std::string_view text) {
  const bool negative = text.starts_with('-');
  const std::optional<uint64_t> size =
      tools::ParseSize(text.substr(negative ? 1 : 0));
  if (!size) {
    return absl::InvalidArgumentError(
        absl::StrFormat("--%s: expected a number of bytes such as 4096 or 64M, "
                        "or a negative one for the default, not '%s'",
                        std::string(flag), std::string(text)));
  }
  if (negative) return std::nullopt;
  return size;
}

absl::Status CheckRange(const char* flag, uint64_t value, uint64_t least,
                        uint64_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrFormat("--%s=%d: must be %d to %d", flag, value, least, most));
}

EffectiveProvider GetEffectiveProvider(DB& db) {
  EffectiveProvider effective = {
      .mode = db.GetProperty("quire.effective-provider").value_or("unknown"),
      .engine = ""};
  if (effective.mode != io::ReadModeName(io::ReadMode::kMmap)) {
    effective.engine =
        db.GetProperty("quire.effective-io-engine").value_or("unknown");
  }
  return effective;
}

}  // namespace quire::benchmarks
