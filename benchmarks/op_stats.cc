#include "benchmarks/op_stats.h"

#include <algorithm>
#include <utility>

namespace quire::benchmarks {

OpStats::OpStats(bool histogram)
    : histogram_(histogram ? std::make_unique<Histogram>() : nullptr) {}

void OpStats::ShowProgress(std::string label, uint64_t total) {
  progress_ = std::make_unique<Progress>(std::move(label), total);
}

void OpStats::Start() {
  if (histogram_ != nullptr) *histogram_ = Histogram();
  ops_ = bytes_ = found_ = asked_ = 0;
  lookups_ = false;
  message_.clear();
  thread_seconds_ = 0;
  start_ = stop_ = last_op_ = Clock::now();
}

void OpStats::Stop() {
  stop_ = Clock::now();
  thread_seconds_ = std::chrono::duration<double>(stop_ - start_).count();
  progress_.reset();
}

void OpStats::RecordDuration() {
  const Clock::time_point now = Clock::now();
  histogram_->Add(
      static_cast<uint64_t>(std::chrono::nanoseconds(now - last_op_).count()));
  last_op_ = now;
}

void OpStats::AddMessage(const std::string& message) {
  if (!message_.empty()) message_ += ' ';
  message_ += message;
}

void OpStats::Merge(const OpStats& other) {
  if (histogram_ != nullptr) histogram_->Merge(*other.histogram_);
  ops_ += other.ops_;
  bytes_ += other.bytes_;
  lookups_ |= other.lookups_;
  found_ += other.found_;
  asked_ += other.asked_;
  if (message_.empty()) message_ = other.message_;
  thread_seconds_ += other.thread_seconds_;
  start_ = std::min(start_, other.start_);
  stop_ = std::max(stop_, other.stop_);
}

double OpStats::wall_seconds() const {
  return std::chrono::duration<double>(stop_ - start_).count();
}

}  // namespace quire::benchmarks
