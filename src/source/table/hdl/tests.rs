use proptest::prelude::*;

use super::*;
use crate::settings::limits::Limits;

fn written(
    component: Option<&str>,
    trailer: Option<&str>,
    text: &[u8],
) -> Result<String, (u64, String, bool)> {
    let spec = HdlSpec {
        component: component.map(str::to_owned),
    };
    let trailer = trailer.map(|trailer| trailer.parse().unwrap());
    let mut out = Vec::new();
    let lines = Lines::new(text, &Limits::default());
    match write(
        &Stated { spec, trailer },
        lines,
        &mut Records::new(&mut out),
    ) {
        Ok(()) => Ok(String::from_utf8_lossy(&out).into_owned()),
        Err(Wrong::Io(error)) => panic!("{error}"),
        Err(Wrong::Data {
            line,
            message,
            setting,
            ..
        }) => Err((line, message, setting)),
    }
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(
        written(None, None, text.as_bytes()).unwrap(),
        expected,
        "{text:?}"
    );
}

#[track_caller]
fn wrong(component: Option<&str>, text: &str, line: u64, expected: &str, setting: bool) {
    let (at, message, is_setting) = written(component, None, text.as_bytes()).unwrap_err();
    assert!(message.contains(expected), "{message}");
    assert_eq!((at, is_setting), (line, setting), "{message}");
}

const TWO: &str = "COMMENT two\nMETADATA|Worker|PersonNumber|StartDate\nMETADATA|PersonName|PersonNumber|LastName\n\
                   MERGE|Worker|1|2020/01/01\nMERGE|PersonName|1|Ann\nDELETE|Worker|2|\n";

#[test]
fn values_have_the_names_that_the_metadata_line_says() {
    check(
        "COMMENT x\r\nSET PURGE_FUTURE_CHANGES Y\r\nMETADATA|Job|Code|Name|\r\n\r\nMERGE|Job|CFO|Chief|\r\nDELETE|Job|PM|#NULL\r\n",
        "\n\n\n\n{\"@instruction\":\"MERGE\",\"Code\":\"CFO\",\"Name\":\"Chief\"}\n{\"@instruction\":\"DELETE\",\"Code\":\"PM\",\"Name\":null}",
    );
    check(
        "METADATA|A|Line1|Line2\nMERGE|A|The Stables\\|Main \\\\| Ann\\nBo \\x",
        r#"
{"@instruction":"MERGE","Line1":"The Stables|Main \\","Line2":" Ann\nBo \\x"}"#,
    );
    check("", "");
}

#[test]
fn signs_can_be_others() {
    check(
        "SET FILE_DELIMITER ~,\nSET FILE_ESCAPE *\nSET FILE_NEW_LINE newline\nMETADATA~,A~,x~,y\nMERGE~,A~,1*~,2*newline3**~,\\n|",
        "\n\n\n\n{\"@instruction\":\"MERGE\",\"x\":\"1~,2\\n3*\",\"y\":\"\\\\n|\"}",
    );
    wrong(
        None,
        "METADATA|A|x\nSET FILE_DELIMITER ,\n",
        2,
        "stands behind a METADATA line",
        false,
    );
    wrong(
        None,
        "SET FILE_DELIMITER\n",
        1,
        "expected a character",
        false,
    );
}

#[test]
fn one_component_of_several() {
    let records = "\n\n\n{\"@instruction\":\"MERGE\",\"PersonNumber\":\"1\",\"StartDate\":\"2020/01/01\"}\n\n\
                   {\"@instruction\":\"DELETE\",\"PersonNumber\":\"2\",\"StartDate\":\"\"}";
    assert_eq!(
        written(Some("Worker"), None, TWO.as_bytes()).unwrap(),
        records
    );
    let several = "the records of several components, `PersonName`, `Worker`; state one of them, as in `hdl: { component: PersonName }`";
    wrong(None, TWO, 3, several, true);
    wrong(
        Some("Wrker"),
        TWO,
        0,
        "no METADATA line names the component `Wrker`; the file has `PersonName`, `Worker`",
        true,
    );
    wrong(
        Some("Worker"),
        "ID,Name\n1,Ann\n",
        0,
        "is this a file of Oracle's",
        true,
    );
}

