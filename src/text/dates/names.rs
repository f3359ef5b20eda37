//! Names of months and of days of the week.
//!
//! They are those of CLDR 48 (<https://cldr.unicode.org>, Unicode License v3): `dates/calendars/gregorian`, `format`
//! and `stand-alone`, so that genitives are among them, of a language and its regions. Beside them stand
//! the abbreviations of Oracle and Windows where these are others (`Mrz`). They are written here in lower case and
//! without dots; words of one month are separated by `|`, and the one to write comes first.

use std::cmp::Reverse;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A language in which months and days of the week may have their names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// German.
    De,
    /// French.
    Fr,
    /// Spanish.
    Es,
    /// Italian.
    It,
    /// Portuguese.
    Pt,
    /// Dutch.
    Nl,
    /// Polish.
    Pl,
    /// Swedish.
    Sv,
    /// Danish.
    Da,
    /// Norwegian (bokmål).
    #[serde(alias = "no")]
    Nb,
    /// Finnish.
    Fi,
    /// Czech.
    Cs,
}

impl Language {
    /// All of them, the commonest first.
    pub(crate) const ALL: [Language; 13] = [
        Language::En,
        Language::De,
        Language::Fr,
        Language::Es,
        Language::It,
        Language::Pt,
        Language::Nl,
        Language::Pl,
        Language::Sv,
        Language::Da,
        Language::Nb,
        Language::Fi,
        Language::Cs,
    ];
}

/// The names that a language has.
struct Table {
    language: &'static str,
    short_months: &'static str,
    months: &'static str,
    short_days: &'static str,
    days: &'static str,
}

impl Language {
    /// The language in English.
    pub(crate) const fn name(self) -> &'static str {
        self.table().language
    }

    const fn table(self) -> &'static Table {
        match self {
            Language::En => &EN,
            Language::De => &DE,
            Language::Fr => &FR,
            Language::Es => &ES,
            Language::It => &IT,
            Language::Pt => &PT,
            Language::Nl => &NL,
            Language::Pl => &PL,
            Language::Sv => &SV,
            Language::Da => &DA,
            Language::Nb => &NB,
            Language::Fi => &FI,
            Language::Cs => &CS,
        }
    }
}

/// Which names a field has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    Short,
    Whole,
}

/// The names that a field can have, with the number that each stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Names(Box<[(Box<str>, u8)]>);

impl Names {
    /// Names of months, from 1.
    pub(super) fn of_months(language: Language, width: Width) -> Names {
        let table = language.table();
        Names::new(
            1,
            match width {
                Width::Short => table.short_months,
                Width::Whole => table.months,
            },
        )
    }

    /// Names of the days of the week, from 0 for Sunday.
    pub(super) fn of_days(language: Language, width: Width) -> Names {
        let table = language.table();
        Names::new(
            0,
            match width {
                Width::Short => table.short_days,
                Width::Whole => table.days,
            },
        )
    }

    fn new(first: u8, table: &str) -> Names {
        let mut names = Vec::new();
        for (number, words) in (first..).zip(table.split_whitespace()) {
            for word in words.split('|') {
                let bare: String = word.chars().map(without_accent).collect();
                if bare != word {
                    names.push((bare.into(), number));
                }
                names.push((word.into(), number));
            }
        }
        // `sept` before `sep`, `červenec` before `červen`.
        names.sort_by_key(|(name, _): &(Box<str>, u8)| Reverse(name.len()));
        Names(names.into())
    }

    /// The number of the name that a text begins with, in any case, and the rest of the text.
    #[inline]
    pub(super) fn strip<'t>(&self, text: &'t str) -> Option<(u8, &'t str)> {
        let found = |(name, number): &(Box<str>, u8)| Some((*number, strip(text, name)?));
        self.0.iter().find_map(found)
    }

    /// The names of a number.
    pub(super) fn of(&self, number: u8) -> impl Iterator<Item = &str> {
        let of_it = self.0.iter().filter(move |(_, n)| *n == number);
        of_it.map(|(name, _)| &**name)
    }
}

/// What follows a name, which is in lower case, at the beginning of a text.
#[inline]
fn strip<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let mut rest = text.chars();
    for expected in name.chars() {
        let found = rest.next()?;
        let lower = match found.is_ascii() {
            true => found.to_ascii_lowercase(),
            false => found.to_lowercase().next()?,
        };
        if lower != expected {
            return None;
        }
    }
    Some(rest.as_str())
}

