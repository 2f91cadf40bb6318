#!/usr/bin/env python3
"""Writes pii_synthetic.jsonl: texts with made-up personal data, and where it stands.

    python3 -m venv build/pii && build/pii/bin/pip install -r bench/data/pii_requirements.txt
    build/pii/bin/python bench/data/pii_texts.py [--output FILE]

Fills the templates of pii_templates.txt, several times each. Names, addresses and identifiers are random
(Faker, of many countries); check digits are right; telephone numbers are from the ranges kept for fiction
where a country has them. The same versions give the same file.

A line is {"id", "kind", "half", "text", "entities": [[start, end, label]]}, in code points, as `waterline
eval --gold` reads it. `half` is by template: labels and thresholds are chosen on "dev" and reported on "test".

A slot of a template is {NAME} or {x.NAME} of a person x: a, b, c. What PERSONAL and OWN have is personal data
and has a label there; what DISTRACTORS have only looks like it, and has none, but for `date`.
"""
# SPDX-License-Identifier: Apache-2.0
import argparse
import datetime
import json
import pathlib
import random
import re
import unicodedata

from faker import Faker
from stdnum import luhn
from stdnum.br import cpf
from stdnum.ca import sin
from stdnum.de import idnr
from stdnum.es import dni, nie
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.in_ import aadhaar
from stdnum.it import codicefiscale
from stdnum.nl import bsn
from stdnum.pl import pesel
from stdnum.se import personnummer
from stdnum.us import ssn
import stdnum.iban

HERE = pathlib.Path(__file__).resolve().parent
TEXTS_OF_TEMPLATE = 16

# Countries of names, and how often.
NAMES = {"en_US": 30, "en_GB": 10, "en_IN": 6, "de_DE": 6, "fr_FR": 5, "es_ES": 6, "it_IT": 5, "nl_NL": 3,
         "pl_PL": 3, "pt_BR": 4, "sv_SE": 2, "tr_TR": 3, "vi_VN": 3, "cs_CZ": 2, "en_NG": 4, "zh_CN": 4,
         "ja_JP": 3, "el_GR": 1, "ru_RU": 1}
ROMANIZED = ("zh_CN", "ja_JP")
ADDRESSES = {"en_US": 10, "en_GB": 4, "en_CA": 2, "en_AU": 2, "de_DE": 3, "fr_FR": 2, "es_ES": 2, "it_IT": 2,
             "nl_NL": 2}
