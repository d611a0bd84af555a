#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "benchmarks/compare/bars.h"

namespace quire::benchmarks {
namespace {

// The number that counts, of one sample of each.
double RatioOf(const Bar& bar, bool more_is_better, double own, double other) {
  if (bar.against == Against::kNothing) return own;
  return more_is_better || bar.at_most ? own / other : other / own;
}

Verdict JudgeOne(const Results& results, const Bar& bar,
                 const std::string& contender) {
  Verdict verdict = {
      .bar = &bar, .contender = contender, .against = {}, .ratio = {}};
  const Row* const row = results.Find(bar.row);
  const Series* const own = row == nullptr ? nullptr : row->Find(contender);
  if (own == nullptr) return verdict;
  const Series* other = own;  // a stand-in where there is nothing else
  if (bar.against == Against::kBestPeer) {
    other = results.Best(bar.row, Side::kPeer);
  } else if (bar.against == Against::kSeries) {
    const std::string& peers_of = row->info.peers_of;
    const Row* const others = peers_of.empty() ? row : results.Find(peers_of);
    other = others == nullptr ? nullptr : others->Find(bar.series);
  }
  if (other == nullptr) return verdict;
  if (other != own) verdict.against = other->name;
  const bool more = row->info.more_is_better;
  verdict.ratio = RatioOf(bar, more, own->Median(), other->Median());
  verdict.low = verdict.high = *verdict.ratio;
  const bool in_pairs = own->samples.size() == other->samples.size();
  for (size_t i = 0; i < own->samples.size(); ++i) {
    const double ratio =
        RatioOf(bar, more, own->samples[i],
                in_pairs ? other->samples[i] : other->Median());
    verdict.low = std::min(verdict.low, ratio);
    verdict.high = std::max(verdict.high, ratio);
  }
  return verdict;
}

std::string ResultOf(const Verdict& verdict) {
  if (verdict.met()) return "met";
  return absl::StrFormat("**missed by %.0f %%**",
                         std::ceil(100 * verdict.missing()));
}

std::string Required(const Bar& bar) {
  return absl::StrFormat(bar.at_most ? "<= %g" : ">= %g", bar.required);
}

}  // namespace

bool Verdict::met() const { return ratio.has_value() && missing() == 0; }

double Verdict::missing() const {
  if (!ratio.has_value()) return 0;
  const double part =
      bar->at_most ? *ratio / bar->required - 1 : 1 - *ratio / bar->required;
  return std::max(part, 0.0);
}

std::vector<Verdict> Judge(const Results& results, std::span<const Bar> bars) {
  std::vector<Verdict> verdicts;
  for (const Bar& bar : bars) {
    for (const std::string& contender :
         std::vector<std::string>(absl::StrSplit(bar.contenders, ','))) {
      verdicts.push_back(JudgeOne(results, bar, contender));
    }
  }
  return verdicts;
}

std::string VerdictsToText(std::span<const Verdict> verdicts) {
  std::vector<const Verdict*> measured;
  std::string others;
  for (const Verdict& verdict : verdicts) {
    if (verdict.ratio.has_value()) {
      measured.push_back(&verdict);
    } else {
      absl::StrAppendFormat(&others, "- %s. %s: %s\n", verdict.bar->number,
                            verdict.bar->text, verdict.contender);
    }
  }
  // Of those that are met nothing is missing.
  std::stable_sort(measured.begin(), measured.end(),
                   [](const Verdict* a, const Verdict* b) {
                     return a->missing() > b->missing();
                   });
  std::vector<std::vector<std::string>> lines = {
      {"goal", "of", "required", "measured", "rounds", "against", "verdict"}};
  for (const Verdict* const verdict : measured) {
    const Bar& bar = *verdict->bar;
    lines.push_back({absl::StrFormat("%s. %s", bar.number, bar.text),
                     verdict->contender, Required(bar),
                     absl::StrFormat("%.2f", *verdict->ratio),
                     absl::StrFormat("%.2f-%.2f", verdict->low, verdict->high),
                     verdict->against, ResultOf(*verdict)});
  }
  std::string text = PaddedTable(lines);
  if (!others.empty()) text += "\nNot measured:\n" + others;
  return text;
}

nlohmann::ordered_json VerdictsToJson(std::span<const Verdict> verdicts) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const Verdict& verdict : verdicts) {
    nlohmann::ordered_json one;
    one["goal"] = verdict.bar->number;
    one["text"] = verdict.bar->text;
    one["row"] = verdict.bar->row;
    one["contender"] = verdict.contender;
    one["against"] = verdict.against;
    one[verdict.bar->at_most ? "at_most" : "at_least"] = verdict.bar->required;
    if (verdict.ratio.has_value()) {
      one["measured"] = *verdict.ratio;
      one["low"] = verdict.low;
      one["high"] = verdict.high;
      one["met"] = verdict.met();
    }
    json.push_back(one);
  }
  return json;
}

}  // namespace quire::benchmarks
