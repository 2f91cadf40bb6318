// SPDX-License-Identifier: Apache-2.0
#include "fair_queue.h"

#include <algorithm>

namespace waterline::server {

int64_t EstimateTokens(const JobText& text) {
  constexpr int64_t kBytesPerToken = 4;
  int64_t bytes = static_cast<int64_t>(text.text.size());
  int64_t tokens = 2;
  if (text.labels != nullptr) {
    for (const Label& label : *text.labels) {
      bytes +=
          static_cast<int64_t>((label.description.empty() ? label.name : label.description).size());
      ++tokens;  // Its marker.
    }
  }
  return tokens + bytes / kBytesPerToken;
}

void FairQueue::Push(std::shared_ptr<Job> job) {
  const auto [flow, added] = flows_.try_emplace(job->client);
  if (added) {
    flow->second.start = now_;
    order_.emplace(now_, flow->first);
  }
  for (size_t i = job->next; i < job->texts.size(); ++i) tokens_ += EstimateTokens(job->texts[i]);
  arrivals_.insert(job->queued);
  ++jobs_;
  flow->second.jobs.push_back(std::move(job));
}

std::vector<BatchText> FairQueue::Take(int64_t tokens) {
  std::vector<BatchText> taken;
  std::vector<std::pair<double, std::string>> passed;  // Clients whose settings are others.
  int64_t sum = 0;
  while (!order_.empty()) {
    const Flows::iterator flow = flows_.find(order_.begin()->second);
    const Job& job = *flow->second.jobs.front();
    const int64_t cost = EstimateTokens(job.texts[job.next]);
    if (!taken.empty()) {
      if (!(job.settings == taken.front().job->settings)) {
        passed.push_back(*order_.begin());
        order_.erase(order_.begin());
        continue;
      }
      if (sum + cost > tokens) break;
    }
    sum += cost;
    const bool alone = job.settings.kind != JobKind::kExtract;
    TakeText(flow, taken);
    if (alone) break;
  }
  order_.insert(passed.begin(), passed.end());
  return taken;
}

void FairQueue::TakeText(Flows::iterator flow, std::vector<BatchText>& taken) {
  std::list<std::shared_ptr<Job>>& jobs = flow->second.jobs;
  const std::shared_ptr<Job> job = jobs.front();
  const int64_t cost = EstimateTokens(job->texts[job->next]);
  order_.erase({flow->second.start, flow->first});
  now_ = std::max(now_, flow->second.start);
  flow->second.start = std::max(now_, flow->second.start) + static_cast<double>(cost);
  tokens_ -= cost;
  taken.push_back({job, job->next++});
  if (job->next == job->texts.size()) {
    arrivals_.erase(arrivals_.find(job->queued));
    --jobs_;
    jobs.pop_front();
  }
  if (jobs.empty()) {
    flows_.erase(flow);
  } else {
    order_.emplace(flow->second.start, flow->first);
  }
  if (flows_.empty()) now_ = 0;
}

bool FairQueue::Remove(const Job& job) {
  const Flows::iterator flow = flows_.find(job.client);
  if (flow == flows_.end()) return false;
  std::list<std::shared_ptr<Job>>& jobs = flow->second.jobs;
  const auto found = std::find_if(jobs.begin(), jobs.end(), [&](const std::shared_ptr<Job>& each) {
    return each.get() == &job;
  });
  if (found == jobs.end()) return false;
  for (size_t i = job.next; i < job.texts.size(); ++i) tokens_ -= EstimateTokens(job.texts[i]);
  arrivals_.erase(arrivals_.find(job.queued));
  --jobs_;
  jobs.erase(found);
  if (jobs.empty()) {
    order_.erase({flow->second.start, flow->first});
    flows_.erase(flow);
  }
  return true;
}

std::optional<Clock::time_point> FairQueue::oldest() const {
  if (arrivals_.empty()) return std::nullopt;
  return *arrivals_.begin();
}

}  // namespace waterline::server
