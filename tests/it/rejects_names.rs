//! Rejects name columns as the source does.

use crate::support::Rig;

/// Rows that four rules find at fault, each in a column that the source calls something else.
const SOURCE: &str = "\
Nr;Vorname;Nachname;Eintritt;Austritt;Land;status
1;Ada;Byron;01.02.2020;;DE;A
2;Cher;;01.02.2020;;DE;A
3;Max;Muster;01.02.2020;31.02.2021;DE;A
4;Eva;Adam;01.02.2020;01.01.2020;DE;A
5;Ida;Lang;01.02.2020;;XX;A
6;Jan;Kurz;01.02.2020;;DE;?
";

/// What is said of them: line, column, code and message.
const SAID: [&str; 5] = [
    "3|Vorname, Nachname|pattern|Vorname, Nachname (fullName): ",
    "4|Austritt|date_format|Austritt (terminationDate): expected a date as DD.MM.YYYY",
    "5|Austritt, Eintritt|left_before_hired|Austritt (terminationDate), Eintritt (hireDate): expected ",
    "6|Land|one_of|Land (country): ",
    "7|status|one_of|",
];

fn rig() -> Rig {
    let rig = Rig::new();
    rig.write("people.csv", SOURCE);
    rig.pipeline(
        "source: { path: people.csv, csv: { delimiter: \";\" } }\n\
         stages:\n\
         - rename: { Austritt: leaves, Eintritt: hireDate, Nr: employeeID }\n\
         - rename: { leaves: terminationDate }\n\
         - date: { columns: [hireDate, terminationDate], from: DD.MM.YYYY }\n\
         - concat: { columns: [Vorname, Nachname], by: \" \", into: whole }\n\
         - set: { fullName: whole, country: Land.lowerAscii(), origin: { value: none } }\n\
         - drop: [whole, Vorname, Nachname, Land]\n\
         validate:\n\
         \x20 key: employeeID\n\
         \x20 columns:\n\
         \x20   fullName: { pattern: '^\\S+ \\S+$' }\n\
         \x20   country: { one_of: [de, fr] }\n\
         \x20   status: { one_of: [A, T] }\n\
         \x20 rows:\n\
         \x20 - assert: terminationDate == \"\" || terminationDate >= hireDate\n\
         \x20   code: left_before_hired\n\
         \x20   columns: [terminationDate, hireDate]\n\
         rejects: { at_most: 100% }",
        "action: create\nidentify_by: { id_key: employeeID }",
    );
    rig
}

#[test]
fn columns_and_messages_are_in_the_words_of_the_source() {
    let rig = rig();
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let rejects = rig.read("rejects.csv");
    let rows: Vec<&str> = rejects.lines().skip(1).collect();
    assert_eq!(rows.len(), SAID.len(), "{rejects}");
    for (row, said) in rows.iter().zip(SAID) {
        let cells: Vec<&str> = row.split(';').collect();
        // The message is the last of them, and stands in quotes where it has some.
        let found = [8, 10, 11, 12]
            .map(|at| cells[at].trim_matches('"'))
            .join("|");
        assert!(found.starts_with(said), "{found}\n{said}");
    }
    // Where both names are one, the message is as it was.
    assert!(!rows[4].contains("status:"), "{}", rows[4]);
    let counted = &ended.report["rejects"]["by_column"];
    let of_name = counted.as_array().unwrap().iter();
    let of_name: Vec<_> = of_name.filter(|c| c["renamed_to"] == "fullName").collect();
    assert_eq!(of_name[0]["column"], "Vorname, Nachname");

    // They come back, those that were not put right for the same reason.
    let mended = (rejects.replace("31.02.2021", "28.02.2021"))
        .replace("01.01.2020", "01.03.2020")
        .replace(";XX;", ";FR;")
        .replace(";?;", ";T;");
    rig.write("mended.csv", mended);
    let ended = rig.run(&["--mend", "mended.csv"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let again = rig.read("rejects.mend.csv");
    let again: Vec<&str> = again.lines().skip(1).collect();
    let (before, after) = (rows[0].split(';'), again[0].split(';'));
    assert_eq!(again.len(), 1);
    assert!(
        before.skip(9).eq(after.skip(9)),
        "{}\n{}",
        rows[0],
        again[0]
    );
    assert_eq!(rig.items().len(), 5);
}

#[test]
fn what_the_server_refuses_is_named_so_too() {
    let rig = Rig::with(|settings| {
        let known = ["id", "pay:number"].map(|property| property.parse().unwrap());
        settings.properties = Some(known.into());
    });
    rig.write("people.csv", "Nr,Gehalt\n1,x\n2,5\n");
    rig.pipeline(
        "source: { path: people.csv }\nstages: [ rename: { Nr: id, Gehalt: pay } ]\nvalidate: { key: id }\n\
         refused: { at_most: 100% }",
        "identify_by: { id_key: id }",
    );
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let rejects = rig.read("rejects.csv");
    let row = rejects.lines().nth(1).unwrap();
    assert!(row.starts_with("1,x,people.csv,2,import,Gehalt,"), "{row}");
    assert!(row.contains("Gehalt (pay): "), "{row}");
}
