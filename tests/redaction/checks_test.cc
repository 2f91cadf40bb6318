// SPDX-License-Identifier: Apache-2.0
#include "redaction/checks.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <random>
#include <string>
#include <vector>

namespace waterline::redaction {
namespace {

struct Example {
  const char* check;
  const char* value;
  bool passes;
};

// Numbers that issuers, standards and encyclopedias publish as examples, and near misses.
const Example kExamples[] = {
    {"luhn", "79927398713", true},
    {"luhn", "79927398710", false},
    {"luhn", "0", false},
    {"mod97", "79445", false},
    {"mod97", "794 44", true},  // The example of ISO 7064.
    {"verhoeff", "2363", true},
    {"verhoeff", "2364", false},
    {"ipv4", "255.255.255.255", true},
    {"ipv4", "256.1.1.1", false},
    {"ipv4", "1.2.3", false},
    {"ipv4", "01.2.3.4", false},
    {"ipv6", "::", true},
    {"ipv6", "2001:db8::8:800:200c:417a", true},
    {"ipv6", "::13.1.68.3", true},
    {"ipv6", "::FFFF:129.144.52.38", true},
    {"ipv6", "fe80::1%eth0", true},
    {"ipv6", "1:2:3:4:5:6:7", false},
    {"ipv6", "1::2::3", false},
    {"ipv6", "12345::", false},
    {"credit_card", "4111 1111 1111 1111", true},
    {"credit_card", "4111 1111 1111 1112", false},
    {"credit_card", "5555-5555-5555-4444", true},
    {"credit_card", "2223003122003222", true},
    {"credit_card", "378282246310005", true},
    {"credit_card", "6011111111111117", true},
    {"credit_card", "30569309025904", true},
    {"credit_card", "3530111333300000", true},
    {"credit_card", "6304000000000000", true},
    {"credit_card", "0000000000000000", false},  // Of no network.
    {"credit_card", "41111111111111", false},    // 14 digits.
    {"credit_card", "9111111111111111", false},
    {"iban", "DE89 3704 0044 0532 0130 00", true},
    {"iban", "DE88 3704 0044 0532 0130 00", false},
    {"iban", "gb82 west 1234 5698 7654 32", true},
    {"iban", "NO93 8601 1117 947", true},
    {"iban", "MT84 MALT 0110 0001 2345 MTLC AST0 01S", true},
    {"iban", "DE893704004405320130000", false},  // One more digit.
    {"iban", "XX89370400440532013000", false},
    {"bitcoin", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", true},
    {"bitcoin", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", false},
    {"bitcoin", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", true},
    {"bitcoin", "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", true},
    {"bitcoin", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", false},
    {"bitcoin", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0", true},
    {"bitcoin", "bc1Qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", false},  // Both cases.
    {"bitcoin", "bc1gmk9yu", false},
    {"bitcoin", "", false},
    {"vin", "1M8GDM9AXKP042788", true},
    {"vin", "1M8GDM9A1KP042788", false},
    {"vin", "11111111111111111", true},
    {"vin", "1M8GDM9AXKP04278O", false},
    {"au_medicare", "2123 45670 1", true},
    {"au_medicare", "2123 45671 1", false},
    {"au_tfn", "123 456 782", true},
    {"au_tfn", "123 456 783", false},
    {"be_national_number", "85.07.30-033.28", true},
    {"be_national_number", "85.07.30-033.29", false},
    {"be_national_number", "17 07 30 033 84", true},  // Of 2017.
    {"be_national_number", "85.13.30-033.56", false},
    {"br_cnpj", "16.727.230/0001-97", true},
    {"br_cnpj", "16.727.230/0001-98", false},
    {"br_cnpj", "12.ABC.345/01DE-35", true},
    {"br_cpf", "390.533.447-05", true},
    {"br_cpf", "231.002.999-00", false},
    {"br_cpf", "111.111.111-11", false},
    {"ca_sin", "123-456-782", true},
    {"ca_sin", "999-999-999", false},
    {"ca_sin", "046-454-286", false},  // Begins with 0.
    {"de_steuer_id", "36 574 261 809", true},
    {"de_steuer_id", "36554266806", false},
    {"de_steuer_id", "12345678903", false},  // No digit twice.
    {"es_dni", "54362315-K", true},
    {"es_dni", "54362315-Z", false},
    {"es_dni", "x-2482300w", true},
    {"eu_vat", "DE 136695976", true},
    {"eu_vat", "DE136695978", false},
    {"eu_vat", "FR40303265045", true},
    {"eu_vat", "BE0403019261", true},
    {"eu_vat", "IT00743110157", true},
    {"eu_vat", "LU15027442", true},
    {"eu_vat", "PL8567346215", true},
    {"eu_vat", "PT501964843", true},
    {"eu_vat", "PT501964842", false},
    {"eu_vat", "XX501964843", false},
    {"fi_hetu", "131052-308T", true},
    {"fi_hetu", "131052-308U", false},
    {"fi_hetu", "131052X308T", true},  // Signs of 2023.
    {"fi_hetu", "311390-308T", false},
    {"fi_hetu", "131052308T", false},
    {"fr_nir", "2 95 10 99 126 111 93", true},
    {"fr_nir", "2 95 10 99 126 111 92", false},
    {"fr_nir", "1 84 12 2A 451 089 33", true},
    {"fr_nir", "1 84 12 2B 451 089 33", false},
    {"in_aadhaar", "2341 2341 2346", true},
    {"in_aadhaar", "2341 2341 2347", false},
    {"in_aadhaar", "643343121", false},
    {"it_codice_fiscale", "RCCMNL83S18D969H", true},
    {"it_codice_fiscale", "RCCMNL83S18D969", false},
    {"it_codice_fiscale", "RCCMNL83S18D969I", false},
    {"it_codice_fiscale", "CNTCHR83T41D969D", true},
    {"nl_bsn", "1112.22.333", true},
    {"nl_bsn", "1112.52.333", false},
    {"nl_bsn", "000000000", false},
    {"pl_pesel", "44051401359", true},
    {"pl_pesel", "44051401358", false},
    {"pl_pesel", "02381307589", false},  // A month that no century has.
    {"se_personnummer", "640823-3234", true},
    {"se_personnummer", "640823-3235", false},
    {"se_personnummer", "8803200016", true},
    {"se_personnummer", "19880320-0016", true},
    {"se_personnummer", "701063-2391", true},  // With the day and 60.
    {"se_personnummer", "6408-233234", false},
    {"se_personnummer", "-", false},
    {"sg_nric", "S1234567D", true},
    {"sg_nric", "S1234567A", false},
    {"sg_nric", "F1234567N", true},
    {"sg_nric", "T1234567J", true},
    {"sg_nric", "G1234567X", true},
    {"sg_nric", "A1234567D", false},
    {"uk_nhs", "943 476 5870", true},
    {"uk_nhs", "943 476 5919", true},
    {"uk_nhs", "943 476 5871", false},
    {"us_ein", "91-1144442", true},
    {"us_ein", "07-1144442", false},
    {"us_itin", "912-90-3456", true},
    {"us_itin", "912-93-3456", false},
    {"us_itin", "812-90-3456", false},
    {"us_ssn", "536-90-4399", true},
    {"us_ssn", "000-90-4399", false},
    {"us_ssn", "666-90-4399", false},
    {"us_ssn", "936-90-4399", false},
    {"us_ssn", "536-00-4399", false},
    {"us_ssn", "536-90-0000", false},
};

TEST(Passes, KnowsPublishedNumbersFromNearMisses) {
  for (const Example& example : kExamples) {
    const auto check = ParseCheck(example.check);
    ASSERT_TRUE(check) << example.check;
    EXPECT_EQ(Passes(*check, example.value), example.passes)
        << example.check << " " << example.value;
  }
}

TEST(Passes, HasAnExampleForEachCheck) {
  for (const Check check : AllChecks()) {
    int passing = 0, failing = 0;
    for (const Example& example : kExamples) {
      if (std::string_view(example.check) != CheckName(check)) continue;
      ++(example.passes ? passing : failing);
    }
    EXPECT_GT(passing, 0) << CheckName(check);
    EXPECT_GT(failing, 0) << CheckName(check);
  }
}

// Numbers of a form, of which a part protects all digits against the change of one.
struct Form {
  const char* check;
  const char* form;   // # a digit, A a letter, else itself; ? the check characters, tried in turn.
  const char* tried;  // What they may be.
  size_t protected_to = 99;  // Digits behind this place are not protected.
};
const Form kForms[] = {
    {"luhn", "###############?", "0123456789"},
    {"verhoeff", "###########?", "0123456789"},
    {"credit_card", "4##############?", "0123456789"},
    {"iban", "DE??##################", "0123456789"},
    {"iban", "GB??AAAA##############", "0123456789"},
    {"vin", "1AA######?#######", "0123456789X"},
    {"au_medicare", "2#######?#", "0123456789", 9},
    {"au_tfn", "########?", "0123456789"},
    {"ca_sin", "1#######?", "0123456789"},
    {"de_steuer_id", "1023456788?", "0123456789"},
    {"es_dni", "########?", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
    {"eu_vat", "DE1#######?", "0123456789"},
    {"eu_vat", "PL#########?", "0123456789"},
    {"fi_hetu", "0101##-3##?", "0123456789ABCDEFHJKLMNPRSTUVWXY"},
    {"fr_nir", "1#############?", "0123456789"},
    {"in_aadhaar", "2##########?", "0123456789"},
    {"it_codice_fiscale", "AAAAAA##A01A###?", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
    {"nl_bsn", "1#######?", "0123456789"},
    {"pl_pesel", "##0101####?", "0123456789"},
    {"se_personnummer", "##0101-###?", "0123456789"},
    {"sg_nric", "S#######?", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
    {"sg_nric", "M#######?", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
    {"uk_nhs", "#########?", "0123456789"},
};

// A number of the form that passes; empty where none of the check characters makes it pass.
std::string Made(const Form& form, Check check, std::mt19937& random) {
  std::string value = form.form;
  std::vector<size_t> open;
  for (size_t i = 0; i < value.size(); ++i) {
    if (value[i] == '#') value[i] = static_cast<char>('0' + random() % 10);
    if (value[i] == 'A') value[i] = static_cast<char>('A' + random() % 8);  // Months too: A to H.
    if (value[i] == '?') open.push_back(i);
  }
  const std::string_view tried = form.tried;
  size_t ways = 1;
  for (size_t i = 0; i < open.size(); ++i) ways *= tried.size();
  for (size_t way = 0; way < ways; ++way) {
    size_t rest = way;
    for (const size_t place : open) {
      value[place] = tried[rest % tried.size()];
      rest /= tried.size();
    }
    if (Passes(check, value)) return value;
  }
  return {};
}

TEST(Passes, NoticesTheChangeOfAnyDigit) {
  for (const Form& form : kForms) {
    const Check check = *ParseCheck(form.check);
    std::mt19937 random(1);
    int made = 0;
    for (int n = 0; n < 300; ++n) {
      const std::string value = Made(form, check, random);
      if (value.empty()) continue;
      ++made;
      for (size_t i = 0; i < value.size() && i < form.protected_to; ++i) {
        if (value[i] < '0' || value[i] > '9') continue;
        for (char digit = '0'; digit <= '9'; ++digit) {
          std::string changed = value;
          changed[i] = digit;
          EXPECT_EQ(Passes(check, changed), digit == value[i])
              << form.check << " " << value << " and " << changed;
        }
      }
    }
    EXPECT_GT(made, 20) << form.check << " " << form.form;
  }
}

// The two digits of a CPF and of a Belgian number do not promise that: two remainders share a digit
// in the one, the century is left out of the other. Most changes are noticed.
TEST(Passes, NoticesMostChangesWhereTwoNumbersShareCheckDigits) {
  for (const Form& form : {Form{"br_cpf", "#########??", "0123456789"},
                           Form{"br_cnpj", "############??", "0123456789"},
                           Form{"be_national_number", "##0101###??", "0123456789"}}) {
    const Check check = *ParseCheck(form.check);
    std::mt19937 random(2);
    int changes = 0, unnoticed = 0;
    for (int n = 0; n < 100; ++n) {
      const std::string value = Made(form, check, random);
      if (value.empty()) continue;
      for (size_t i = 0; i < value.size(); ++i) {
        std::string changed = value;
        changed[i] = static_cast<char>('0' + (value[i] - '0' + 1 + random() % 9) % 10);
        ++changes;
        unnoticed += Passes(check, changed) ? 1 : 0;
      }
    }
    EXPECT_GT(changes, 500) << form.check;
    EXPECT_LT(unnoticed * 50, changes) << form.check;
  }
}

TEST(Passes, TakesAnyBytes) {
  EXPECT_TRUE(rc::check("", [](const std::string& bytes) {
    for (const Check check : AllChecks()) {
      const std::string digits = "1" + bytes + "234567890";
      (void)Passes(check, bytes);
      (void)Passes(check, digits);
      (void)Passes(check, std::string_view(digits).substr(0, bytes.size()));
    }
  }));
  // Of every length, of what the checks count.
  for (const char* all :
       {"00000000000000000000000000000000000000000", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "9Z9Z9Z9Z9Z9Z9Z9Z9Z9Z9Z9Z9Z9Z9Z9Z9Z9Z", "-------------", "++1++1++1++1"}) {
    const std::string_view text = all;
    for (size_t length = 0; length <= text.size(); ++length) {
      for (const Check check : AllChecks()) (void)Passes(check, text.substr(0, length));
    }
  }
}

TEST(Passes, LetsEverythingPassWithoutACheck) { EXPECT_TRUE(Passes(Check::kNone, "x")); }

TEST(CheckName, IsWhatParseCheckReads) {
  for (const Check check : AllChecks()) EXPECT_EQ(ParseCheck(CheckName(check)), check);
  EXPECT_EQ(ParseCheck("none"), std::nullopt);
  EXPECT_EQ(ParseCheck(""), std::nullopt);
}

}  // namespace
}  // namespace waterline::redaction
