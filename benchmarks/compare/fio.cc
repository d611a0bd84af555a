#include "benchmarks/compare/fio.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "nlohmann/json.hpp"

namespace quire::benchmarks {
namespace {

// `text` as one word of the shell.
std::string Quoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return quoted + "'";
}

// Runs a command and returns what it printed, its errors too.
absl::StatusOr<std::string> OutputOf(const std::string& command) {
  std::FILE* const pipe = popen((command + " 2>&1").c_str(), "re");
  if (pipe == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("fio: ", std::strerror(errno)));
  }
  std::string output;
  std::array<char, 4096> piece;
  while (const size_t size = std::fread(piece.data(), 1, piece.size(), pipe)) {
    output.append(piece.data(), size);
  }
  if (pclose(pipe) == 0) return output;
  return absl::FailedPreconditionError(
      absl::StrCat("fio failed: ", output.substr(0, 500)));
}

}  // namespace

absl::StatusOr<FioResult> ParseFioOutput(std::string_view output) {
  // Warnings may stand in front of the object.
  const size_t begin = output.find('{');
  const nlohmann::json json =
      begin == std::string_view::npos
          ? nlohmann::json()
          : nlohmann::json::parse(output.substr(begin), nullptr, false);
  try {
    const nlohmann::json& job = json.at("jobs").at(0);
    const bool reads = job.at("read").at("total_ios").get<uint64_t>() > 0;
    const nlohmann::json& side = job.at(reads ? "read" : "write");
    const double ios = side.at("total_ios").get<double>();
    if (ios == 0) return absl::InvalidArgumentError("fio did nothing");
    const double cpu_percent =
        job.at("usr_cpu").get<double>() + job.at("sys_cpu").get<double>();
    const double seconds = job.at("job_runtime").get<double>() / 1000;
    return FioResult{.ios_per_second = side.at("iops").get<double>(),
                     .bytes_per_second = side.at("bw_bytes").get<double>(),
                     .cpu_seconds_per_io = cpu_percent / 100 * seconds / ios};
  } catch (const nlohmann::json::exception& error) {
    return absl::InvalidArgumentError(
        absl::StrCat("not what fio prints: ", error.what()));
  }
}

absl::StatusOr<FioFile> FioFile::Create(const std::string& directory,
                                        uint64_t bytes) {
  FioFile file(absl::StrCat(directory, "/fio.dat"), bytes);
  QUIRE_RETURN_IF_ERROR(
      OutputOf(absl::StrFormat("fio --name=lay-out --filename=%s --size=%d "
                               "--rw=write --bs=1M --direct=1 --end_fsync=1",
                               Quoted(file.path_), bytes))
          .status());
  return file;
}

absl::StatusOr<FioResult> FioFile::Run(const std::string& flags,
                                       double seconds) const {
  QUIRE_ASSIGN_OR_RETURN(
      const std::string output,
      OutputOf(absl::StrFormat(
          "fio --name=limit --filename=%s --size=%d %s --time_based "
          "--runtime=%dms --randrepeat=0 --norandommap --output-format=json",
          Quoted(path_), bytes_, flags, static_cast<int>(seconds * 1000))));
  return ParseFioOutput(output);
}

absl::StatusOr<FioResult> FioFile::RandomReads(size_t depth,
                                               double seconds) const {
  return Run(absl::StrFormat("--rw=randread --bs=4k --direct=1 "
                             "--ioengine=io_uring --iodepth=%d",
                             depth),
             seconds);
}

absl::StatusOr<FioResult> FioFile::SequentialReads(double seconds) const {
  return Run("--rw=read --bs=1M --direct=1 --ioengine=io_uring --iodepth=4",
             seconds);
}

absl::StatusOr<FioResult> FioFile::SyncedWrites(double seconds) const {
  return Run("--rw=write --bs=4k --ioengine=psync --fdatasync=1 --overwrite=1",
             seconds);
}

}  // namespace quire::benchmarks
