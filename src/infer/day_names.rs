//! What names of columns say of days.

use super::words::{has_part, has_word};

/// The first day of something.
pub(super) fn is_from(name: &str) -> bool {
    has_word(
        name,
        &[
            "start",
            "from",
            "effective",
            "begin",
            "begins",
            "ab",
            "von",
            "since",
            "du",
            "desde",
            "inicio",
            "início",
            "début",
            "debut",
            "depuis",
            "dal",
            "inizio",
            "vanaf",
            "ingangsdatum",
            "fra",
            "från",
            "od",
            "effdt",
            "eff",
            "vigencia",
        ],
    ) || has_part(
        name,
        &[
            "beginn",
            "開始",
            "开始",
            "生效",
            "begda",
            "startdate",
            "validfrom",
            "effectivedate",
            "gültigab",
            "gueltigab",
        ],
    )
}

/// The last day of something.
pub(super) fn is_to(name: &str) -> bool {
    has_word(
        name,
        &[
            "end",
            "to",
            "until",
            "bis",
            "thru",
            "through",
            "au",
            "expiry",
            "ende",
            "fin",
            "fine",
            "fim",
            "hasta",
            "até",
            "al",
            "tot",
            "einddatum",
            "til",
            "slut",
            "do",
            "konec",
            "koniec",
        ],
    ) || has_part(
        name,
        &["endda", "enddate", "validto", "終了", "结束", "失效"],
    )
}

/// A day in somebody's life, from which no row holds.
pub(super) fn is_of_life(name: &str) -> bool {
    let parts = [
        "birth",
        "hire",
        "born",
        "joined",
        "joining",
        "termination",
        "seniority",
        "geburt",
        "eintritt",
        "austritt",
        "naissance",
        "embauche",
        "nacimiento",
        "ingreso",
        "contratacion",
        "nascita",
        "assunzione",
        "geboorte",
        "indienst",
        "narození",
        "urodzenia",
        "zatrudnienia",
        "created",
        "modified",
        "updated",
        "dob",
    ];
    has_part(name, &parts)
}

/// A day or a time.
pub(super) fn is_date(name: &str) -> bool {
    has_word(
        name,
        &[
            "date",
            "datum",
            "day",
            "time",
            "timestamp",
            "at",
            "on",
            "when",
            "created",
            "updated",
            "modified",
            "since",
        ],
    ) || has_part(name, &["date", "datum", "timestamp"])
}
