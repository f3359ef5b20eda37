//! What the names of columns say. Names prove nothing: they choose among what the values allow.

pub(super) use super::day_names::{is_date, is_from, is_of_life, is_to};
use super::words::{has_part, has_word, words};

/// Somebody whom others report to.
pub(super) fn is_manager(name: &str) -> bool {
    has_part(
        name,
        &[
            "manager",
            "supervisor",
            "reportsto",
            "vorgesetzt",
            "superior",
            "mstbr",
            "parent",
            "fuehrungskraft",
            "führungskraft",
            "responsable",
            "responsabile",
            "leiter",
            "leidinggevende",
            "przełożon",
            "nadřízen",
            "esimies",
            "上司",
            "主管",
        ],
    ) || has_word(
        name,
        &[
            "mgr",
            "boss",
            "chef",
            "superviseur",
            "jefe",
            "gerente",
            "gestor",
            "chefe",
            "leder",
            "capo",
            "manažer",
        ],
    )
}

/// People themselves: numbers in such a column are theirs.
pub(super) fn is_person(name: &str) -> bool {
    let words = words(name);
    let people = [
        "worker",
        "user",
        "employee",
        "person",
        "associate",
        "staff",
        "pernr",
        "mitarbeiter",
    ];
    words.last().is_some_and(|word| people.contains(&&**word))
}

/// A name that a column has because its file gives it none.
pub(super) fn is_made_up(name: &str) -> bool {
    name.strip_prefix("column_")
        .is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()))
}

/// What is paid, or otherwise reckoned with.
pub(super) fn is_amount(name: &str) -> bool {
    let words = [
        "amount",
        "balance",
        "allowance",
        "salary",
        "pay",
        "wage",
        "wages",
        "bonus",
        "compensation",
        "income",
        "betrag",
        "gehalt",
        "lohn",
        "brutto",
        "netto",
        "grundgehalt",
        "monatsgehalt",
        "salaire",
        "salario",
        "sueldo",
        "stipendio",
        "retribuzione",
        "salaris",
        "loon",
        "lön",
        "løn",
        "lønn",
        "wynagrodzenie",
        "hours",
        "days",
        "limit",
        "fte",
        "percent",
        "percentage",
        "stunden",
        "tage",
        "urlaub",
    ];
    has_word(name, &words) || has_part(name, &["salary", "basepay", "gehalt"])
}

/// What identifies something.
pub(super) fn is_id(name: &str) -> bool {
    let words = words(name);
    // The number of children, and that of a change on a day.
    let counts = has_word(name, &["sequence", "seq", "count", "of", "order", "anzahl"]);
    let is_named = words
        .last()
        .is_some_and(|word| ["id", "code", "key", "no", "nr", "number", "num"].contains(&&**word));
    !counts && (is_named || !is_amount(name)) && is_id_of(name, &words)
}

fn is_id_of(name: &str, words: &[String]) -> bool {
    has_word(
        name,
        &[
            "id",
            "ids",
            "number",
            "no",
            "nr",
            "num",
            "code",
            "key",
            "uuid",
            "guid",
            "matricule",
            "zip",
            "plz",
            "postal",
            "postcode",
            "phone",
            "telephone",
            "fax",
            "mobile",
            "iban",
            "ssn",
            "badge",
            "account",
        ],
    ) || has_part(
        name,
        &[
            "pernr",
            "nummer",
            "personnelnumber",
            "kostenstelle",
            "costcent",
            "zipcode",
            "externalid",
            "matrikel",
        ],
    ) || has_part(name, PERSONNEL_NUMBERS)
        || words.iter().any(|word| {
            word.len() > 4
                && (word.ends_with("id") || word.ends_with("nr"))
                && !["paid", "valid", "unpaid", "invalid"].contains(&&**word)
        })
}

/// Where somebody is found: others may be found there, too.
pub(super) fn is_contact(name: &str) -> bool {
    has_word(
        name,
        &[
            "zip",
            "plz",
            "postal",
            "postcode",
            "phone",
            "telephone",
            "telefon",
            "fax",
            "mobile",
            "iban",
            "account",
        ],
    ) || has_part(name, &["zipcode", "phone", "telefon"])
}

/// What the number of a person is called, alone or within a name.
const PERSONNEL_NUMBERS: &[&str] = &[
    "personalnr",
    "persnr",
    "matricola",
    "matrícula",
    "matricula",
    "legajo",
    "社員番号",
    "工号",
];

