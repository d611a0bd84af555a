#include "benchmarks/compare/results.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "benchmarks/growth_report.h"

namespace quire::benchmarks {
namespace {

std::string SceneOf(const Row& row) {
  return row.info.id.substr(0, row.info.id.find('/'));
}

// The rows of one scene, as a table.
class SceneTable {
 public:
  SceneTable(const Results& results, std::string scene)
      : results_(results), scene_(std::move(scene)) {
    for (const Row& row : results.rows()) {
      if (SceneOf(row) != scene_) continue;
      for (const Series& series : row.series) {
        if (std::find(names_.begin(), names_.end(), series.name) ==
            names_.end()) {
          names_.push_back(series.name);
        }
      }
    }
  }

  std::string Text() {
    std::vector<std::string> head = {scene_};
    head.insert(head.end(), names_.begin(), names_.end());
    head.emplace_back("quire's best : peers' best");
    lines_ = {std::move(head)};
    AddRows("**A peer is better:**", true);
    AddRows(lines_.size() > 1 ? "**Quire is better, or alone:**" : "", false);
    return PaddedTable(lines_);
  }

 private:
  // How many times better the best of Quire is; 0 if there is nothing to
  // compare.
  double Ratio(const Row& row) const {
    const Series* const own = results_.Best(row.info.id, Side::kQuire);
    const Series* const peer = results_.Best(row.info.id, Side::kPeer);
    if (own == nullptr || peer == nullptr) return 0;
    const bool more = row.info.more_is_better;
    const double better = more ? own->Median() : peer->Median();
    const double worse = more ? peer->Median() : own->Median();
    return worse == 0 ? 0 : better / worse;
  }

  void AddRows(const std::string& title, bool lost) {
    bool first = !title.empty();
    for (const Row& row : results_.rows()) {
      const double ratio = Ratio(row);
      if (SceneOf(row) != scene_ || (ratio > 0 && ratio < 1) != lost) continue;
      if (first) lines_.push_back({title});
      first = false;
      std::vector<std::string> line = {row.info.title};
      for (const std::string& name : names_) {
        const Series* const series = row.Find(name);
        line.push_back(
            series == nullptr
                ? ""
                : absl::StrFormat("%.*f", row.info.decimals, series->Median()));
      }
      line.push_back(
          ratio == 0
              ? ""
              : absl::StrFormat("%.2f x %s", ratio,
                                results_.Best(row.info.id, Side::kPeer)->name));
      lines_.push_back(std::move(line));
    }
  }

  const Results& results_;
  const std::string scene_;
  std::vector<std::string> names_;
  std::vector<std::vector<std::string>> lines_;
};

std::vector<std::string> Scenes(const Results& results) {
  std::vector<std::string> scenes;
  for (const Row& row : results.rows()) {
    const std::string scene = SceneOf(row);
    if (std::find(scenes.begin(), scenes.end(), scene) == scenes.end()) {
      scenes.push_back(scene);
    }
  }
  return scenes;
}

}  // namespace

double Series::Median() const { return MedianOf(samples); }

const Series* Row::Find(std::string_view name) const {
  for (const Series& one : series) {
    if (one.name == name) return &one;
  }
  return nullptr;
}

void Results::Add(const RowInfo& info, std::string_view name, Side side,
                  double sample) {
  auto row = std::find_if(rows_.begin(), rows_.end(), [&](const Row& other) {
    return other.info.id == info.id;
  });
  if (row == rows_.end()) {
    rows_.push_back({.info = info, .series = {}});
    row = rows_.end() - 1;
  }
  auto series =
      std::find_if(row->series.begin(), row->series.end(),
                   [&](const Series& other) { return other.name == name; });
  if (series == row->series.end()) {
    row->series.push_back(
        {.name = std::string(name), .side = side, .samples = {}});
    series = row->series.end() - 1;
  }
  series->samples.push_back(sample);
}

void Results::Note(const std::string& text) {
  if (std::find(notes_.begin(), notes_.end(), text) != notes_.end()) return;
  notes_.push_back(text);
}

const Row* Results::Find(std::string_view id) const {
  for (const Row& row : rows_) {
    if (row.info.id == id) return &row;
  }
  return nullptr;
}

const Series* Results::Best(std::string_view id, Side side) const {
  const Row* row = Find(id);
  if (row != nullptr && side == Side::kPeer && !row->info.peers_of.empty()) {
    row = Find(row->info.peers_of);
  }
  if (row == nullptr) return nullptr;
  const Series* best = nullptr;
  for (const Series& series : row->series) {
    if (series.side != side) continue;
    if (best == nullptr ||
        (row->info.more_is_better ? series.Median() > best->Median()
                                  : series.Median() < best->Median())) {
      best = &series;
    }
  }
  return best;
}

std::string ResultsToText(const Results& results) {
  std::string text;
  for (const std::string& scene : Scenes(results)) {
    text += SceneTable(results, scene).Text() + "\n";
  }
  return text;
}

nlohmann::ordered_json ResultsToJson(const Results& results) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (const Row& row : results.rows()) {
    const std::string scene = SceneOf(row);
    nlohmann::ordered_json& one =
        json[scene][row.info.id.substr(scene.size() + 1)];
    one["title"] = row.info.title;
    for (const Series& series : row.series) {
      one["samples"][series.name] = series.samples;
    }
  }
  return json;
}

std::string PaddedTable(std::span<const std::vector<std::string>> lines) {
  std::vector<size_t> widths;
  for (const auto& line : lines) {
    // A line of one cell is a title, which may stick out.
    if (line.size() == 1) continue;
    widths.resize(std::max(widths.size(), line.size()), 3);
    for (size_t i = 0; i < line.size(); ++i) {
      widths[i] = std::max(widths[i], line[i].size());
    }
  }
  std::string text;
  for (size_t number = 0; number < lines.size(); ++number) {
    for (size_t i = 0; i < widths.size(); ++i) {
      const std::string cell = i < lines[number].size() ? lines[number][i] : "";
      const auto width = static_cast<int>(widths[i]);
      absl::StrAppendFormat(&text, i == 0 ? "| %-*s " : "| %*s ", width, cell);
    }
    text += "|\n";
    if (number > 0) continue;
    for (size_t i = 0; i < widths.size(); ++i) {
      text += "|" + std::string(widths[i] + 1, '-') + (i == 0 ? "-" : ":");
    }
    text += "|\n";
  }
  return text;
}

}  // namespace quire::benchmarks
