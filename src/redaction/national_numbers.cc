// SPDX-License-Identifier: Apache-2.0
#include "redaction/national_numbers.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string>

#include "redaction/check_digits.h"

namespace waterline::redaction {
namespace {

bool IsDate(int64_t year, int64_t month, int64_t day) {
  namespace time = std::chrono;
  return month >= 0 && day >= 0 &&
         time::year_month_day(time::year(static_cast<int>(year)),
                              time::month(static_cast<unsigned>(month)),
                              time::day(static_cast<unsigned>(day)))
             .ok();
}

bool HasDigits(std::string_view number, size_t count) {
  return number.size() == count && AllDigits(number);
}

}  // namespace

bool IsAuMedicare(std::string_view number) {
  if (!HasDigits(number, 10) && !HasDigits(number, 11)) return false;
  return number[0] >= '2' && number[0] <= '6' &&
         WeightedSum(number, {1, 3, 7, 9, 1, 3, 7, 9}) % 10 == DigitAt(number, 8);
}

bool IsAuTfn(std::string_view number) {
  if (HasDigits(number, 8)) return WeightedSum(number, {1, 4, 3, 7, 5, 8, 6, 9}) % 11 == 0;
  return HasDigits(number, 9) && WeightedSum(number, {1, 4, 3, 7, 5, 8, 6, 9, 10}) % 11 == 0;
}

bool IsBeNationalNumber(std::string_view number) {
  if (!HasDigits(number, 11) || Number(number) == 0) return false;
  const int64_t body = Number(number.substr(0, 9)), check = Number(number.substr(9));
  const int64_t month = Number(number.substr(2, 2)), day = Number(number.substr(4, 2));
  return month < 60 && month % 20 <= 12 && day <= 31 &&
         (97 - body % 97 == check || 97 - (2'000'000'000 + body) % 97 == check);
}

bool IsBrCpf(std::string_view number) {
  if (!HasDigits(number, 11) || number.find_first_not_of(number[0]) == std::string_view::npos) {
    return false;
  }
  const int first = (11 - WeightedSum(number, {10, 9, 8, 7, 6, 5, 4, 3, 2}) % 11) % 11 % 10;
  const int second = (11 - WeightedSum(number, {11, 10, 9, 8, 7, 6, 5, 4, 3, 2}) % 11) % 11 % 10;
  return DigitAt(number, 9) == first && DigitAt(number, 10) == second;
}

bool IsBrCnpj(std::string_view number) {
  if (number.size() != 14 || !AllDigits(number.substr(12)) || number.starts_with("000000000000")) {
    return false;
  }
  // Letters take part with their code less that of 0, as digits do.
  const int first = (11 - WeightedSum(number, {5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2}) % 11) % 11 % 10;
  const int second =
      (11 - WeightedSum(number, {6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2}) % 11) % 11 % 10;
  return DigitAt(number, 12) == first && DigitAt(number, 13) == second;
}

bool IsCaSin(std::string_view number) {
  return HasDigits(number, 9) && number[0] != '0' && number[0] != '8' && PassesLuhn(number);
}

bool IsDeSteuerId(std::string_view number) {
  if (!HasDigits(number, 11) || number[0] == '0') return false;
  std::array<int, 10> counts = {};
  for (const char c : number.substr(0, 10)) ++counts[static_cast<size_t>(c - '0')];
  const auto repeated = std::count_if(counts.begin(), counts.end(), [](int n) { return n > 1; });
  return repeated == 1 && *std::max_element(counts.begin(), counts.end()) <= 3 &&
         PassesMod11_10(number);
}

bool IsEsDni(std::string_view number) {
  static constexpr std::string_view kLetters = "TRWAGMYFPDXBNJZSQVHLCKE";
  if (number.size() != 9) return false;
  std::string digits(number.substr(0, 8));
  if (digits[0] >= 'X' && digits[0] <= 'Z') digits[0] = static_cast<char>(digits[0] - 'X' + '0');
  return AllDigits(digits) && number[8] == kLetters[static_cast<size_t>(Number(digits) % 23)];
}

bool IsFiHetu(std::string_view number) {
  static constexpr std::string_view kCheck = "0123456789ABCDEFHJKLMNPRSTUVWXY";
  if (number.size() != 11) return false;
  std::string upper(number);
  for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  const std::string digits = upper.substr(0, 6) + upper.substr(7, 3);
  if (!AllDigits(digits)) return false;
  const char sign = upper[6];
  int century = 0;
  if (sign == '+') {
    century = 1800;
  } else if (sign == '-' || (sign >= 'U' && sign <= 'Y')) {
    century = 1900;
  } else if (sign >= 'A' && sign <= 'F') {
    century = 2000;
  } else {
    return false;
  }
  return IsDate(century + Number(digits.substr(4, 2)), Number(digits.substr(2, 2)),
                Number(digits.substr(0, 2))) &&
         Number(digits.substr(6)) >= 2 &&
         upper[10] == kCheck[static_cast<size_t>(Number(digits) % 31)];
}

bool IsFrNir(std::string_view number) {
  if (number.size() != 15) return false;
  std::string digits(number);
  const std::string_view department = number.substr(5, 2);
  if (department == "2A") digits.replace(5, 2, "19");
  if (department == "2B") digits.replace(5, 2, "18");
  return AllDigits(digits) && 97 - Number(digits.substr(0, 13)) % 97 == Number(digits.substr(13));
}

bool IsInAadhaar(std::string_view number) {
  return HasDigits(number, 12) && number[0] >= '2' &&
         !std::equal(number.begin(), number.begin() + 6, number.rbegin()) && PassesVerhoeff(number);
}

bool IsItCodiceFiscale(std::string_view number) {
  if (number.size() != 16) return false;
  // Where digits stand, and the letters that may take their places.
  static constexpr std::string_view kForm = "AAAAAA00A00A000A", kDigits = "LMNPQRSTUV";
  std::string plain(number);
  for (size_t i = 0; i < plain.size(); ++i) {
    const bool is_letter = plain[i] >= 'A' && plain[i] <= 'Z';
    if (kForm[i] == 'A') {
      if (!is_letter) return false;
    } else if (is_letter) {
      const size_t digit = kDigits.find(plain[i]);
      if (digit == std::string_view::npos) return false;
      plain[i] = static_cast<char>('0' + digit);
    } else if (plain[i] < '0' || plain[i] > '9') {
      return false;
    }
  }
  static constexpr std::string_view kMonths = "ABCDEHLMPRST";
  const size_t month = kMonths.find(plain[8]);
  const int64_t day = Number(plain.substr(9, 2)), year = Number(plain.substr(6, 2));
  if (month == std::string_view::npos || day > 71 ||
      !(IsDate(1900 + year, static_cast<int64_t>(month) + 1, day % 40) ||
        IsDate(2000 + year, static_cast<int64_t>(month) + 1, day % 40))) {
    return false;
  }
  // By letter, 0 to 9 as A to J.
  static constexpr int kOdd[26] = {1,  0,  5, 7, 9, 13, 15, 17, 19, 21, 2,  4,  18,
                                   20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23};
  int sum = 0;
  for (size_t i = 0; i < 15; ++i) {
    const int value = number[i] <= '9' ? number[i] - '0' : number[i] - 'A';
    sum += i % 2 == 0 ? kOdd[value] : value;
  }
  return number[15] - 'A' == sum % 26;
}

bool IsNlBsn(std::string_view number) {
  return HasDigits(number, 9) && Number(number) != 0 &&
         WeightedSum(number, {9, 8, 7, 6, 5, 4, 3, 2, -1}) % 11 == 0;
}

bool IsPlPesel(std::string_view number) {
  if (!HasDigits(number, 11)) return false;
  static constexpr int kCenturies[5] = {1900, 2000, 2100, 2200, 1800};
  const int64_t month = Number(number.substr(2, 2));
  return WeightedSum(number, {1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1}) % 10 == 0 &&
         IsDate(kCenturies[month / 20] + Number(number.substr(0, 2)), month % 20,
                Number(number.substr(4, 2)));
}

bool IsSePersonnummer(std::string_view number) {
  std::string digits;
  bool has_sign = false;
  for (const char c : number) {
    if (c >= '0' && c <= '9') {
      digits += c;
    } else if ((c == '-' || c == '+') && !has_sign) {
      has_sign = true;
    } else {
      return false;
    }
  }
  if (has_sign && number[number.size() - std::min<size_t>(5, number.size())] != '-' &&
      number[number.size() - std::min<size_t>(5, number.size())] != '+') {
    return false;
  }
  if (digits.size() != 10 && digits.size() != 12) return false;
  const std::string_view last = std::string_view(digits).substr(digits.size() - 10);
  const int64_t month = Number(last.substr(2, 2)), day = Number(last.substr(4, 2)) % 60;
  const auto exists = [&](int64_t century) {
    return IsDate(century * 100 + Number(last.substr(0, 2)), month, day);
  };
  const bool date = digits.size() == 12
                        ? Number(digits.substr(0, 2)) >= 18 && Number(digits.substr(0, 2)) <= 20 &&
                              exists(Number(digits.substr(0, 2)))
                        : exists(18) || exists(19) || exists(20);
  return date && PassesLuhn(last);
}

bool IsSgNric(std::string_view number) {
  if (number.size() != 9 || !AllDigits(number.substr(1, 7))) return false;
  const int sum = WeightedSum(number.substr(1), {2, 7, 6, 5, 4, 3, 2});
  const auto is_last = [&](std::string_view letters, int added) {
    return number[8] == letters[static_cast<size_t>((sum + added) % 11)];
  };
  switch (number[0]) {
    case 'S':
      return is_last("JZIHGFEDCBA", 0);
    case 'T':
      return is_last("JZIHGFEDCBA", 4);
    case 'F':
      return is_last("XWUTRQPNMLK", 0);
    case 'G':
      return is_last("XWUTRQPNMLK", 4);
    case 'M':
      return is_last("XWUTRQPNJLK", 3);
    default:
      return false;
  }
}

bool IsUkNhs(std::string_view number) {
  return HasDigits(number, 10) && (WeightedSum(number, {10, 9, 8, 7, 6, 5, 4, 3, 2, 1})) % 11 == 0;
}

bool IsUsEin(std::string_view number) {
  if (!HasDigits(number, 9)) return false;
  // https://www.irs.gov/businesses/small-businesses-self-employed/how-eins-are-assigned-and-valid-ein-prefixes
  static constexpr std::string_view kNotGiven =
      "00 07 08 09 17 18 19 28 29 49 69 70 78 79 89 96 97 ";
  return kNotGiven.find(std::string(number.substr(0, 2)) + " ") == std::string_view::npos;
}

bool IsUsItin(std::string_view number) {
  if (!HasDigits(number, 9) || number[0] != '9') return false;
  const int64_t group = Number(number.substr(3, 2));
  return group >= 50 && group <= 99 && group != 66 && group != 67 && group != 68 && group != 69 &&
         group != 89 && group != 93;
}

bool IsUsSsn(std::string_view number) {
  return HasDigits(number, 9) && number[0] != '9' && !number.starts_with("000") &&
         !number.starts_with("666") && number.substr(3, 2) != "00" && number.substr(5) != "0000";
}

bool IsEuVat(std::string_view number) {
  if (number.size() < 3) return false;
  const std::string_view country = number.substr(0, 2), body = number.substr(2);
  if (country == "BE") {
    const bool form = HasDigits(body, 10) && (body[0] == '0' || body[0] == '1');
    return form && Number(body.substr(8)) <= 97 &&
           (Number(body.substr(0, 8)) + Number(body.substr(8))) % 97 == 0;
  }
  if (country == "DE") return HasDigits(body, 9) && body[0] != '0' && PassesMod11_10(body);
  if (country == "FR") {
    return HasDigits(body, 11) && PassesLuhn(body.substr(2)) &&
           Number(body.substr(0, 2)) == (12 + 3 * (Number(body.substr(2)) % 97)) % 97;
  }
  if (country == "IT") {
    if (!HasDigits(body, 11) || body.starts_with("0000000")) return false;
    const int64_t province = Number(body.substr(7, 3));
    return ((province >= 1 && province <= 100) || province == 120 || province == 121 ||
            province == 888 || province == 999) &&
           PassesLuhn(body);
  }
  if (country == "LU") {
    return HasDigits(body, 8) && Number(body.substr(0, 6)) % 89 == Number(body.substr(6));
  }
  if (country == "PL") {
    return HasDigits(body, 10) &&
           WeightedSum(body, {6, 5, 7, 2, 3, 4, 5, 6, 7}) % 11 == DigitAt(body, 9);
  }
  if (country == "PT") {
    return HasDigits(body, 9) && body[0] != '0' &&
           (11 - WeightedSum(body, {9, 8, 7, 6, 5, 4, 3, 2}) % 11) % 11 % 10 == DigitAt(body, 8);
  }
  return false;
}

}  // namespace waterline::redaction
