// SPDX-License-Identifier: Apache-2.0
#include "json_body.h"

#include <gtest/gtest.h>

#include <string>

#include "pages.h"
#include "request_settings.h"

namespace waterline::server {
namespace {

std::optional<Problem> Parse(std::string json, const JsonLimits& limits = {}) {
  rapidjson::Document document;
  return ParseJson(json, limits, document);
}

// What the schema `name` finds wrong with `json`, as "field: message"; "" for nothing.
std::string Check(const std::string& name, std::string json) {
  static const Schemas schemas(kOpenApi);
  rapidjson::Document document;
  if (const auto problem = ParseJson(json, {}, document)) return problem->message;
  const auto problem = schemas.Check(name, document);
  if (!problem) return "";
  EXPECT_EQ(problem->status, 422);
  return problem->field + ": " + problem->message;
}

TEST(JsonBody, WhatIsNotJsonIsMalformed) {
  for (const char* json : {"", "{", "{\"a\":}", "nul", "[1] 2", "{\"a\":\"\xff\"}", "\"\\ud800\"",
                           "{'a':1}", "[01]"}) {
    const auto problem = Parse(json);
    ASSERT_TRUE(problem.has_value()) << json;
    EXPECT_EQ(problem->status, 400) << json;
  }
  EXPECT_EQ(Parse(std::string("{}\0{", 4))->status, 400);
}

TEST(JsonBody, DepthAndNumberOfValuesAreLimited) {
  const std::string deep = std::string(17, '[') + std::string(17, ']');
  EXPECT_EQ(Parse(deep)->code, "too_deep");
  EXPECT_EQ(Parse(std::string(100'000, '['))->code, "too_deep");
  EXPECT_FALSE(Parse(deep.substr(1, 32)).has_value());
  EXPECT_EQ(Parse("[1,2,3]", {.depth = 2, .values = 3})->code, "too_many_values");
  EXPECT_FALSE(Parse("[1,2]", {.depth = 2, .values = 3}).has_value());
}

TEST(JsonBody, AProblemNamesItsField) {
  const auto check = [](const char* json) { return Check("EntitiesRequest", json); };
  EXPECT_EQ(check(R"({"text":"a","labels":["b"]})"), "");
  EXPECT_EQ(check(R"({"text":["a","c"],"labels":{"b":null,"c":"d","e":{"threshold":0.1}}})"), "");
  EXPECT_EQ(check(R"({"text":"a"})"), "/labels: \"/labels\" is missing");
  EXPECT_EQ(check(R"({"labels":["b"]})"), "/text: \"/text\" is missing");
  EXPECT_EQ(check(R"({"text":3,"labels":["b"]})"),
            "/text: \"/text\" must be of type string or array");
  EXPECT_EQ(check(R"({"text":["a",null],"labels":["b"]})"),
            "/text/1: \"/text/1\" must be of type string");
  EXPECT_EQ(check(R"({"text":"a","labels":[]})"),
            "/labels: \"/labels\" must have at least 1 items");
  EXPECT_EQ(check(R"({"text":"a","labels":["b",""]})"),
            "/labels/1: \"/labels/1\" must have at least 1 characters");
  EXPECT_EQ(check(R"({"text":"a","labels":[{"name":"b","x":1}]})"),
            "/labels/0/x: \"/labels/0/x\" is not known");
  EXPECT_EQ(check(R"({"text":"a","labels":["b"],"threshold":1.5})"),
            "/threshold: \"/threshold\" must be at most 1");
  EXPECT_EQ(check(R"({"text":"a","labels":["b"],"offsets":"lines"})"),
            "/offsets: \"/offsets\" must be one of codepoints, bytes, utf16");
  EXPECT_EQ(check(R"({"text":"a","labels":["b"],"labels_per_pass":3.0,"threshold":1.0})"), "");
  EXPECT_EQ(check(R"({"text":"a","labels":["b"],"labels_per_pass":3.5})"),
            "/labels_per_pass: \"/labels_per_pass\" must be of type integer");
  EXPECT_EQ(check("[]"), ": the body must be of type object");
}

TEST(JsonBody, EveryRouteHasItsSchema) {
  EXPECT_EQ(Check("RelationsRequest", R"({"text":"a","labels":["b"]})"),
            "/relations: \"/relations\" is missing");
  EXPECT_EQ(Check("RedactRequest", R"({"text":"a","preset":"pii"})"), "");
  EXPECT_EQ(Check("RedactRequest", R"({"text":"a"})"),
            "/labels: \"/labels\" is missing, and so is \"preset\"");
  EXPECT_EQ(Check("RedactRequest", R"({"text":"a","labels":["b"],"replacement":"mask"})"), "");
  EXPECT_EQ(Check("PlanRequest", R"({"text":["a"],"labels":["b"]})"),
            "/text: \"/text\" must be of type string");
  EXPECT_EQ(Check("LabelEmbeddingsRequest", R"({"labels":["b"]})"), "");
  EXPECT_EQ(Check("EntitiesLine", R"({"labels":["b"]})"), "");
  EXPECT_EQ(Check("RelationsLine", R"({"id":1,"text":"a"})"), "");
  EXPECT_EQ(Check("RedactLine", R"({"id":[]})"), "/id: \"/id\" must be of type string or integer");
}

TEST(RequestSettings, AFieldTwiceIsAProblem) {
  rapidjson::Document document;
  document.Parse(R"({"threshold":0.1,"threshold":0.2})");
  RequestSettings settings;
  const auto problem = ReadSettings(document, settings);
  ASSERT_TRUE(problem.has_value());
  EXPECT_EQ(problem->field, "/threshold");
}

TEST(RequestSettings, EveryFieldIsRead) {
  rapidjson::Document document;
  document.Parse(R"({"model":"m","labels":["a",{"name":"b","description":"c","threshold":0.25}],
    "relations":["r"],"threshold":0.5,"relation_threshold":0.125,"adjacency_threshold":0.75,
    "nested":true,"multi_label":true,"truncate":true,"labels_per_pass":3,"offsets":"utf16",
    "replacement":"word","word":"X","timeout":0.0015})");
  RequestSettings settings;
  ASSERT_FALSE(ReadSettings(document, settings).has_value());
  EXPECT_EQ(settings.model, "m");
  ASSERT_EQ(settings.labels->size(), 2u);
  EXPECT_EQ((*settings.labels)[1].name, "b");
  EXPECT_EQ((*settings.labels)[1].description, "c");
  EXPECT_EQ((*settings.labels)[1].threshold, 0.25f);
  EXPECT_EQ(*settings.relations, std::vector<std::string>{"r"});
  EXPECT_EQ(settings.call,
            (CallSettings{JobKind::kExtract, true, true, true, Offsets::kUtf16, 0.125f, 0.75f, 3}));
  EXPECT_EQ(settings.redaction.word, "X");
  EXPECT_EQ(settings.timeout, std::chrono::milliseconds(2));
}

}  // namespace
}  // namespace waterline::server
