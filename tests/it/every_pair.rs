//! One extract in every layout, encoding, compression and place, each pair of them met: the upload is the same, byte for
//! byte.
//!
//! `PEOPLE=100000 cargo test --release --test it every_pair` has as many people as a company.

mod choice;
mod packed;
mod written;

use std::fs::File;
use std::process::{Command, Stdio};

use choice::Choice;
use packed::{COMPRESSIONS, Compression};
use written::{ENCODINGS, Encoding, LAYOUTS, Layout};

use crate::https::{Web, file, says};
use crate::support::{Ended, Rig};

/// Where the extract is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    File,
    Pattern,
    StandardInput,
    Pipe,
    Command,
    /// A web server that is asked for it twice.
    Web,
    /// One that makes it for every request.
    Report,
}

const PLACES: &[Place] = &[
    Place::File,
    Place::Pattern,
    Place::StandardInput,
    Place::Pipe,
    Place::Command,
    Place::Web,
    Place::Report,
];

#[test]
fn the_upload_is_the_same() {
    let people = std::env::var("PEOPLE").map_or(500, |people| people.parse().unwrap());
    let people = written::people(people);
    let expected = {
        let plain = [Layout::Csv as usize, 0, 0, 0];
        upload(&people, plain)
    };
    let begin = String::from_utf8_lossy(&expected[..100]);
    assert!(
        begin.starts_with("[\n{\"_action\":\"createOrUpdate\",\"id\":\"00000001\","),
        "{begin}"
    );
    let factors = [
        LAYOUTS.len(),
        ENCODINGS.len(),
        COMPRESSIONS.len(),
        PLACES.len(),
    ];
    // Of what is not made of characters, there is one encoding.
    let can_be = |choice: Choice| LAYOUTS[choice[0]].is_text() || choice[1] == 0;
    let choices = choice::every_pair(factors, can_be);
    for choice in choices {
        assert!(upload(&people, choice) == expected, "{}", name(choice));
    }
}

fn name([layout, encoding, compression, place]: Choice) -> String {
    format!(
        "{:?}, {:?}, {:?}, {:?}",
        LAYOUTS[layout], ENCODINGS[encoding], COMPRESSIONS[compression], PLACES[place]
    )
}

/// What is uploaded of the people, who are written so.
fn upload(people: &[written::Person], choice: Choice) -> Vec<u8> {
    let layout: Layout = LAYOUTS[choice[0]];
    let encoding: Encoding = ENCODINGS[choice[1]];
    let compression: Compression = COMPRESSIONS[choice[2]];
    let place = PLACES[choice[3]];
    let rig = Rig::new();
    let bytes = layout.bytes(people, encoding);
    let extract = compression.pack(&bytes);
    rig.write("extract", &extract);
    let web = Web::start(move |asked| match place {
        Place::Report => says("200 OK", &extract),
        _ => file(asked, &extract, "a"),
    });
    let place_of = match place {
        Place::File => "path: extract".to_owned(),
        Place::Pattern => "path: extrac?".to_owned(),
        Place::StandardInput => "path: \"-\"".to_owned(),
        Place::Pipe => "path: pipe".to_owned(),
        Place::Command => "command: [cat, extract]".to_owned(),
        Place::Web | Place::Report => format!("path: {}/extract", web.address),
    };
    let format = layout.settings();
    let encoding = encoding.label();
    rig.pipeline(
        &format!(
            "source:\n  {place_of}\n  encoding: {encoding}\n{format}upload: {{ format: json }}"
        ),
        "",
    );
    let ended = run(&rig, place);
    assert_eq!(ended.code, 0, "{}: {}", name(choice), ended.stderr);
    assert_eq!(
        ended.count("accepted"),
        people.len() as u64,
        "{}",
        name(choice)
    );
    rig.uploaded()
}

fn run(rig: &Rig, place: Place) -> Ended {
    match place {
        Place::StandardInput => rig.run_with_stdin(&[], "extract"),
        Place::Pipe => {
            let pipe = rig.path("pipe");
            let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
            assert!(made.success());
            let extract = File::open(rig.path("extract")).unwrap();
            let mut writer = Command::new("sh")
                .args(["-c", "exec cat > pipe"])
                .current_dir(rig.folder())
                .stdin(Stdio::from(extract))
                .spawn()
                .unwrap();
            let ended = rig.run(&[]);
            writer.wait().unwrap();
            ended
        }
        _ => rig.run(&[]),
    }
}
