use super::*;

fn of(text: &str) -> CsvForm {
    form(text, true, text)
}

#[track_caller]
fn check(text: &str, delimiter: u8, quote: Option<u8>, skip_lines: u32, header: Header) {
    let found = of(text);
    let dialect = found.dialect;
    assert_eq!(
        (
            char::from(dialect.delimiter),
            dialect.quoting.quote,
            found.skip_lines,
            found.header
        ),
        (char::from(delimiter), quote, skip_lines, header),
        "{text}"
    );
}

const CERTAIN: Header = Header::Line { certain: true };
const LIKELY: Header = Header::Line { certain: false };
const QUOTE: Option<u8> = Some(b'"');

#[test]
fn delimiters_are_told() {
    check("id,name\n1,a\n2,b\n", b',', QUOTE, 0, CERTAIN);
    check("id;pay\n1;1,5\n2;2,5\n3;4,5\n", b';', QUOTE, 0, CERTAIN);
    check("id\tname\n1\ta, b\n2\tc, d\n", b'\t', QUOTE, 0, CERTAIN);
    check("id|name\n1|a\n", b'|', QUOTE, 0, CERTAIN);
    check(
        "name;address\nx;A, B, C\ny;D, E, F\nz;G, H, I\n",
        b';',
        QUOTE,
        0,
        LIKELY,
    );
    check(
        "id,name\n1,\"a;b;c\"\n2,\"d;e;f\"\n",
        b',',
        QUOTE,
        0,
        CERTAIN,
    );
    check("id,text\n1,'a,b'\n2,'c,d'\n", b',', Some(b'\''), 0, CERTAIN);
    check(
        "id,n\n1,\"a\\\"b,c\"\n2,\"d\\\"e,f\"\n3,\"x\"\n",
        b',',
        QUOTE,
        0,
        CERTAIN,
    );
    let people: String = (0..20)
        .map(|n| format!("00{n},\"Müller, Anna\"\n"))
        .collect();
    check(
        &format!("Workers\nID,Name\n{people}"),
        b',',
        QUOTE,
        1,
        CERTAIN,
    );
    check("sep=;\nid;name\n1;a\n", b';', QUOTE, 0, CERTAIN);
    check("name\nAnna\nBen\n", b',', QUOTE, 0, LIKELY);
    // A comma in every value of the only column is none between cells.
    check("name\nKeller, Mara\nOkafor, Ben\n", 0x1f, QUOTE, 0, LIKELY);
    check("name\nN1, x\nN2005, x\nN4711, x\n", 0x1f, QUOTE, 0, LIKELY);
    let people = "0001 mara nurse\n".repeat(12);
    check(&format!("id name job\n{people}"), b' ', QUOTE, 0, CERTAIN);
    // Whole lines in quotes are one cell.
    let lines = "\"1;a\"\n\"2;b\"\n";
    let found = of(&format!("\"id;n\"\n{lines}"));
    assert!(found.width == 1 && found.quoted_whole);
}

#[test]
fn escapes_are_told() {
    let found = of("id,n\n1,\"a\\\"b,c\"\n2,\"d\\\"e,f\"\n3,\"x\"\n");
    assert_eq!(found.dialect.quoting.escape, Some(b'\\'));
}

#[test]
fn headers_are_told() {
    check("1,2020-01-01\n2,2020-01-02\n", b',', QUOTE, 0, Header::None);
    check("A,x\nA,y\nB,x\n", b',', QUOTE, 0, Header::None);
    check("code,kind\nA,y\nB,x\n", b',', QUOTE, 0, LIKELY);
    check(
        "id,start\nNumber,First day\n1,2020-01-01\n2,2020-01-02\n",
        b',',
        QUOTE,
        0,
        Header::Labels(vec!["id".into(), "start".into()]),
    );
    check(
        "Pay,,Day,\nAmount,Currency,First,Last\n1,EUR,2020-01-01,2020-02-01\n2,EUR,2020-01-02,2020-02-02\n",
        b',',
        QUOTE,
        0,
        Header::Groups,
    );
    // A record that lacks its figures is no second line.
    check("id,n\n1,a\n2,b\n", b',', QUOTE, 0, CERTAIN);
    assert_eq!(of("id,id,n\n1,1,a\n").same_names, ["id (columns 1, 2)"]);
}

#[test]
fn names_may_be_years_and_numbers() {
    for text in [
        "employeeID,2020,2021\n0001,5,6\n0002,7,8\n",
        "name,2020,2021\nAnna,512,6\nBen,7,8\n",
        "employeeID,2020-01,2020-02\n0001,5.5,6\n0002,7,8\n",
        "Q8,Q9,Q10,Q11\n1,5,6,2\n3,7,8,4\n",
        "employeeID,W8,W10,W52\n0001,5,6,1\n0002,7,8,1\n",
        "id,Jan 1990,Feb 1990\n0001,5,6\n0002,7,8\n",
    ] {
        check(text, b',', QUOTE, 0, CERTAIN);
    }
    check("id,1,2,3\n0001,5,6,7\n0002,7,8,7\n", b',', QUOTE, 0, LIKELY);
    // Records.
    for text in [
        "Anna,5,6\nBen,7,8\n",
        "Anna,E001,E002\nBen,E003,E001\n",
        "1,2020,5\n2,2021,6\n",
        "x,2020\ny,2021\n",
        "1,2.5,3\n2,3,4\n",
        "n/a,5,5\n2,5,6\n",
    ] {
        check(text, b',', QUOTE, 0, Header::None);
    }
}

#[test]
fn labels_above_one_column_of_digits_are_told() {
    let names = "employeeID,Name,Dept\n";
    let records = "0000,N0,D0\n0001,N1,D1\n0002,N2,D1\n";
    let labels = "Personnel number,Full name,Department label\n";
    assert!(of(&format!("{names}{labels}{records}")).may_be_labels);
    assert!(!of(&format!("{names}{records}")).may_be_labels);
}

#[test]
fn one_quoted_cell_makes_quotes_of_quotes() {
    check(
        "id,n\n1,\"a\"b\n2,\"d\"\n3,\"e\"\n",
        b',',
        QUOTE,
        0,
        CERTAIN,
    );
    check("id,n\n1,\"a\"b\n2,d\n3,e\n", b',', None, 0, CERTAIN);
}

#[test]
fn lines_in_front_are_passed_over() {
    check(
        "A report\n\nid,n,m\n1,a,b\n2,c,d\n",
        b',',
        QUOTE,
        2,
        CERTAIN,
    );
    check(
        "A report,,\nid,n,m\n1,a,b\n2,c,d\n",
        b',',
        QUOTE,
        1,
        CERTAIN,
    );
    check("\n\nid,n,m\n1,a,b\n2,c,d\n", b',', QUOTE, 0, CERTAIN);
    check(
        "sep=,\nTitle\nid,n,m\n1,a,b\n2,c,d\n",
        b',',
        QUOTE,
        2,
        CERTAIN,
    );
}

#[test]
fn lines_of_one_length_are_no_table() {
    let lines: String = (0..20)
        .map(|n| format!("{n:05}  Keller, Mara   20200101\n"))
        .collect();
    let found = of(&lines);
    assert!(found.fixed_width && found.width == 1);
}
