#include "benchmarks/cpu_share.h"

#include <ctime>

namespace quire::benchmarks {
namespace {

double Seconds(clockid_t clock) {
  timespec time = {};
  // Both clocks exist on every Linux.
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) +
         static_cast<double>(time.tv_nsec) * 1e-9;
}

}  // namespace

CpuShare::CpuShare()
    : wall_s_(Seconds(CLOCK_MONOTONIC)),
      cpu_s_(Seconds(CLOCK_THREAD_CPUTIME_ID)) {}

double CpuShare::Get() const {
  const double wall_s = Seconds(CLOCK_MONOTONIC) - wall_s_;
  if (wall_s <= 0) return 1;
  return (Seconds(CLOCK_THREAD_CPUTIME_ID) - cpu_s_) / wall_s;
}

}  // namespace quire::benchmarks
