use super::*;
use crate::infer::tests::column;

#[track_caller]
fn of(name: &str, values: &[&str]) -> Decided {
    decide(name, &column(values))
}

fn from(decided: &Decided) -> String {
    match &decided.kind {
        Type::Date(days) => days.from.join(" | "),
        Type::Undecided(Undecided::Orders { formats, .. }) => {
            let each = formats
                .iter()
                .map(|f| format!("{} {}/{}", f.format, f.values, f.alone));
            format!("? {}", each.collect::<Vec<_>>().join(", "))
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn orders_of_dates() {
    for (values, expected) in [
        (&["15/03/2021", "02/03/2021"][..], "DD/MM/YYYY"),
        (&["03/15/2021", "02/03/2021"], "MM/DD/YYYY"),
        (&["3/15/2021", "2/3/2021"], "M/D/YYYY"),
        (
            &["05/03/2021", "02/03/2021"],
            "? DD/MM/YYYY 2/0, MM/DD/YYYY 2/0",
        ),
        (
            &["15/03/2021", "03/15/2021", "01/02/2021"],
            "? DD/MM/YYYY 2/1, MM/DD/YYYY 2/1",
        ),
        (
            &["15/03/2021", "01/02/2021 10:00"],
            "DD/MM/YYYY | DD/MM/YYYY HH:mm",
        ),
        (&["2021-03-15", "15.03.2021"], "YYYY-MM-DD | DD.MM.YYYY"),
        (&["15.03.65", "01.02.70"], "DD.MM.YY"),
        (
            &["01/02/03", "04/05/06"],
            "? DD/MM/YY 2/0, MM/DD/YY 2/0, YY/MM/DD 2/0",
        ),
        (&["15-MAR-21", "02-JAN-20"], "DD-MMM-YY"),
        (&["March 5, 2021", "May 15, 2020"], "MMMM D, YYYY"),
        (&["20210315", "20200101"], "YYYYMMDD"),
        (&["12102011", "31012012"], "DDMMYYYY"),
        // Days that never come prove nothing of the others.
        (
            &["05/03/2021", "31/12/9999"],
            "? DD/MM/YYYY 1/0, MM/DD/YYYY 1/0",
        ),
    ] {
        assert_eq!(from(&of("x", values)), expected, "{values:?}");
    }
}

#[test]
fn a_few_values_that_are_no_dates_do_not_hide_the_others() {
    let mut values = vec!["15/03/2021"; 97];
    values.extend(["soon", "?", "20/2021"]);
    let found = of("x", &values);
    assert_eq!(
        (from(&found).as_str(), found.fit, found.values),
        ("DD/MM/YYYY", 97, 100)
    );
    values.extend(["later"; 20]);
    assert_eq!(of("x", &values).kind, Type::Text);
}

#[test]
fn numbers_are_days_where_their_name_says_so() {
    let values = ["1615766400000", "1615852800000"];
    assert_eq!(from(&of("createdOn", &values)), "[epoch_ms]");
    assert_eq!(of("Account", &values).kind, Type::Identifier);
    let serials = ["44270", "39000"];
    assert_eq!(
        of("Hire Date", &serials).kind,
        Type::Undecided(Undecided::DayNumbers { values: 2 })
    );
    assert!(matches!(
        of("Steps", &["44270", "390"]).kind,
        Type::Whole(_)
    ));
}

#[test]
fn numbers() {
    let style = |values: &[&str]| match of("pay", values).kind {
        Type::Decimal(f) | Type::Whole(f) => {
            let sign = |sign: Option<char>| sign.map_or("none".to_owned(), |c| c.to_string());
            format!("{} {}", sign(f.decimal), sign(f.thousands))
        }
        Type::Undecided(Undecided::Separators { sign, values }) => {
            format!("either {sign} {values}")
        }
        Type::Undecided(Undecided::Signs { points, commas }) => format!("mixed {points} {commas}"),
        other => format!("{other:?}"),
    };
    for (values, expected) in [
        (&["1", "25"][..], "none none"),
        (&["1.5", "2"], ". none"),
        (&["1,5", "1.234"], ", ."),
        (&["1,234", "2,500"], "either , 2"),
        (&["1.234", "2"], "either . 1"),
        (&["1,234", "2.50"], ". ,"),
        (&["1,234,567", "2,500"], "none ,"),
        (&["1.234.567", "2.500"], ", ."),
        (&["1 234,5", "2"], ",  "),
        (&["1'234.50"], ". '"),
        (&["1.5", "2,5"], "mixed 1 1"),
        (&["1.234", "1,234"], "mixed 1 1"),
        (&["0.500", "1.250"], ". none"),
        (&["$1,234.50", "$2.00"], ". ,"),
    ] {
        assert_eq!(style(values), expected, "{values:?}");
    }
}

#[test]
fn digits_are_names_where_zeros_count() {
    assert_eq!(of("x", &["0012", "1234"]).kind, Type::Identifier);
    assert_eq!(of("Employee ID", &["12", "1234"]).kind, Type::Identifier);
    assert!(matches!(of("Days", &["12", "4"]).kind, Type::Whole(_)));
    let found = of("x", &["00012", "00013", "00014", "77"]);
    assert_eq!((found.kind, found.zeros_lost), (Type::Identifier, 1));
    let found = of("x", &["1.23457E+15", "123456789012345"]);
    assert_eq!((found.kind, found.eaten), (Type::Text, 1));
}

#[test]
fn yes_and_no() {
    let is = |name: &str, values: &[&str]| matches!(of(name, values).kind, Type::Boolean { .. });
    for values in [
        &["Y", "N"][..],
        &["yes", "No", "NO"],
        &["TRUE"],
        &["Ja", "Nein"],
        &["J", "N"],
    ] {
        assert!(is("x", values), "{values:?}");
    }
    for values in [&["Y"][..], &["M", "F"], &["Y", "N", "U"], &["0", "1"]] {
        assert!(!is("x", values), "{values:?}");
    }
    assert!(is("Is Manager", &["0", "1"]));
}

#[test]
fn codes_are_not_people() {
    let values = ["Nurse", "Clerk", "Nurse", "Clerk", "Nurse", "Clerk"];
    assert!(of("Job", &values).codes);
    assert!(!of("Supervisor", &values).codes);
    assert!(!of("Job", &["Nurse", "Clerk", "Nurse", "Head"]).codes);
}

#[test]
fn what_stands_for_nothing_does_not_count() {
    let found = of("x", &["N/A", "-", "12,5", "7,25"]);
    assert_eq!((found.values, found.fit), (2, 2));
    assert!(matches!(found.kind, Type::Decimal(_)));
    assert_eq!(of("x", &["N/A", ""]).kind, Type::Empty);
}