/// How likely it is that a column of this name identifies the records, the likeliest first: people, then positions and
/// assignments, then anything, then what is not named so.
pub(super) fn rank(name: &str) -> u8 {
    let person = [
        "employee",
        "worker",
        "person",
        "user",
        "emp",
        "associate",
        "staff",
        "personnel",
        "file",
        "mitarbeiter",
        "empleado",
        "empregado",
        "funcionario",
        "funcionário",
        "employé",
        "employe",
        "salarié",
        "dipendente",
        "medewerker",
        "werknemer",
        "pracownik",
        "pracownika",
        "zaměstnanec",
        "ansatt",
        "anställd",
        "medarbejder",
    ];
    let parts = [
        "mitarbeiternr",
        "mitarbeiternummer",
        "matricule",
        "employeeid",
        "workerid",
        "userid",
        "personid",
        "pernr",
        "personalnummer",
        "personnelnumber",
        "filenumber",
    ];
    match is_id(name) {
        true if has_word(name, &person)
            || has_part(name, &parts)
            || has_part(name, PERSONNEL_NUMBERS) =>
        {
            0
        }
        true if has_word(name, &["position", "assignment", "job"]) => 1,
        true => 2,
        false => 3,
    }
}

/// What identifies a person.
pub(super) fn is_of_person(name: &str) -> bool {
    rank(name) == 0
}

/// Whether it is what a column of such a file is commonly called.
pub(super) fn is_usual(name: &str) -> bool {
    let words = [
        "status",
        "department",
        "title",
        "location",
        "type",
        "grade",
        "country",
        "city",
        "region",
        "company",
        "job",
        "position",
        "level",
        "currency",
        "class",
        "category",
        "abteilung",
        "stelle",
        "land",
        "ort",
        "firma",
        "gesellschaft",
        "puesto",
        "departamento",
        "ciudad",
        "poste",
        "ville",
        "pays",
        "service",
        "statut",
        "org",
        "organization",
        "language",
        "team",
        "unit",
        "division",
        "age",
    ];
    is_id(name)
        || is_amount(name)
        || is_date(name)
        || is_from(name)
        || is_to(name)
        || is_personal(name)
        || is_flag(name)
        || has_word(name, &words)
}

/// A flag.
pub(super) fn is_flag(name: &str) -> bool {
    has_word(
        name,
        &[
            "is", "has", "flag", "can", "active", "enabled", "aktiv", "yn",
        ],
    )
}

/// What tells of people, so that even a value that comes again and again is somebody's.
pub(super) fn is_personal(name: &str) -> bool {
    is_manager(name)
        || has_part(
            name,
            &[
                "name",
                "imię",
                "imie",
                "nazwisk",
                "nombre",
                "apellido",
                "prénom",
                "prenom",
                "cognome",
                "nome",
                "navn",
                "namn",
                "jméno",
                "příjmení",
                "氏名",
                "姓名",
                "mail",
                "known",
                "preferred",
                "iban",
                "account",
                "diagnos",
                "hrbp",
                "phone",
                "birth",
                "geburt",
                "address",
                "street",
                "strasse",
                "straße",
                "lead",
                "head",
                "owner",
                "approver",
                "partner",
                "contact",
                "coach",
                "mentor",
                "nationality",
                "religion",
                "gender",
                "salary",
                "comment",
                "remark",
                "note",
            ],
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_may_be_in_a_column() {
        for name in [
            "Manager ID",
            "managerId",
            "Vorgesetzter",
            "REPORTS_TO",
            "MSTBR",
        ] {
            assert!(is_manager(name), "{name}");
        }
        for name in [
            "employeeID",
            "ZIP",
            "PERNR",
            "File Number",
            "userId",
            "Kostenstelle",
            "WorkerID",
        ] {
            assert!(is_id(name), "{name}");
        }
        for name in [
            "Vacation Days",
            "Headcount",
            "SALARY",
            "Notes",
            "seqNumber",
            "Number of Children",
        ] {
            assert!(!is_id(name), "{name}");
        }
        assert!(is_from("BEGDA") && is_to("ENDDA") && is_from("startDate") && is_to("END_DATE"));
        assert!(!is_from("hireDate") && !is_to("Vendor"));
        let ranks = ["Employee ID", "Position ID", "Code", "Employment Type"].map(rank);
        assert_eq!(ranks, [0, 1, 2, 3]);
        assert!(is_personal("Supervisor Name") && !is_personal("Status"));
    }
}
