// How much of the processor a thread got.
#ifndef QUIRE_BENCHMARKS_CPU_SHARE_H_
#define QUIRE_BENCHMARKS_CPU_SHARE_H_

namespace quire::benchmarks {

// From its construction on, for the thread that constructed it. Not
// thread-safe.
class CpuShare {
 public:
  CpuShare();

  // Processor time over time of the clock since the construction, 0 to 1 but
  // for rounding: 1 unless the thread waited or others ran in its place.
  double Get() const;

 private:
  const double wall_s_;
  const double cpu_s_;
};

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_CPU_SHARE_H_