#[test]
fn rows_that_are_wrong_are_told() {
    let check = |line: &str, expected: &str| {
        let text = format!("METADATA|A|x|y\n{line}\nMERGE|A|1|2");
        let last = "\n{\"@instruction\":\"MERGE\",\"x\":\"1\",\"y\":\"2\"}";
        assert_eq!(
            written(Some("A"), None, text.as_bytes()).unwrap(),
            format!("\n{expected}{last}"),
            "{line}"
        );
    };
    check(
        "MERGE|A|1",
        r#"{"@instruction":"MERGE","x":"1","y":"","_fault":["expected 2 values, as the METADATA line on line 1 says, found 1"]}"#,
    );
    check(
        "MERGE|A|1|2|3|",
        r#"{"@instruction":"MERGE","x":"1","y":"2","_fault":["expected 2 values, as the METADATA line on line 1 says, found 4","3|"]}"#,
    );
    check(
        "MERGE|A|1|2||",
        r#"{"@instruction":"MERGE","x":"1","y":"2"}"#,
    );
    let begins = "the line begins with none of METADATA, MERGE, DELETE, SET and COMMENT; if it goes on with the line before, the line end in that value has to be written as \\\\n";
    check(
        "UPSERT|A|1|2",
        &format!("{{\"_fault\":[\"{begins}\",\"UPSERT|A|1|2\"]}}"),
    );
    check(
        "and more|2",
        &format!("{{\"_fault\":[\"{begins}\",\"and more|2\"]}}"),
    );
    check("METADATA|B|y\nMERGE|B|1", "\n");
    check("METADATA|B|y\nMERGE|B|1\nand more", "\n\n");
    let nobody = "no METADATA line before this one names its component";
    check(
        "MERGE|B|1",
        &format!("{{\"_fault\":[\"{nobody}\",\"MERGE|B|1\"]}}"),
    );
}

#[test]
fn files_that_are_wrong_are_refused() {
    wrong(
        None,
        "MERGE|A|1\nMETADATA|A|x\n",
        1,
        "stands before the METADATA line",
        false,
    );
    wrong(
        Some("A"),
        "METADATA|B|x\nMERGE|A|1\nMETADATA|A|x\n",
        2,
        "stands before the METADATA line",
        false,
    );
    wrong(
        None,
        "METADATA|A|x|y\nMERGE|A|1|2\nMETADATA|A|x\n",
        3,
        "on line 1",
        false,
    );
    wrong(None, "METADATA|A|x|y|x\n", 1, "`x` is named twice", false);
    wrong(
        None,
        "METADATA|A|x||y\n",
        1,
        "between any two separators",
        false,
    );
    wrong(None, "METADATA|A\n", 1, "the name of an attribute", false);
    wrong(None, "METADATA|\n", 1, "the name of a component", false);
    // The same once more says nothing new.
    check("METADATA|A|x\nMETADATA|A|x\n", "");
}

#[test]
fn a_trailer_is_left() {
    let text = b"METADATA|A|x\nMERGE|A|1\nCOMMENT rows 1\n";
    let found = written(None, Some(r"^COMMENT rows (\d+)"), text).unwrap();
    assert_eq!(
        found,
        "\n{\"@instruction\":\"MERGE\",\"x\":\"1\"}\nCOMMENT rows 1"
    );
}

#[test]
fn its_beginning_tells_it() {
    let check = |head: &str, expected: bool| assert_eq!(begins(head), expected, "{head:?}");
    check("METADATA|Worker|PersonNumber", true);
    check(
        "COMMENT ####\r\nCOMMENT\r\n\r\nSET PURGE_FUTURE_CHANGES N\r\nMETADATA|Worker",
        true,
    );
    check("SET FILE_DELIMITER ,\nMETADATA,Worker", true);
    check("COMMENT of a length that the beginning does not hol", true);
    check("METADATA,ID\n1,2\n", false);
    check("METADATA;ID", false);
    check("COMMENT,ID\n", false);
    check("COMMENT text,ID\nfine,1\n", false);
    check("SETTING,ID\n", false);
    check("SET", false);
    check("", false);
}

proptest! {
    #[test]
    fn what_is_written_is_read(rows in prop::collection::vec(prop::collection::vec("([^\\p{C}]|\\PC|[|\\\\n\n#N]){0,12}", 2), 1..6)) {
        let escaped = |cell: &str| cell.replace('\\', "\\\\").replace('|', "\\|").replace('\n', "\\n");
        let mut text = "METADATA|A|x|y\n".to_owned();
        for row in &rows {
            text += &format!("MERGE|A|{}|{}\n", escaped(&row[0]), escaped(&row[1]));
        }
        let out = written(None, None, text.as_bytes()).unwrap();
        let found: Vec<serde_json::Value> = out.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect();
        prop_assert_eq!(found.len(), rows.len());
        for (row, record) in rows.iter().zip(&found) {
            for (cell, name) in row.iter().zip(["x", "y"]) {
                match cell.trim() {
                    "#NULL" => prop_assert!(record[name].is_null()),
                    _ => prop_assert_eq!(record[name].as_str(), Some(cell.as_str())),
                }
            }
        }
    }

    #[test]
    fn nothing_makes_it_give_up(text in prop::collection::vec(prop::sample::select(b"MERGE|A\n\\nSETDALO ,x\xff".to_vec()), 0..80)) {
        let _ = written(None, None, &text);
        let _ = written(Some("A"), None, &text);
    }
}