/// The letter that stands for another where there are no accents: in old systems, and in capitals.
const fn without_accent(letter: char) -> char {
    match letter {
        'á' | 'ä' | 'å' | 'ą' => 'a',
        'ç' | 'č' => 'c',
        'é' | 'ě' => 'e',
        'í' | 'ì' => 'i',
        'ł' => 'l',
        'ń' => 'n',
        'ö' | 'ø' => 'o',
        'ř' => 'r',
        'ś' => 's',
        'ú' | 'û' => 'u',
        'ý' => 'y',
        'ź' => 'z',
        other => other,
    }
}

/// The English name of a month, as it is written.
pub(super) fn english_month(month: u8, width: Width) -> &'static str {
    let name = MONTHS.get(usize::from(month).wrapping_sub(1));
    cut(name.copied().unwrap_or_default(), width)
}

/// The English name of a day of the week, as it is written.
pub(super) fn english_day(day: u8, width: Width) -> &'static str {
    cut(
        DAYS.get(usize::from(day)).copied().unwrap_or_default(),
        width,
    )
}

fn cut(name: &'static str, width: Width) -> &'static str {
    match width {
        Width::Short => name.get(..3).unwrap_or(name),
        Width::Whole => name,
    }
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

static EN: Table = Table {
    language: "English",
    short_months: "jan feb mar apr may jun jul aug sep|sept oct nov dec",
    months: "january february march april may june july august september october november december",
    short_days: "sun mon tue wed thu fri sat",
    days: "sunday monday tuesday wednesday thursday friday saturday",
};

static DE: Table = Table {
    language: "German",
    short_months: "jan|jän feb mär|märz|mrz apr mai jun|juni jul|juli aug sep|sept okt nov dez",
    months: "januar|jänner februar märz april mai juni juli august september oktober november dezember",
    short_days: "so mo di mi do fr sa",
    days: "sonntag montag dienstag mittwoch donnerstag freitag samstag|sonnabend",
};

static FR: Table = Table {
    language: "French",
    short_months: "janv févr mars avr mai juin juil|juill août sept oct nov déc",
    months: "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    short_days: "dim|di lun|lu mar|ma mer|me jeu|je ven|ve sam|sa",
    days: "dimanche lundi mardi mercredi jeudi vendredi samedi",
};

static ES: Table = Table {
    language: "Spanish",
    short_months: "ene feb mar abr may jun jul ago sept|sep|set oct nov dic",
    months: "enero febrero marzo abril mayo junio julio agosto septiembre|setiembre octubre noviembre diciembre",
    short_days: "dom|do lun|lu mar|ma mié|mi jue|ju vie|vi sáb|sá",
    days: "domingo lunes martes miércoles jueves viernes sábado",
};

static IT: Table = Table {
    language: "Italian",
    short_months: "gen feb mar apr mag giu lug ago set ott nov dic",
    months: "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    short_days: "dom lun mar mer gio ven sab",
    days: "domenica lunedì martedì mercoledì giovedì venerdì sabato",
};

static PT: Table = Table {
    language: "Portuguese",
    short_months: "jan fev mar abr mai jun jul ago set out nov dez",
    months: "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    short_days: "dom|domingo seg|segunda ter|terça qua|quarta qui|quinta sex|sexta sáb|sábado",
    days: "domingo segunda-feira terça-feira quarta-feira quinta-feira sexta-feira sábado",
};

static NL: Table = Table {
    language: "Dutch",
    short_months: "jan feb mrt apr mei jun jul aug sep okt nov dec",
    months: "januari februari maart april mei juni juli augustus september oktober november december",
    short_days: "zo ma di wo do vr za",
    days: "zondag maandag dinsdag woensdag donderdag vrijdag zaterdag",
};

static PL: Table = Table {
    language: "Polish",
    short_months: "sty lut mar kwi maj cze lip sie wrz paź lis gru",
    months: "stycznia|styczeń lutego|luty marca|marzec kwietnia|kwiecień maja|maj czerwca|czerwiec lipca|lipiec \
             sierpnia|sierpień września|wrzesień października|październik listopada|listopad grudnia|grudzień",
    short_days: "niedz|nie pon wt|wto śr|śro czw pt|pią sob",
    days: "niedziela poniedziałek wtorek środa czwartek piątek sobota",
};

static SV: Table = Table {
    language: "Swedish",
    short_months: "jan feb mars|mar apr maj juni|jun juli|jul aug sep okt nov dec",
    months: "januari februari mars april maj juni juli augusti september oktober november december",
    short_days: "sön|sö mån|må tis|ti ons|on tors|to fre|fr lör|lö",
    days: "söndag måndag tisdag onsdag torsdag fredag lördag",
};

static DA: Table = Table {
    language: "Danish",
    short_months: "jan feb mar apr maj jun jul aug sep okt nov dec",
    months: "januar februar marts april maj juni juli august september oktober november december",
    short_days: "søn|sø man|ma tirs|ti ons|on tors|to fre|fr lør|lø",
    days: "søndag mandag tirsdag onsdag torsdag fredag lørdag",
};

static NB: Table = Table {
    language: "Norwegian",
    short_months: "jan feb mar|mars apr mai jun|juni jul|juli aug sep okt nov des",
    months: "januar februar mars april mai juni juli august september oktober november desember",
    short_days: "søn|sø man|ma tir|ti ons|on tor|to fre|fr lør|lø",
    days: "søndag mandag tirsdag onsdag torsdag fredag lørdag",
};

static FI: Table = Table {
    language: "Finnish",
    short_months: "tammi helmi maalis huhti touko kesä heinä elo syys loka marras joulu",
    months: "tammikuuta|tammikuu helmikuuta|helmikuu maaliskuuta|maaliskuu huhtikuuta|huhtikuu toukokuuta|toukokuu \
             kesäkuuta|kesäkuu heinäkuuta|heinäkuu elokuuta|elokuu syyskuuta|syyskuu lokakuuta|lokakuu \
             marraskuuta|marraskuu joulukuuta|joulukuu",
    short_days: "su ma ti ke to pe la",
    days: "sunnuntaina|sunnuntai maanantaina|maanantai tiistaina|tiistai keskiviikkona|keskiviikko \
           torstaina|torstai perjantaina|perjantai lauantaina|lauantai",
};

static CS: Table = Table {
    language: "Czech",
    short_months: "led úno bře dub kvě čvn čvc srp zář říj lis pro",
    months: "ledna|leden února|únor března|březen dubna|duben května|květen června|červen července|červenec \
             srpna|srpen září října|říjen listopadu|listopad prosince|prosinec",
    short_days: "ne po út st čt pá so",
    days: "neděle pondělí úterý středa čtvrtek pátek sobota",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_all_its_names_and_none_twice() {
        for language in Language::ALL {
            for width in [Width::Short, Width::Whole] {
                for (names, numbers) in [
                    (Names::of_months(language, width), 1..=12),
                    (Names::of_days(language, width), 0..=6),
                ] {
                    let all = numbers.clone().all(|n| names.of(n).next().is_some());
                    assert!(all && names.of(numbers.end() + 1).next().is_none());
                    for (name, number) in &names.0 {
                        let capitals = name.to_uppercase();
                        for text in [name, capitals.as_str()] {
                            assert_eq!(
                                names.strip(text),
                                Some((*number, "")),
                                "{language:?} {text}"
                            );
                        }
                        let plain = name.chars().map(without_accent).all(|c| c.is_ascii());
                        assert!(plain, "{name} has an accent that is not known");
                    }
                }
            }
        }
    }

    #[test]
    fn the_longest_name_is_read() {
        let names = Names::of_months(Language::Cs, Width::Whole);
        assert_eq!(names.strip("Července 2021"), Some((7, " 2021")));
        assert_eq!(names.strip("Června 2021"), Some((6, " 2021")));
        assert_eq!(names.strip("čer"), None);
        let names = Names::of_months(Language::En, Width::Short);
        assert_eq!(names.strip("SEPT. 3"), Some((9, ". 3")));
        assert_eq!(names.strip("September"), Some((9, "ember")));
    }

    #[test]
    fn english_names_are_written() {
        assert_eq!(english_month(9, Width::Short), "Sep");
        assert_eq!(english_month(12, Width::Whole), "December");
        assert_eq!(english_day(0, Width::Whole), "Sunday");
        assert_eq!(english_day(6, Width::Short), "Sat");
    }
}
