// What the presets take for addresses, user names, passwords and dates of birth by their form.
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "redaction/patterns.h"
#include "redaction/presets.h"
#include "redaction/rules.h"

namespace waterline::redaction {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// What the patterns of the preset pii find under `label`, of overlapping ones the longest.
std::vector<std::string> Found(std::string_view label, std::string_view text) {
  static const Rules rules = *ParseRules(*PresetText("pii"), "pii");
  static const PatternSet patterns = *PatternSet::Compile(rules.patterns);
  std::vector<std::string> found;
  size_t end = 0;
  std::vector<PatternMatch> matches = *patterns.Find(text);
  std::stable_sort(matches.begin(), matches.end(), [](const auto& a, const auto& b) {
    return a.byte_start != b.byte_start ? a.byte_start < b.byte_start : a.byte_end > b.byte_end;
  });
  for (const PatternMatch& match : matches) {
    if (rules.patterns[match.rule].label != label || match.byte_start < end) continue;
    end = match.byte_end;
    found.emplace_back(text.substr(match.byte_start, match.byte_end - match.byte_start));
  }
  return found;
}

TEST(Addresses, OfEnglishStreets) {
  EXPECT_THAT(Found("address", "Send it to 10 Downing Street, please."),
              ElementsAre("10 Downing Street"));
  EXPECT_THAT(Found("address", "at 1600 Pennsylvania Ave. NW or 221B Baker St"),
              ElementsAre("1600 Pennsylvania Ave.", "221B Baker St"));
  EXPECT_THAT(Found("address", "350 Fifth Avenue, Suite 3300"),
              ElementsAre("350 Fifth Avenue, Suite 3300"));
  EXPECT_THAT(Found("address", "12 N. Main Street, Springfield, IL 62704"),
              ElementsAre("12 N. Main Street, Springfield, IL 62704"));
}

TEST(Addresses, OfStreetsThatOnlyThePostalCodeTells) {
  EXPECT_THAT(Found("address", "1 Infinite Loop, Cupertino, CA 95014"),
              ElementsAre("1 Infinite Loop, Cupertino, CA 95014"));
  EXPECT_THAT(Found("address", "Jo, Flat 2, Holly Nook, Upper Slaughter, GL54 2JD."),
              ElementsAre("Flat 2, Holly Nook, Upper Slaughter, GL54 2JD"));
  EXPECT_THAT(Found("address", "7 Kilda Rise, Hobart, TAS 7000; 3 Elm Vale, Regina, SK S4P 3Y2"),
              ElementsAre("7 Kilda Rise, Hobart, TAS 7000", "3 Elm Vale, Regina, SK S4P 3Y2"));
}

TEST(Addresses, OfOtherLanguages) {
  EXPECT_THAT(Found("address", "Hauptstraße 12a, 10115 Berlin"),
              ElementsAre("Hauptstraße 12a, 10115 Berlin"));
  EXPECT_THAT(Found("address", "wohnhaft Karl-Marx-Allee 90-92"),
              ElementsAre("Karl-Marx-Allee 90-92"));
  EXPECT_THAT(Found("address", "Prinsengracht 263-5, 1016 GV Amsterdam"),
              ElementsAre("Prinsengracht 263-5, 1016 GV Amsterdam"));
  EXPECT_THAT(Found("address", "au 8 bis, rue de la Paix, 75002 Paris"),
              ElementsAre("8 bis, rue de la Paix, 75002 Paris"));
  EXPECT_THAT(Found("address", "Via Roma 4, 00184 Roma (RM); Calle de Alcalá, 45"),
              ElementsAre("Via Roma 4, 00184 Roma (RM)", "Calle de Alcalá, 45"));
}

TEST(Addresses, AreNotWhatHasNumbersAndNamesAlone) {
  for (const std::string_view text :
       {"In 2019 Samsung sold 40 Galaxy phones.", "Chapter 3 Street life", "3 of 10 drive to work",
        "Falcon 9 Block 5", "the 5 Best Parks of Berlin", "On 12 May, Jane Doe, CEO, spoke.",
        "Version 4 Release Notes, Page 12, OK", "Weg 7 Tage", "2 place settings", "via email 24"}) {
    EXPECT_THAT(Found("address", text), IsEmpty()) << text;
  }
}

TEST(PostalCodes, OfBritainAndCanada) {
  EXPECT_THAT(Found("zip code", "SW1A 1AA, M1 1AE, EC1A 1BB and K1A 0B1, ON K1A0B1"),
              ElementsAre("SW1A 1AA", "M1 1AE", "EC1A 1BB", "K1A 0B1", "K1A0B1"));
  EXPECT_THAT(Found("zip code", "DDR4 2GB, SW1A1AA, X2J5K9, AB12 3CI, A1B 2C"), IsEmpty());
}

TEST(UserNames, BehindTheirKey) {
  EXPECT_THAT(Found("username", "user=jdoe7 uid='root_2' DB_USER=app.x user name: ana.b"),
              ElementsAre("jdoe7", "root_2", "app.x", "ana.b"));
  EXPECT_THAT(Found("username", "10.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] \"GET /\""),
              ElementsAre("frank"));
  EXPECT_THAT(Found("username", "User: please help. The user is away - back [soon]"), IsEmpty());
}

TEST(Passwords, OfASentenceHaveADigit) {
  EXPECT_THAT(Found("password", "the wifi password (hunter2!) and password is abc123x."),
              ElementsAre("hunter2!", "abc123x"));
  EXPECT_THAT(Found("password", "Your password expires soon; password reset is on page 2."),
              IsEmpty());
}

TEST(DatesOfBirth, WithHyphens) {
  EXPECT_THAT(Found("date of birth", "DOB: 02-Feb-1973, born 3-Mai-68"),
              ElementsAre("02-Feb-1973", "3-Mai-68"));
}

}  // namespace
}  // namespace waterline::redaction