IBANS = ("de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "en_GB")


class Source:
    """What is random, from one seed."""

    def __init__(self, seed):
        self.dice = random.Random(seed)
        self.fakers = {}
        for locale in sorted({*NAMES, *ADDRESSES, *IBANS}):
            self.fakers[locale] = Faker(locale)
            self.fakers[locale].seed_instance(f"{seed} {locale}")

    def of(self, weights):
        return self.fakers[self.dice.choices(list(weights), list(weights.values()))[0]]

    def digits(self, form):
        """`form` with a digit for each #."""
        return re.sub("#", lambda _: str(self.dice.randint(0, 9)), form)

    def letters(self, count, alphabet):
        return "".join(self.dice.choices(alphabet, k=count))

    def until(self, make, right):
        while True:
            if right(made := make()):
                return made


# --- Persons -------------------------------------------------------------------------------------


PHONES = ("(###) 555-01##", "###-555-01##", "###.555.01##", "+1 ### 555 01##", "+1-###-555-01##",
          "1 (###) 555-01##", "###55501##", "+1 (###) 555-01## ext. 4##", "020 7946 0###", "07700 900###",
          "+44 7700 900###", "+44 (0)113 496 0###", "0113 496 0###", "+49 30 23125 ###", "030/23125###",
          "0171 39200##", "+49 (0) 89 99998 ###", "01 99 00 ## ##", "+33 6 39 98 ## ##", "06 39 98 ## ##",
          "+34 612 ### ###", "912 34 ## ##", "+39 06 5555 ####", "347 555 ####", "+31 6 1234 ####",
          "020-555 ####", "+48 601 ### ###", "+91 98765 4####", "098765 4####", "+46 70-174 06 ##",
          "+41 79 555 ## ##", "+61 491 570 1##", "(02) 5550 ####", "+81 90-5555-####", "+55 11 95555-####")


def phone(source):
    form = source.dice.choice(PHONES)
    if "###" in form and "555" in form and form.find("###") < form.find("555"):
        form = form.replace("###", str(source.dice.randint(2, 9)) + "##", 1)  # An area code.
    return source.digits(form)


def birthday(source):
    day = datetime.date(1935, 1, 1) + datetime.timedelta(days=source.dice.randint(0, 25_000))
    return day.strftime(source.dice.choice(
        ("%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%B %d, %Y", "%d %B %Y", "%d-%b-%Y", "%b %d, %Y",
         "%m/%d/%y")).replace("%d %B", f"{day.day} %B").replace("%B %d", f"%B {day.day}"))


def ascii_of(name):
    plain = name.lower().translate(str.maketrans("øłıđß", "olids"))
    return re.sub("[^a-z]", "", unicodedata.normalize("NFKD", plain))


class Person:
    """Somebody made up; styles say how the name is written."""

    def __init__(self, source, kind):
        dice = source.dice
        faker = source.of(NAMES)
        if faker.locales[0] in ROMANIZED:
            self.first, _, self.last = faker.romanized_name().rpartition(" ")
        else:
            woman = dice.random() < 0.5
            self.first = faker.first_name_female() if woman else faker.first_name_male()
            self.last = faker.last_name()
        plain = [ascii_of(self.first) or "user", ascii_of(self.last) or "example"]
        if kind == "chat" and dice.random() < 0.5:
            self.first, self.last = self.first.lower(), self.last.lower()
        number = dice.randint(1, 99)
        self.user = dice.choice((f"{plain[0][0]}{plain[1]}", f"{plain[0]}.{plain[1]}", f"{plain[0]}{number}",
                                 f"{plain[1]}_{plain[0][0]}{number}", f"{plain[0]}-{plain[1]}"))
        self.email = dice.choice((f"{plain[0]}.{plain[1]}", f"{plain[0][0]}{plain[1]}{number}", self.user,
                                  f"{plain[1]}+{dice.choice(('news', 'shop', 'work'))}")) + "@" + \
            dice.choice(("example.com", "example.org", "mail.example.net", "uni.example.edu",
                         "example.net", "firma.example", "shop.acme.example"))
        self.middle = dice.choice("ABCDEFGHJKLMPRSTW")
        self.title = dice.choice(("Dr.", "Prof.", "Mr", "Mrs", "Ms", "Dr", "Sir"))
        self.phone = phone(source)
        self.dob = birthday(source)
        address = source.of(ADDRESSES)
        self.address_lines = address.address().strip()
        self.address = ", ".join(line.strip(" ,") for line in self.address_lines.split("\n"))
        self.street = address.street_address().replace("\n", ", ").strip()
        self.zip = address.postcode()
        self.long = dice.random() < 0.15  # With a middle initial, or else a first one alone.
        self.short = dice.random() < 0.08

    def full(self):
        first = f"{self.first[0]}." if self.short else self.first
        return f"{first} {self.middle}. {self.last}" if self.long else f"{first} {self.last}"


# Label, and text of a person.
PERSONAL = {
    "full": ("person", Person.full), "first": ("person", lambda p: p.first),
    "last": ("person", lambda p: p.last), "upper": ("person", lambda p: f"{p.first} {p.last}".upper()),
    "lastfirst": ("person", lambda p: f"{p.last}, {p.first}"),
    "initials": ("person", lambda p: f"{p.first[0]}. {p.last}"),
    "email": ("email", lambda p: p.email), "phone": ("phone number", lambda p: p.phone),
    "dob": ("date of birth", lambda p: p.dob), "address": ("address", lambda p: p.address),
    "address_lines": ("address", lambda p: p.address_lines), "street": ("address", lambda p: p.street),
    "zip": ("address", lambda p: p.zip), "user": ("username", lambda p: p.user)}


# --- Identifiers ---------------------------------------------------------------------------------


def card(source):
    forms = (("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("37", 15), ("34", 15), ("6011", 16))
    begin, size = source.dice.choice(forms)
    number = begin + source.digits("#" * (size - 1 - len(begin)))
    number += luhn.calc_check_digit(number)
    parts = re.findall("(.{4})(.{6})(.{5})", number)[0] if size == 15 else re.findall("....", number)
    return source.dice.choice((" ", " ", "-", "")).join(parts)


def iban(source):
    number = source.until(source.fakers[source.dice.choice(IBANS)].iban,
                          lambda made: stdnum.iban.is_valid(made, check_country=False))
    return " ".join(re.findall(".{1,4}", number)) if source.dice.random() < 0.5 else number


def us_ssn(source):
    return source.until(lambda: source.digits(source.dice.choice(("###-##-####",) * 4 + ("### ## ####",))),
                        lambda made: ssn.is_valid(made.replace(" ", "-")))


def uk_nhs(source):
    number = source.until(lambda: str(source.dice.randint(4, 7)) + source.digits("#########"), nhs.is_valid)
    return source.dice.choice((f"{number[:3]} {number[3:6]} {number[6:]}",
                               f"{number[:3]}-{number[3:6]}-{number[6:]}", number))


def uk_nino(source):
    prefix = source.until(lambda: source.letters(1, "ABCEGHJKLMNPRSTWXYZ") +
                          source.letters(1, "ABCEGHJKLMNPRSTWXYZ"),
                          lambda made: made not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ"))
    form = source.digits(prefix + source.dice.choice((" ## ## ## ", "######")))
    return form + source.dice.choice("ABCD")


def de_steuer_id(source):
    def make():
        digits = [str(source.dice.randint(1, 9))]
        digits += [str(digit) for digit in source.dice.sample(range(10), 9)]
        number = "".join(digits)
        return number + idnr.mod_11_10.calc_check_digit(number)
    number = source.until(make, idnr.is_valid)
    return f"{number[:2]} {number[2:5]} {number[5:8]} {number[8:]}" if source.dice.random() < 0.5 else number


def fr_nir(source):
    number = source.digits(f"{source.dice.randint(1, 2)}{source.dice.randint(40, 99)}"
                           f"{source.dice.randint(1, 12):02}{source.dice.randint(10, 95)}###0##")
    number = source.until(lambda: number + nir.calc_check_digits(number), nir.is_valid)
    spaced = " ".join(re.fullmatch("(.)(..)(..)(..)(...)(...)(..)", number).groups())
    return source.dice.choice((number, spaced))


def es_dni(source):
    if source.dice.random() < 0.3:
        number = source.dice.choice("XYZ") + source.digits("#######")
        return number + nie.calc_check_digit(number)
    number = source.digits("########")
    return number + source.dice.choice(("", "", "-")) + dni.calc_check_digit(number)


def it_codice_fiscale(source):
    return source.until(source.fakers["it_IT"].ssn, codicefiscale.is_valid)


def other_id(source):
    form, valid = source.dice.choice((("#########", bsn.is_valid), ("###########", pesel.is_valid),
                                      ("######-####", personnummer.is_valid),
                                      ("###.###.###-##", cpf.is_valid), ("### ### ###", sin.is_valid),
                                      ("#### #### ####", aadhaar.is_valid)))
    return source.until(lambda: source.digits(form), valid)


def password(source):
    word = source.dice.choice(("Sommer", "hunter", "Tr0ub4dor", "correct-horse", "Welcome", "qwerty", "P@ss",
                               "letmein", "Blue.Kettle"))
    return word + source.digits(source.dice.choice(("##!", "####", "#?", "_##$")))


HEX = "0123456789abcdef"
WORD = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def api_key(source):
    return source.dice.choice((
        lambda: "AKIA" + source.letters(9, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") + "EXAMPLE",
        lambda: "ghp_" + source.letters(29, WORD) + "EXAMPLE", lambda: "key-" + source.letters(32, HEX),
        lambda: source.letters(40, HEX), lambda: "pk_test_" + source.letters(24, WORD)))()


def jwt(source):
    return ("eyJhbGciOiJIUzI1NiJ9." + "eyJ" + source.letters(source.dice.randint(20, 40), WORD) + "." +
            source.letters(43, WORD))


def ipv6(source):
    return source.dice.choice((
        lambda: "2001:db8:" + ":".join(f"{source.dice.randint(0, 65535):x}" for _ in range(6)),
        lambda: "2001:db8::" + ":".join(f"{source.dice.randint(0, 65535):x}" for _ in range(2)),
        lambda: "fe80::" + ":".join(f"{source.dice.randint(0, 65535):x}" for _ in range(4))))()


def url(source):
    name = source.letters(source.dice.randint(5, 9), "abcdefghiklmnoprstuvw")
    return source.dice.choice((f"https://www.example.com/{name}", f"http://{name}.example.org/a/b?id=42",
                               f"https://social.example.net/@{name}", f"www.{name}.example.com",
                               f"https://docs.example.net/v2/{name}#top"))


def mac(source):
    pairs = [source.letters(2, HEX) for _ in range(6)]
    text = source.dice.choice((":", ":", "-")).join(pairs)
    return text.upper() if source.dice.random() < 0.3 else text


def mrn(source):
    return source.digits(source.dice.choice(("########", "######", "H-###-####", "MR#######", "###-##-##")))


def vin(source):
    return source.fakers["en_US"].vin()


# Label, and text.
OWN = {"card": ("credit card", card), "iban": ("iban", iban), "ssn": ("us ssn", us_ssn),
       "nhs": ("uk nhs number", uk_nhs), "nino": ("uk nino", uk_nino),
       "steuerid": ("de tax id", de_steuer_id), "nir": ("fr nir", fr_nir), "dni": ("es dni", es_dni),
       "cf": ("it codice fiscale", it_codice_fiscale), "id_other": ("other national id", other_id),
       "ipv4": ("ip address", lambda s: ".".join(str(s.dice.randint(1, 254)) for _ in range(4))),
       "ipv6": ("ip address", ipv6), "mac": ("mac address", mac), "url": ("url", url),
       "mrn": ("medical record number", mrn), "password": ("password", password),
       "apikey": ("api key", api_key), "jwt": ("api key", jwt), "vin": ("vin", vin),
       "passport": ("passport number",
                    lambda s: s.digits(s.dice.choice(("C0#X#7K#L", "#########", "X########", "##AB#####")))),
       "account": ("bank account", lambda s: s.digits(s.dice.choice(("##########", "########"))))}


# --- What only looks like it ---------------------------------------------------------------------


def some_day(source):
    return datetime.datetime(2021, 1, 1) + datetime.timedelta(seconds=source.dice.randint(0, 150_000_000))


def date(source):
    day = some_day(source)
    return source.dice.choice((f"{day.day} {day:%B}", f"{day:%B} {day.day}", f"{day.day} {day:%B %Y}",
                               f"{day:%Y-%m-%d}", f"{day:%d.%m.%Y}", f"{day:%b} {day.day}, {day:%Y}",
                               f"{day:%m/%d/%Y}"))


def product(source):
    return source.dice.choice(("Falcon X200", "Aurora Desk", "KettlePro 3", "Orbit Pay", "ThinPad T14",
                               "Nimbus Cloud", "Gardena 500", "Volt Scooter", "Juniper Suite", "Maple CRM",
                               "Polaris 9000", "Cardo Filter", "Opal Watch 2"))


DISTRACTORS = {
    "order": lambda s: s.digits(s.dice.choice(("#######", "ORD-2#####", "A-####-##", "#10####", "INV2024-####"))),
    "version": lambda s: s.digits(s.dice.choice(("1.#.#", "2.1#.#", "4.2.0-rc#", "10.#.12.#"))),
    "price": lambda s: s.digits(s.dice.choice(("$4#.99", "$1,#50.00", "EUR 2#9", "£6#.50", "1#.490,00 €"))),
    "timestamp": lambda s: some_day(s).strftime(s.dice.choice(("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S",
                                                               "%d/%b/%Y:%H:%M:%S +0000"))),
    "time": lambda s: some_day(s).strftime(s.dice.choice(("%H:%M", "%I:%M %p"))),
    "date": date, "product": product,
    "org": lambda s: s.of({"en_US": 3, "en_GB": 1, "de_DE": 1, "fr_FR": 1}).company(),
    "uuid": lambda s: "-".join(s.letters(size, HEX) for size in (8, 4, 4, 4, 12)),
    "sha": lambda s: s.letters(s.dice.choice((7, 12, 40)), HEX),
    "sku": lambda s: s.letters(3, "ABCDEFGHKLMNPQRSTUVWXYZ") + s.digits("-####"),
    "tracking": lambda s: s.digits(s.dice.choice(("1Z999AA1########", "JD01460000########"))),
    "count": lambda s: str(s.dice.randint(2, 9_999)),
    "dose": lambda s: s.dice.choice(("25 mg", "50 mg twice daily", "500 mg", "1 g", "5 mg/day")),
    "isbn": lambda s: s.digits("978-3-16-14####-#")}


# --- Texts ---------------------------------------------------------------------------------------


SLOT = re.compile(r"\{\{|\}\}|\{(?:([abc])\.)?(\w+)\}")


def read_templates():
    """[(kind, template)]."""
    parts = re.split(r"^--- (\w+)\n", (HERE / "pii_templates.txt").read_text(encoding="utf-8"),
                     flags=re.MULTILINE)[1:]
    return [(kind, text.rstrip("\n")) for kind, text in zip(parts[::2], parts[1::2])]


def fill(source, kind, template):
    """(text, [[start, end, label]])."""
    people, text, entities, at = {}, "", [], 0

    def add(label, value):
        nonlocal text
        if label:
            entities.append([len(text), len(text) + len(value), label])
        text += value

    for slot in SLOT.finditer(template):
        add(None, template[at:slot.start()])
        at = slot.end()
        who, name = slot.groups()
        if name is None:
            add(None, slot.group()[0])
        elif who and name == "titled":
            person = people.setdefault(who, Person(source, kind))
            add(None, person.title + " ")
            add("person", person.last if person.short else f"{person.first} {person.last}")
        elif who:
            if who not in people:
                people[who] = Person(source, kind)
            label, value = PERSONAL[name]
            add(label, value(people[who]))
        elif name in OWN:
            label, value = OWN[name]
            add(label, value(source))
        else:
            add("date" if name == "date" else None, DISTRACTORS[name](source))
    return text + template[at:], entities


def texts():
    source = Source(20)
    of_kind = {}
    for number, (kind, template) in enumerate(read_templates(), 1):
        of_kind[kind] = of_kind.get(kind, 0) + 1
        half = "dev" if of_kind[kind] % 2 else "test"
        for copy in range(1, TEXTS_OF_TEMPLATE + 1):
            text, entities = fill(source, kind, template)
            yield {"id": f"{number:02}-{copy:02}", "kind": kind, "half": half, "text": text,
                   "entities": entities}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", default=HERE / "pii_synthetic.jsonl", help="pii_synthetic.jsonl")
    arguments = parser.parse_args()
    with open(arguments.output, "w", encoding="utf-8") as file:
        for record in texts():
            file.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
