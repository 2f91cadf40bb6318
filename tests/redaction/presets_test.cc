// SPDX-License-Identifier: Apache-2.0
#include "redaction/presets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "redaction/patterns.h"
#include "redaction/rules.h"

namespace waterline::redaction {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

struct Preset {
  Rules rules;
  PatternSet set;
};
Preset Read(const std::string& name) {
  auto rules = ParseRules(*PresetText(name), name);
  EXPECT_TRUE(rules.ok()) << rules.error().message;
  auto set = PatternSet::Compile(rules->patterns);
  EXPECT_TRUE(set.ok()) << set.error().message;
  return {*std::move(rules), *std::move(set)};
}

// What one pattern finds.
std::vector<std::string> Found(const Preset& preset, const std::string& pattern,
                               std::string_view text) {
  std::vector<std::string> found;
  const auto matches = preset.set.Find(text);
  EXPECT_TRUE(matches.ok()) << matches.error().message;
  for (const PatternMatch& match : *matches) {
    if (preset.rules.patterns[match.rule].name != pattern) continue;
    found.emplace_back(text.substr(match.byte_start, match.byte_end - match.byte_start));
  }
  return found;
}

struct Example {
  const char* pattern;
  const char* text;
  std::vector<std::string> found;
};

// Numbers are published examples or made up; keys are written in two parts, so that nobody's
// scanner takes them for real.
const Example kOfPii[] = {
    {"email",
     "joe.o'brien+tag@mail.example.co.uk, (x_y@z.io)! <A.B@C.DE>; mailto:a@b.info.",
     {"joe.o'brien+tag@mail.example.co.uk", "x_y@z.io", "A.B@C.DE", "a@b.info"}},
    {"email",
     "请联系joe@example.com请 ümläut@müller.de, почта@пример.рф, a@xn--bcher-kva.xn--p1ai",
     {"joe@example.com", "ümläut@müller.de", "почта@пример.рф", "a@xn--bcher-kva.xn--p1ai"}},
    {"email", "...joe@x.org. Next. 'ann@y.com' a@b@c.de", {"joe@x.org", "ann@y.com", "b@c.de"}},
    {"email", "joe@localhost @handle a@b a@.com a @b.com joe@x.c 3@4.5", {}},
    {"email_east_asian", "用户@例子.公司, 山田@example.jp", {"用户@例子.公司", "山田@example.jp"}},
    {"email_east_asian", "漢@字", {}},
    {"url",
     "See https://example.com/a?b=c#d. (www.foo.org/x), \"ftp://f.org/\" HTTP://X.COM!",
     {"https://example.com/a?b=c#d", "www.foo.org/x", "ftp://f.org/", "HTTP://X.COM"}},
    {"url",
     "请访问http://x.com/谢谢。再见 https://user:pw@h.de:80/p?q=1&r=[2]",
     {"http://x.com/谢谢", "https://user:pw@h.de:80/p?q=1&r=[2"}},
    {"url", "http:// http://... www. example.com awww.x.com joe@www.x.com", {}},
    {"ipv4",
     "192.168.0.1, 8.8.8.8:53, 10.0.0.0/8; 漢127.0.0.1漢. 1.1.1.1.",
     {"192.168.0.1", "8.8.8.8", "10.0.0.0", "127.0.0.1", "1.1.1.1"}},
    {"ipv4", "10.0.0.256 1.2.3.4.5 v1.2.3.4 1.2.3 1.2.3.4a 01.2.3.4 1.2.3.4_", {}},
    {"ipv6",
     "2001:db8::1, ::1; [fe80::1%eth0] ::ffff:192.0.2.128 2001:0DB8:0:0:0:ff00:0042:8329. 1::: "
     "2001:db8::2: x, 3fff::/20, 1:2:3:4:5:6:7::",
     {"2001:db8::1", "::1", "fe80::1%eth0", "::ffff:192.0.2.128", "2001:0DB8:0:0:0:ff00:0042:8329",
      "2001:db8::2", "3fff::", "1:2:3:4:5:6:7::"}},
    {"ipv6",
     "std::string a::b 12:30:45 :: 1:2:3:4:5:6:7 1::2::3 12345::1 x::1 00:1B:44:11:3A:B7",
     {}},
    {"mac_address",
     "00:1B:44:11:3A:B7 00-1b-44-11-3a-b7, 001b.4411.3ab7 01:23:45:67:89:ab:cd:ef",
     {"00:1B:44:11:3A:B7", "00-1b-44-11-3a-b7", "001b.4411.3ab7", "01:23:45:67:89:ab:cd:ef"}},
    {"mac_address", "00:1B:44:11:3A 00:1B:44-11:3A:B7 00:1B:44:11:3A:B7:00 12:30:45", {}},
    {"iban",
     "DE89 3704 0044 0532 0130 00 gb29nwbk60161331926819, GB82-WEST-1234-5698-7654-32 "
     "NO9386011117947.",
     {"DE89 3704 0044 0532 0130 00", "gb29nwbk60161331926819", "GB82-WEST-1234-5698-7654-32",
      "NO9386011117947"}},
    {"iban", "MT84 MALT 0110 0001 2345 MTLC AST0 01S", {"MT84 MALT 0110 0001 2345 MTLC AST0 01S"}},
    {"iban",
     "DE89370400440532013001 DE8937040044053201300 XDE89370400440532013000 DE893704 00440532013000",
     {}},
    {"bic", "BIC: COBADEFFXXX, SWIFT DEUTDEFF", {"COBADEFFXXX", "DEUTDEFF"}},
    {"bic", "Our swift CORPORATION and BIC COBAXXFF", {}},
    {"bic", "COBADEFFXXX", {}},
    {"credit_card",
     "4111 1111 1111 1111 12/26, 378282246310005; 3782 822463 10005 6011111111111117 "
     "5555-5555-5555-4444, 4111 1111 1111 1111 123",
     {"4111 1111 1111 1111", "378282246310005", "3782 822463 10005", "6011111111111117",
      "5555-5555-5555-4444", "4111 1111 1111 1111"}},
    {"credit_card",
     "12 4111\u00a01111\u00a01111\u00a01111",
     {"4111\u00a01111\u00a01111\u00a01111"}},
    {"credit_card", "4111 1111 1111 1112 x4111111111111111 41111111111111110", {}},
    {"credit_card_19", "6304 0000 0000 0000 000", {"6304 0000 0000 0000 000"}},
    {"credit_card_19", "6304 0000 0000 0000 001", {}},
    {"account_number", "account 12345678, Konto: 1234-5678", {"12345678", "1234-5678"}},
    {"account_number",
     "12345678; ........................................ account opened 2024-01-15 with 1234.5678 "
     "and 12345",
     {}},
    {"us_routing_number", "ABA routing number 021000021", {"021000021"}},
    {"us_routing_number", "021000021", {}},
    {"bitcoin_address",
     "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
     {"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"}},
    {"bitcoin_address",
     "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
     {}},
    {"phone_international",
     "+1 (555) 123-4567 ext. 89 or +49 30 901820, +442079460958; tel:+33-1-42-68-53-00. +43 (0) 1 "
     "58858-0, (+358) 40 1234567 (+49 30 901820)",
     {"+1 (555) 123-4567 ext. 89", "+49 30 901820", "+442079460958", "+33-1-42-68-53-00",
      "+43 (0) 1 58858-0", "(+358) 40 1234567", "+49 30 901820"}},
    {"phone_international",
     "+2 +12 345 1+2025550123 +999 123456789 +49 30 +1234567890123456789",
     {}},
    {"phone_international_00",
     "0049 30 1234567, 00 44 20 7946 0958, 001-760-555-0122x326",
     {"0049 30 1234567", "00 44 20 7946 0958", "001-760-555-0122x326"}},
    {"phone_international_00", "DE89 3704 0044 0532 0130 00, 00493012345, 0.0049 301234567", {}},
    {"phone_north_american",
     "212-555-0123, (212) 555-0123; 1-800-555-0199 212.555.0123 x12, 212 555 0123",
     {"212-555-0123", "(212) 555-0123", "1-800-555-0199", "212.555.0123 x12", "212 555 0123"}},
    {"phone_north_american",
     "112-555-0123 212-155-0123 212-555.0123 2125550123 212 555 012 212-555-01234 1-212-555-0123-4",
     {}},
    {"phone_french", "01 42 68 53 00, 06.12.34.56.78", {"01 42 68 53 00", "06.12.34.56.78"}},
    {"phone_french", "01 42 68 53, 01 42-68-53-00, 00 42 68 53 00", {}},
    {"phone_british",
     "020 7946 0958, 0131 4960123, 07700 900123, 0161 496 0123",
     {"020 7946 0958", "0131 4960123", "07700 900123", "0161 496 0123"}},
    {"phone_british", "020 7946 095, 02079460958, 2020 7946 0958", {}},
    {"phone_german",
     "030/1234567, 0171 / 123 45 67; 030 1234567-89",
     {"030/1234567", "0171 / 123 45 67", "030 1234567-89"}},
    {"phone_german", "0123/2024, 01/02/2024, 030/12, 030 1234, 1030 1234567", {}},
    {"phone_area_in_parentheses",
     "(0131) 496 0123 (03)66892882, (06836) 02921, (02)-8780-5106",
     {"(0131) 496 0123", "(03)66892882", "(06836) 02921", "(02)-8780-5106"}},
    {"phone_area_in_parentheses", "(0131) 4960 (1) 1234567 f(0) 12345678", {}},
    {"phone_hyphenated",
     "03-1234-5678, 031-129-7864; 06-12345678 020-1234567, 08-123 456 78",
     {"03-1234-5678", "031-129-7864", "06-12345678", "020-1234567", "08-123 456 78"}},
    {"phone_hyphenated", "01-02-2024, 2024-01-02, 03-12-34, 10-1234-5678, 03-1234-5678-9", {}},
    {"phone_national",
     "Phone 5551234567x12, Tel.: 030 "
     "123456;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;电话13800138000;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;call 212 "
     "555 0123",
     {"5551234567x12", "030 123456", "13800138000", "212 555 0123"}},
    {"phone_national",
     "call on 2024-01-15 or 15.01.2024; tel 12345; ......................... 5551234567",
     {}},
    {"us_ssn", "123-45-6789, 123 45 6789", {"123-45-6789", "123 45 6789"}},
    {"us_ssn",
     "000-12-3456 666-12-3456 912-12-3456 123-00-6789 123-45-0000 123-45-67890 123-45 6789",
     {}},
    {"us_ssn_plain", "SSN: 123456789", {"123456789"}},
    {"us_ssn_plain", "123456789 SSN 000456789", {"123456789"}},
    {"us_itin", "912-90-3456", {"912-90-3456"}},
    {"us_itin", "912-93-3456", {}},
    {"us_ein", "EIN 91-1144442", {"91-1144442"}},
    {"us_ein", "91-1144442; the EIN is 07-1144442", {"91-1144442"}},
    {"us_ein", "91-1144442", {}},
    {"uk_nhs", "NHS number 943 476 5919", {"943 476 5919"}},
    {"uk_nhs", "NHS number 943 476 5918", {}},
    {"uk_nhs", "943 476 5919", {}},
    {"uk_nino", "AB123456C, ab 12 34 56 c", {"AB123456C", "ab 12 34 56 c"}},
    {"uk_nino", "QQ123456C BG123456C AB123456E AO123456C AB1234567C", {}},
    {"ca_sin", "123-456-782", {"123-456-782"}},
    {"ca_sin", "123-456-783", {}},
    {"ca_sin_plain", "SIN 123 456 782", {"123 456 782"}},
    {"ca_sin_plain", "123 456 782", {}},
    {"au_tfn", "TFN 123 456 782", {"123 456 782"}},
    {"au_tfn", "TFN 123 456 783", {}},
    {"au_medicare", "Medicare 2123 45670 1", {"2123 45670 1"}},
    {"au_medicare", "Medicare 2123 45671 1", {}},
    {"de_steuer_id", "36 574 261 809, 36574261809", {"36 574 261 809", "36574261809"}},
    {"de_steuer_id", "36574261808", {}},
    {"fr_nir",
     "2 95 10 99 126 111 93; 295109912611193",
     {"2 95 10 99 126 111 93", "295109912611193"}},
    {"fr_nir", "295109912611192", {}},
    {"es_dni", "54362315K, X-2482300W; 12.345.678-Z", {"54362315K", "X-2482300W", "12.345.678-Z"}},
    {"es_dni", "54362315Z A54362315K", {}},
    {"it_codice_fiscale",
     "RCCMNL83S18D969H, rcc mnl 83s18 d969h",
     {"RCCMNL83S18D969H", "rcc mnl 83s18 d969h"}},
    {"it_codice_fiscale", "RCCMNL83S18D969I", {}},
    {"nl_bsn", "BSN 111222333", {"111222333"}},
    {"nl_bsn", "111222333, and BSN 111252333", {"111222333"}},
    {"nl_bsn", "111222333", {}},
    {"be_national_number", "85.07.30-033.28 85073003328", {"85.07.30-033.28", "85073003328"}},
    {"be_national_number", "85.07.30-033.29", {}},
    {"pl_pesel", "PESEL 44051401359", {"44051401359"}},
    {"pl_pesel", "44051401358", {}},
    {"se_personnummer",
     "640823-3234, 19640823-3234 196408233234",
     {"640823-3234", "19640823-3234", "196408233234"}},
    {"se_personnummer", "640823-3235 6408233234", {}},
    {"se_personnummer_plain", "personnummer 6408233234", {"6408233234"}},
    {"se_personnummer_plain", "6408233234", {}},
    {"fi_hetu", "131052-308T", {"131052-308T"}},
    {"fi_hetu", "131052-308U", {}},
    {"br_cpf", "390.533.447-05, 39053344705", {"390.533.447-05", "39053344705"}},
    {"br_cpf", "390.533.447-06", {}},
    {"br_cnpj", "16.727.230/0001-97", {"16.727.230/0001-97"}},
    {"br_cnpj", "16.727.230/0001-98", {}},
    {"in_aadhaar", "2341 2341 2346", {"2341 2341 2346"}},
    {"in_aadhaar", "2341 2341 2347, 4111 2341 2341 2346", {}},
    {"in_aadhaar_plain", "Aadhaar: 234123412346", {"234123412346"}},
    {"in_aadhaar_plain", "234123412346", {}},
    {"in_pan", "PAN ACUPA7085R", {"ACUPA7085R"}},
    {"in_pan", "ACUDA7085R ACUPA0000R", {}},
    {"sg_nric", "S1234567D", {"S1234567D"}},
    {"sg_nric", "S1234567A", {}},
    {"eu_vat",
     "DE136695976, FR40303265045 BE 0403.019.261",
     {"DE136695976", "FR40303265045", "BE 0403.019.261"}},
    {"eu_vat", "DE136695978", {}},
    {"passport", "Passport No. C01X00T47; 123456789", {"C01X00T47", "123456789"}},
    {"passport", "passport 12345678, and holiday in 2024", {"12345678"}},
    {"passport", "123456789", {}},
    {"driver_license", "driver's license D1234-5678-9012", {"D1234-5678-9012"}},
    {"driver_license", "D1234-5678-9012", {}},
    {"medical_record_number", "MRN: 00123456", {"00123456"}},
    {"medical_record_number", "00123456", {}},
    {"vin", "1M8GDM9AXKP042788", {"1M8GDM9AXKP042788"}},
    {"vin", "1M8GDM9A1KP042788", {}},
    {"vin_in_context", "VIN WVWZZZ1JZ3W386752", {"WVWZZZ1JZ3W386752"}},
    {"vin_in_context", "WVWZZZ1JZ3W386752", {}},
    {"imei", "IMEI 49-015420-323751-8", {"49-015420-323751-8"}},
    {"imei", "IMEI 490154203237519", {}},
    {"us_zip_code", "ZIP 90210, 10001-1234", {"90210", "10001-1234"}},
    {"us_zip_code", "90210", {}},
    {"us_state_and_zip_code", "New York, NY 10001-1234; CA  90210", {"10001-1234", "90210"}},
    {"us_state_and_zip_code", "XX 90210 NY 1000 NY 10001.5", {}},
    {"uk_postcode",
     "SW1A 1AA, M1 1AE; EC1A 1BB. GL54 2JD",
     {"SW1A 1AA", "M1 1AE", "EC1A 1BB", "GL54 2JD"}},
    {"uk_postcode", "DDR4 2GB, SW1A1AA, AB12 3CI", {}},
    {"ca_postal_code", "K1A 0B1, ON K1A0B1", {"K1A 0B1", "K1A0B1"}},
    {"ca_postal_code", "X2J5K9 A1B 2C D1A 0B1", {}},
    {"street_english",
     "10 Downing Street, please; 1600 Pennsylvania Ave. NW or 221B Baker St",
     {"10 Downing Street", "1600 Pennsylvania Ave.", "221B Baker St"}},
    {"street_english",
     "350 Fifth Avenue, Suite 3300; 12 N. Main Street, Springfield, IL 62704",
     {"350 Fifth Avenue, Suite 3300", "12 N. Main Street, Springfield"}},
    {"street_english",
     "Chapter 3 Street life. 3 of 10 drive. The 5 Best Parks. 3 Main Streets",
     {}},
    {"address_with_postal_code",
     "1 Infinite Loop, Cupertino, CA 95014; Flat 2, Holly Nook, Upper Slaughter, GL54 2JD.",
     {"1 Infinite Loop, Cupertino, CA 95014", "Flat 2, Holly Nook, Upper Slaughter, GL54 2JD"}},
    {"address_with_postal_code",
     "7 Kilda Rise, Hobart, TAS 7000; 3 Elm Vale, Regina, SK S4P 3Y2",
     {"7 Kilda Rise, Hobart, TAS 7000", "3 Elm Vale, Regina, SK S4P 3Y2"}},
    {"address_with_postal_code",
     "On 12 May, Jane Doe, CEO, spoke. Version 4 Notes, Page 12, OK",
     {}},
    {"street_german",
     "Hauptstraße 12a, 10115 Berlin; wohnhaft Karl-Marx-Allee 90-92",
     {"Hauptstraße 12a, 10115 Berlin", "Karl-Marx-Allee 90-92"}},
    {"street_german", "Weg 7 Tage, Ring 2 ist weg 3", {}},
    {"street_dutch",
     "Prinsengracht 263-5, 1016 GV Amsterdam",
     {"Prinsengracht 263-5, 1016 GV Amsterdam"}},
    {"street_dutch", "de gracht 3", {}},
    {"street_french",
     "au 8 bis, rue de la Paix, 75002 Paris. 12 avenue Foch",
     {"8 bis, rue de la Paix, 75002 Paris", "12 avenue Foch"}},
    {"street_french", "2 place settings, rue de la paix", {}},
    {"street_italian_or_spanish",
     "Via Roma 4, 00184 Roma (RM); Calle de Alcalá, 45",
     {"Via Roma 4, 00184 Roma (RM)", "Calle de Alcalá, 45"}},
    {"street_italian_or_spanish", "via email 24, Via Appia", {}},
    {"username",
     "user=jdoe7 uid='root_2' DB_USER=app.x user name: ana.b",
     {"jdoe7", "root_2", "app.x", "ana.b"}},
    {"username", "User: please help. The user is away - back [soon]", {}},
    {"username_in_log", "10.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] \"GET /\"", {"frank"}},
    {"username_in_log", "a - b [soon]", {}},
    {"password_in_prose",
     "the wifi password (hunter2!) and password is abc123x.",
     {"hunter2!", "abc123x"}},
    {"password_in_prose", "Your password expires soon; password reset is on page 2.", {}},
    {"date_of_birth", "DOB: 02-Feb-1973, born 3-Mai-68", {"02-Feb-1973", "3-Mai-68"}},
    {"date_of_birth",
     "born 12 March 1985, DOB: 03/04/1985; geboren am 5. Mai 1985",
     {"12 March 1985", "03/04/1985", "5. Mai 1985"}},
    {"date_of_birth", "met on 12 March 1985", {}},
    {"secret_key",
     "AKIAIOSFODNN7EXAMPLE gh"
     "p_0123456789abcdefghijABCDEFGHIJ012345 "
     "xox"
     "b-123456789012-abcdefghij sk_"
     "live_0123456789abcdef",
     {"AKIAIOSFODNN7EXAMPLE",
      "gh"
      "p_0123456789abcdefghijABCDEFGHIJ012345",
      "xox"
      "b-123456789012-abcdefghij",
      "sk_"
      "live_0123456789abcdef"}},
    {"secret_key", "AKIAIOSFODNN7EXAMPL ghp_short task-force-of-twenty-five-people", {}},
    {"json_web_token",
     "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc_d-e.",
     {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc_d-e"}},
    {"json_web_token", "eyJhbGciOiJIUzI1NiJ9.abc", {}},
    {"private_key",
     "a -----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIabc+/=\n-----END RSA PRIVATE "
     "KEY----- b",
     {"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIabc+/=\n-----END RSA PRIVATE "
      "KEY-----"}},
    {"private_key",
     "-----BEGIN PRIVATE KEY-----\nMIIabc+/=\nQ\n. b",
     {"-----BEGIN PRIVATE KEY-----\nMIIabc+/=\nQ"}},
    {"private_key", "-----BEGIN PUBLIC KEY-----\nMIIabc\n-----END PUBLIC KEY-----", {}},
    {"password",
     "password: hunter2! api_key=\"abc123def\", PWD=geheim-1",
     {"hunter2!", "abc123def", "geheim-1"}},
    {"password",
     "password: required; password = short; the password hunter2! password: Optional[str] "
     "pwd=ask(x1)",
     {}},
};

const Example kOfHipaa[] = {
    {"date_numeric",
     "2024-01-15, 1/15/24; 15.01.2024 01-15-2024 05.02.85, 3/2024 2024-03",
     {"2024-01-15", "1/15/24", "15.01.2024", "01-15-2024", "05.02.85", "3/2024", "2024-03"}},
    {"date_numeric", "2024-01-15T12:30:45Z", {"2024-01-15"}},
    {"date_numeric", "2024, 2.10.15 1-2-3 2024-13-01 1/2 192.168.0.1 2024-01-152", {}},
    {"date_in_words",
     "5 February 1985, Feb. 5, 1985; March 3rd; 3rd of March, JAN 2020 5-Feb-85 the 4th day of "
     "July",
     {"5 February 1985", "Feb. 5, 1985", "March 3rd", "3rd of March", "JAN 2020", "5-Feb-85",
      "4th day of July"}},
    {"date_in_words", "in March, 1985; May I; you may 5", {"March, 1985"}},
    {"date_in_words", "Mayor 5, marching 3, Decem 4", {}},
    {"date_without_year", "admitted on 3/14, discharged 4/2", {"3/14", "4/2"}},
    {"date_without_year", "blood pressure 12/8; 2/3 of all", {}},
    {"age_over_89",
     "a 92-year-old man, aged 101; 95 y/o. age: 90, 93 years old, 91 yo",
     {"92", "101", "95", "90", "93", "91"}},
    {"age_over_89", "an 89-year-old, aged 45, 92 years of work, 192 years old, age 90/100", {}},
    {"health_plan_number", "Member ID: XYZ-123456789", {"XYZ-123456789"}},
    {"health_plan_number", "XYZ-123456789", {}},
    {"certificate_number", "medical license A123456", {"A123456"}},
    {"certificate_number", "A123456", {}},
    {"license_plate", "license plate 7ABC123, plate no. B-MW 1234", {"7ABC123", "B-MW 1234"}},
    {"license_plate", "7ABC123", {}},
    {"device_number", "pacemaker serial number PM-12345-X", {"PM-12345-X"}},
    {"device_number", "PM-12345-X", {}},
};

const Example kOfGdpr[] = {
    {"advertising_id",
     "IDFA 6D92078A-8246-4BA4-AE5B-76104861E7DC",
     {"6D92078A-8246-4BA4-AE5B-76104861E7DC"}},
    {"advertising_id", "6D92078A-8246-4BA4-AE5B-76104861E7DC", {}},
};

template <size_t N>
void Try(const std::string& name, const Example (&examples)[N], std::set<std::string>& tried) {
  const Preset preset = Read(name);
  for (const Example& example : examples) {
    EXPECT_THAT(Found(preset, example.pattern, example.text), ElementsAreArray(example.found))
        << example.pattern << " in " << example.text;
    // In a line with other scripts around it, the same.
    const std::string around = "漢字é – " + std::string(example.text) + " – é漢字";
    EXPECT_THAT(Found(preset, example.pattern, around), ElementsAreArray(example.found))
        << example.pattern << " in " << around;
    if (!example.found.empty()) tried.insert(example.pattern);
  }
  for (const PatternRule& rule : preset.rules.patterns) {
    EXPECT_THAT(tried, Contains(rule.name)) << "no example shows what it finds";
  }
}

TEST(Presets, FindTheirExamplesAndLeaveNearMisses) {
  std::set<std::string> tried;
  Try("pii", kOfPii, tried);
  auto of_hipaa = tried;
  Try("hipaa", kOfHipaa, of_hipaa);
  Try("gdpr-basic", kOfGdpr, tried);
}

TEST(Presets, FindAllExamplesInOneLine) {
  const Preset preset = Read("hipaa");
  const std::string between = "; " + std::string(60, '.') + " ";
  std::string line;
  for (const Example& example : kOfPii) line += example.text + between;
  for (const Example& example : kOfPii) {
    const auto found = Found(preset, example.pattern, line);
    for (const std::string& one : example.found)
      EXPECT_THAT(found, Contains(one)) << example.pattern;
  }
}

// Lists of labels are what people see and write down elsewhere: a change of them is meant.
TEST(Presets, HaveTheirLabels) {
  EXPECT_THAT(PresetNames(), ElementsAre("pii", "hipaa", "gdpr-basic"));
  const auto labels = [](const std::string& name) {
    std::vector<std::string> names;
    for (const Label& label : Read(name).rules.labels) names.push_back(label.name);
    return names;
  };
  EXPECT_THAT(labels("pii"),
              ElementsAre("person", "address", "date of birth", "phone number", "username"));
  EXPECT_THAT(labels("hipaa"), ElementsAre("person", "address", "date of birth", "phone number",
                                           "username", "organization", "city", "county", "date",
                                           "medical record number", "health insurance number",
                                           "account number", "license number", "license plate"));
  EXPECT_THAT(labels("gdpr-basic"),
              ElementsAre("person", "address", "date of birth", "phone number", "username", "city",
                          "identity card number", "license plate"));
  std::set<std::string> of_patterns;
  for (const PatternRule& rule : Read("hipaa").rules.patterns) of_patterns.insert(rule.label);
  EXPECT_THAT(of_patterns,
              ElementsAre("account number", "address", "age", "bic", "bitcoin address",
                          "credit card", "date", "date of birth", "device id", "driver license",
                          "email", "health insurance number", "iban", "ip address",
                          "license number", "license plate", "mac address", "medical record number",
                          "national id", "passport number", "password", "phone number", "secret",
                          "ssn", "tax id", "url", "username", "vehicle id", "zip code"));
}

std::string Manual() {
  std::ifstream file(WATERLINE_SOURCE_DIR "/docs/redaction-rules.md");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(Manual, NamesAllPatternsAndChecks) {
  const std::string manual = Manual();
  for (const std::string& name : PresetNames()) {
    for (const PatternRule& rule : Read(name).rules.patterns) {
      EXPECT_THAT(manual, HasSubstr("`" + rule.name + "`"));
    }
  }
  for (const Check check : AllChecks()) {
    EXPECT_THAT(manual, HasSubstr(std::string("`") + CheckName(check) + "`"));
  }
}

TEST(Manual, HasAnExampleThatCanBeUsed) {
  const std::string manual = Manual();
  const size_t begin = manual.find("```yaml\n");
  ASSERT_NE(begin, std::string::npos);
  const size_t end = manual.find("```", begin + 8);
  const auto rules = ParseRules(manual.substr(begin + 8, end - begin - 8), "manual");
  ASSERT_TRUE(rules.ok()) << rules.error().message;
  EXPECT_TRUE(PatternSet::Compile(rules->patterns).ok());
}

TEST(PresetText, IsOfKnownPresetsAlone) {
  EXPECT_EQ(PresetText("gdpr"), std::nullopt);
  EXPECT_EQ(PresetText(""), std::nullopt);
  EXPECT_TRUE(PresetText("pii")->starts_with("# Personal data"));
}

}  // namespace
}  // namespace waterline::redaction
