// SPDX-License-Identifier: Apache-2.0
#include "doctor_format.h"

#include <fmt/format.h>

#include <cmath>
#include <iterator>
#include <string_view>

#include "byte_size.h"
#include "json_writer.h"

namespace waterline::cli {
namespace {

std::string DescribeError(const CheckResult& check) {
  if (check.tolerance == 0) return check.error == 0 ? "equal" : "not equal";
  return fmt::format("{:.1e} of {:.1e}", check.error, check.tolerance);
}

void AppendCheck(const CheckResult& check, std::string& text) {
  std::string cases =
      fmt::format("{} case{}", FormatCount(check.cases), check.cases == 1 ? "" : "s");
  if (check.left_out > 0) cases += fmt::format(" ({} left out)", check.left_out);
  std::string found = check.compared ? DescribeError(check) : "";
  if (!check.detail.empty()) found += (found.empty() ? "" : "; ") + check.detail;
  fmt::format_to(std::back_inserter(text), "    {:<6}{:<28}{:<26}{}\n", check.ok() ? "ok" : "FAIL",
                 check.name, cases, found);
  for (const std::string& failure : check.failures) {
    fmt::format_to(std::back_inserter(text), "          {}\n", failure);
  }
  const auto told = static_cast<int64_t>(check.failures.size());
  if (check.failed > told) {
    fmt::format_to(std::back_inserter(text), "          and {} more\n",
                   FormatCount(check.failed - told));
  }
}

void AppendFacts(std::string_view heading, const std::vector<Fact>& facts, std::string& text) {
  fmt::format_to(std::back_inserter(text), "{}\n", heading);
  for (const Fact& fact : facts) {
    fmt::format_to(std::back_inserter(text), "  {:<25} {}\n", fact.name, fact.value);
  }
}

std::string DescribeRate(double rate) {
  return rate >= 1e12 ? fmt::format("{:.1f} TFLOP/s", rate * 1e-12)
                      : fmt::format("{:.1f} GFLOP/s", rate * 1e-9);
}

void AppendProcessor(const ProcessorReport& processor, std::string& text) {
  AppendFacts(processor.name, processor.facts, text);
  for (const CheckSection& section : processor.sections) {
    fmt::format_to(std::back_inserter(text), "  {}\n", section.name);
    for (const CheckResult& check : section.checks) AppendCheck(check, text);
  }
  if (!processor.speeds.empty()) {
    fmt::format_to(std::back_inserter(text), "  speed; peak: {}\n", processor.peak);
    for (const SpeedResult& speed : processor.speeds) {
      const std::string share = speed.peak > 0
                                    ? fmt::format("{:.0f} % of {}", 100 * speed.rate / speed.peak,
                                                  DescribeRate(speed.peak))
                                    : "peak not known";
      fmt::format_to(std::back_inserter(text), "    {:<60}{:<18}{}\n", speed.name,
                     DescribeRate(speed.rate), share);
    }
  }
}

// Numbers that are not finite have no form in JSON.
void Number(JsonWriter& json, std::string_view name, double value) {
  json.Key(name);
  if (std::isfinite(value)) {
    json.Double(value);
  } else {
    json.String(std::isnan(value) ? "NaN" : "Infinity");
  }
}

void Facts(JsonWriter& json, std::string_view name, const std::vector<Fact>& facts) {
  json.Key(name);
  json.StartObject();
  for (const Fact& fact : facts) json.Field(fact.name, fact.value);
  json.EndObject();
}

void Check(JsonWriter& json, const CheckResult& check) {
  json.StartObject();
  json.Field("name", check.name);
  json.Key("ok");
  json.Bool(check.ok());
  json.IntField("cases", check.cases);
  json.IntField("left_out", check.left_out);
  json.IntField("failed", check.failed);
  if (check.compared) {
    Number(json, "error", check.error);
    Number(json, "tolerance", check.tolerance);
  }
  json.Field("detail", check.detail);
  json.Key("failures");
  json.StartArray();
  for (const std::string& failure : check.failures) json.String(failure);
  json.EndArray();
  json.EndObject();
}

void Processor(JsonWriter& json, const ProcessorReport& processor) {
  json.StartObject();
  json.Field("name", processor.name);
  Facts(json, "facts", processor.facts);
  json.Key("sections");
  json.StartArray();
  for (const CheckSection& section : processor.sections) {
    json.StartObject();
    json.Field("name", section.name);
    json.Key("checks");
    json.StartArray();
    for (const CheckResult& check : section.checks) Check(json, check);
    json.EndArray();
    json.EndObject();
  }
  json.EndArray();
  json.Field("peak", processor.peak);
  json.Key("speeds");
  json.StartArray();
  for (const SpeedResult& speed : processor.speeds) {
    json.StartObject();
    json.Field("name", speed.name);
    Number(json, "flops", speed.rate);
    Number(json, "peak_flops", speed.peak);
    json.EndObject();
  }
  json.EndArray();
  Number(json, "seconds", processor.seconds);
  json.EndObject();
}

}  // namespace

std::string DescribeDoctorResult(const DoctorReport& report) {
  if (report.failed() == 0)
    return fmt::format("all {} checks are ok", FormatCount(report.checks()));
  return fmt::format("{} of {} checks failed", FormatCount(report.failed()),
                     FormatCount(report.checks()));
}

std::string FormatDoctorReport(const DoctorReport& report) {
  std::string text;
  AppendFacts("machine", report.machine, text);
  AppendFacts("model", report.model, text);
  if (!report.no_gpu.empty()) {
    AppendFacts("GPU", {{"none was checked", report.no_gpu}}, text);
  }
  for (const ProcessorReport& processor : report.processors) AppendProcessor(processor, text);
  fmt::format_to(std::back_inserter(text), "result\n  {}, in {:.0f} s\n",
                 DescribeDoctorResult(report), report.seconds);
  return text;
}

std::string FormatDoctorReportJson(const DoctorReport& report) {
  std::string text;
  JsonWriter json(text);
  json.StartObject();
  json.Key("ok");
  json.Bool(report.failed() == 0);
  json.IntField("checks", report.checks());
  json.IntField("failed", report.failed());
  Facts(json, "machine", report.machine);
  Facts(json, "model", report.model);
  json.Field("no_gpu", report.no_gpu);
  json.Key("processors");
  json.StartArray();
  for (const ProcessorReport& processor : report.processors) Processor(json, processor);
  json.EndArray();
  Number(json, "seconds", report.seconds);
  json.EndObject();
  text += '\n';
  return text;
}

}  // namespace waterline::cli
