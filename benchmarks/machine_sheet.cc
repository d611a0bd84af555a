#include "benchmarks/machine_sheet.h"

#include <sys/utsname.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>
#include <system_error>
#include <thread>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace quire::benchmarks {
namespace {

constexpr uint64_t kKibibyte = 1024;
constexpr uint64_t kMebibyte = kKibibyte * kKibibyte;

std::string Trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return "";
  return std::string(
      text.substr(first, text.find_last_not_of(kSpace) - first + 1));
}

// What follows `label` and a colon on the first such line of `path`.
std::optional<std::string> Lookup(const char* path, std::string_view label) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    if (Trimmed(std::string_view(line).substr(0, colon)) != label) continue;
    return Trimmed(std::string_view(line).substr(colon + 1));
  }
  return std::nullopt;
}

std::optional<std::string> FirstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  return Trimmed(line);
}

std::optional<uint64_t> LeadingNumber(std::string_view text) {
  uint64_t number = 0;
  const auto result =
      std::from_chars(text.data(), text.data() + text.size(), number);
  if (result.ec != std::errc()) return std::nullopt;
  return number;
}

// A field of /proc/meminfo in bytes.
std::optional<uint64_t> MemoryField(std::string_view label) {
  const std::optional<std::string> text = Lookup("/proc/meminfo", label);
  if (!text) return std::nullopt;
  const std::optional<uint64_t> kibibytes = LeadingNumber(*text);
  if (!kibibytes) return std::nullopt;
  return *kibibytes * kKibibyte;
}

// The limit of the control group (version 2), if there is one.
std::optional<uint64_t> MemoryLimit() {
  const std::optional<std::string> group = FirstLine("/proc/self/cgroup");
  constexpr std::string_view kVersion2 = "0::";
  if (!group || !group->starts_with(kVersion2)) return std::nullopt;
  const std::optional<std::string> limit = FirstLine(
      "/sys/fs/cgroup" + group->substr(kVersion2.size()) + "/memory.max");
  if (!limit) return std::nullopt;
  return LeadingNumber(*limit);
}

// A mount whose directory is the longest that `path` lies in, as "ext4 on
// /dev/sda1 (rw,relatime)".
std::optional<std::string> FileSystemOf(const std::string& path) {
  std::error_code error;
  const std::string real =
      std::filesystem::weakly_canonical(path, error).string();
  if (error) return std::nullopt;
  // Device, directory, type, options, and two numbers; the last mount on a
  // directory hides the ones before.
  std::ifstream mounts("/proc/self/mounts");
  std::optional<std::string> found;
  size_t longest = 0;
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string device, directory, type, options;
    if (!(words >> device >> directory >> type >> options)) continue;
    if (directory != "/" && real != directory &&
        !real.starts_with(directory + "/")) {
      continue;
    }
    if (directory.size() < longest) continue;
    longest = directory.size();
    found = absl::StrFormat("%s on %s (%s)", type, device, options);
  }
  return found;
}

// Whether the kernel takes memory back that nobody uses, and after which time:
// what is idle for longer, as the data of a store that waits for its turn in a
// comparison, then comes from the device again. Looks at the first DAMON thread
// and its first scheme.
std::optional<std::string> IdleMemory() {
  const std::string thread = "/sys/kernel/mm/damon/admin/kdamonds/0";
  const std::string context = thread + "/contexts/0";
  if (FirstLine(thread + "/state") != "on" ||
      FirstLine(context + "/schemes/0/action") != "pageout") {
    return std::nullopt;
  }
  const auto number = [&](const char* file) {
    return LeadingNumber(FirstLine(context + file).value_or("")).value_or(0);
  };
  constexpr uint64_t kMicrosPerSecond = 1000000;
  const uint64_t seconds = number("/schemes/0/access_pattern/age/min") *
                           number("/monitoring_attrs/intervals/aggr_us") /
                           kMicrosPerSecond;
  return absl::StrFormat(
      "DAMON writes back and drops pages that were not used for %d s", seconds);
}

std::string Build() {
  std::string build =
#ifdef NDEBUG
      "assertions off";
#else
      "assertions on";
#endif
#ifdef __OPTIMIZE__
  build += ", optimised";
#else
  build += ", not optimised";
#endif
#ifdef __AVX2__
  build += ", AVX2";
#endif
#ifdef __clang__
  return build + ", clang " __clang_version__;
#else
  return build + ", g++ " __VERSION__;
#endif
}

}  // namespace

std::vector<SheetLine> MachineSheet(const std::string& path) {
  std::vector<SheetLine> sheet;
  const auto add = [&sheet](std::string label,
                            const std::optional<std::string>& text) {
    if (text) sheet.emplace_back(std::move(label), *text);
  };
  add("Date", absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", absl::Now(),
                               absl::UTCTimeZone()));
  const unsigned cpus = std::thread::hardware_concurrency();
  add("CPU", absl::StrFormat(
                 "%d * %s", cpus,
                 Lookup("/proc/cpuinfo", "model name").value_or("unknown")));
  add("CPUCache", Lookup("/proc/cpuinfo", "cache size"));
  utsname names;
  if (uname(&names) == 0) {
    add("Kernel", absl::StrFormat("%s %s %s", names.sysname, names.release,
                                  names.machine));
  }
  if (const std::optional<uint64_t> total = MemoryField("MemTotal")) {
    std::string memory = absl::StrFormat("%d MiB", *total / kMebibyte);
    const std::optional<uint64_t> limit = MemoryLimit();
    if (limit) {
      absl::StrAppendFormat(&memory, ", this process up to %d MiB",
                            *limit / kMebibyte);
    }
    add("Memory", memory);
  }
  add("HugePages", FirstLine("/sys/kernel/mm/transparent_hugepage/enabled"));
  add("IdleMemory", IdleMemory());
  add("FileSystem", FileSystemOf(path));
  add("Build", Build());
  return sheet;
}

std::vector<std::string> BuildWarnings() {
  std::vector<std::string> warnings;
#ifndef __OPTIMIZE__
  warnings.push_back(
      "WARNING: Optimization is disabled: benchmarks unnecessarily slow");
#endif
#ifndef NDEBUG
  warnings.push_back(
      "WARNING: Assertions are enabled; benchmarks unnecessarily slow "
      "(build with --config=opt)");
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  warnings.push_back(
      "WARNING: A sanitizer is enabled; benchmarks unnecessarily slow");
#endif
  return warnings;
}

uint64_t AvailableMemoryBytes() {
  const uint64_t available = MemoryField("MemAvailable").value_or(0);
  return std::min(available, MemoryLimit().value_or(UINT64_MAX));
}

std::string SheetToText(const std::vector<SheetLine>& sheet) {
  size_t width = 0;
  for (const auto& [label, text] : sheet) {
    width = std::max(width, label.size());
  }
  std::string lines;
  for (const auto& [label, text] : sheet) {
    absl::StrAppendFormat(&lines, "%-*s %s\n", static_cast<int>(width + 1),
                          label + ":", text);
  }
  return lines;
}

}  // namespace quire::benchmarks
