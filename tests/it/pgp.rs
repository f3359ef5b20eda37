//! Sources that are encrypted with PGP, and builds that can't decrypt them.

use std::fs;

use crate::run;

const FIXTURES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/src/source/bytes/decrypt/fixtures"
);

/// Exit code and stderr of a command on a pipeline of this source.
fn told(command: &str, source: &str) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    let pipeline = format!("version: 1\ntarget: {{ sandbox: }}\nsource: {{ {source} }}\n");
    fs::write(folder.path().join("p.yaml"), pipeline).unwrap();
    for name in [
        "plain",
        "signed",
        "hr.key",
        "hr",
        "locked.key",
        "signer",
        "other",
    ] {
        let text = fs::read(format!("{FIXTURES}/{name}.asc")).unwrap();
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let (code, _, stderr) = run(folder.path(), &["-q", command, "p.yaml"]);
    (code, stderr)
}

#[test]
fn what_is_wrong_with_its_settings() {
    for (decrypt, expected) in [
        ("{}", "expected where the secret key is found"),
        (
            "{ file: a, env: B }",
            "`file` and `env` are both given; keep one",
        ),
        ("{ file: \"\" }", "expected the path of a file"),
        ("{ env: a-b }", "the key itself must not be written here"),
        (
            "{ file: a, passphrase: { env: \"open sesame\" } }",
            "the passphrase itself must not be written here",
        ),
        (
            "{ file: a, signed_by: { file: \"\" } }",
            "expected the path of a file",
        ),
        ("{ file: a, signed_by: {} }", "missing"),
        ("{ key: a }", "unknown key `key`"),
    ] {
        let (code, stderr) = told("lint", &format!("path: w, decrypt: {{ pgp: {decrypt} }}"));
        assert_eq!(code, 2, "{decrypt}");
        assert!(stderr.contains(expected), "{decrypt}: {stderr}");
    }
    let (code, _) = told(
        "lint",
        "path: w, decrypt: { pgp: { file: a, passphrase: { env: P }, signed_by: { file: b } } }",
    );
    assert_eq!(code, 0);
}

#[cfg(not(feature = "pgp"))]
#[test]
fn a_build_without_it_says_so() {
    assert_eq!(
        told("check", "path: plain, decrypt: { pgp: { file: hr.key } }"),
        (
            2,
            "p.yaml:3:35: this build of rostream has no PGP: build it with `--features pgp`\n"
                .to_owned()
        )
    );
}

#[cfg(feature = "pgp")]
#[test]
fn what_comes_of_keys_and_messages() {
    for (source, code, expected) in [
        ("path: plain, decrypt: { pgp: { file: hr.key } }", 0, ""),
        (
            "path: signed, decrypt: { pgp: { file: hr.key, signed_by: { file: signer } } }",
            0,
            "",
        ),
        (
            "path: signed, decrypt: { pgp: { file: hr.key, signed_by: { file: other } } }",
            1,
            "error: signed: it is not signed by",
        ),
        (
            "path: signer, decrypt: { pgp: { file: hr.key } }",
            2,
            "error: signer: it is not encrypted with PGP",
        ),
        (
            "path: plain, decrypt: { pgp: { file: none } }",
            2,
            "p.yaml:3:48: the file none cannot be read: there is no such file",
        ),
        (
            "path: plain, decrypt: { pgp: { file: hr } }",
            2,
            "p.yaml:3:48: the file hr is not a secret PGP key",
        ),
        (
            "path: plain, decrypt: { pgp: { env: NONE } }",
            2,
            "the environment variable NONE is not set",
        ),
        (
            "path: plain, decrypt: { pgp: { file: locked.key } }",
            2,
            "the file locked.key is protected with a passphrase",
        ),
        (
            "path: plain, decrypt: { pgp: { file: hr.key, signed_by: { file: plain } } }",
            2,
            "the file plain is not a public PGP key",
        ),
        (
            "command: [cat, plain], decrypt: { pgp: { file: hr.key } }",
            0,
            "",
        ),
        (
            "command: [sh, -c, \"head -c 200 plain; exit 3\"], decrypt: { pgp: { file: hr.key } }",
            1,
            "error: sh: the command of source.command failed (exit status 3)",
        ),
    ] {
        let (found, stderr) = told("check", source);
        assert_eq!(found, code, "{source}: {stderr}");
        assert!(stderr.contains(expected), "{source}: {stderr}");
        assert_eq!(stderr.is_empty(), code == 0, "{source}: {stderr}");
    }
}

/// What GnuPG writes, of a size that is not held, and whatever is within it.
#[cfg(feature = "pgp")]
#[test]
#[ignore = "needs gpg, gzip and zip"]
fn as_gnupg_writes_it() {
    use crate::support::Rig;
    use std::process::Command;

    let rig = Rig::new();
    let sh = |script: &str| {
        let done = Command::new("sh")
            .args(["-ec", script])
            .env("GNUPGHOME", rig.path("gnupg"))
            .current_dir(rig.folder())
            .status();
        assert!(done.unwrap().success(), "{script}");
    };
    rig.write("w.csv", crate::support::workers(20_000));
    sh("mkdir -m 700 gnupg; echo s2k-count 65536 > gnupg/gpg-agent.conf
        g='gpg --batch --quiet --no-tty --pinentry-mode loopback --trust-model always'; echo \"$g \\\"\\$@\\\"\" > g; chmod +x g
        ./g --passphrase 'a b' --quick-gen-key hr@x.example rsa3072 default never
        ./g --passphrase 'a b' --quick-add-key $(./g --list-keys --with-colons | awk -F: '/^fpr/{print $10; exit}') rsa3072 encr never
        ./g --passphrase '' --quick-gen-key s@x.example future-default default never
        ./g --passphrase 'a b' --export-secret-keys hr@x.example > hr.key; chmod 600 hr.key
        printf 'a b\\n' > word; chmod 600 word; ./g --export s@x.example > s.pub
        gzip -k w.csv; zip -q w.zip w.csv");
    rig.pipeline(
        "source: { path: w.csv, format: csv }",
        "action: createOrUpdate",
    );
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let expected = rig.uploaded();
    let mut peaks = Vec::new();
    for (at, (made, from)) in [
        ("./g -r hr@x.example -o m -e w.csv", "path: m"),
        ("./g -r hr@x.example -z0 -a -o m -e w.csv", "path: \"-\""),
        (
            "./g -r hr@x.example -u s@x.example -o m -s -e w.csv",
            "path: \"-\", keep: encrypted",
        ),
        (
            "./g -r hr@x.example -u s@x.example --compress-algo bzip2 -o m -s -e w.csv.gz",
            "path: m",
        ),
        (
            "./g -r hr@x.example -u s@x.example --cipher-algo camellia256 -o m -s -e w.zip",
            "path: m",
        ),
        (
            "./g -R hr@x.example --compress-algo zip -o m -e w.zip",
            "path: \"-\"",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        sh(&format!("rm -f m; {made}"));
        let signed = if made.contains(" -s ") {
            ", signed_by: { file: s.pub }"
        } else {
            ""
        };
        let decrypt =
            format!("decrypt: {{ pgp: {{ file: hr.key, passphrase: {{ file: word }}{signed} }} }}");
        rig.pipeline(
            &format!("source: {{ {from}, format: csv, {decrypt} }}"),
            "action: createOrUpdate",
        );
        let ended = match from.contains("\"-\"") {
            true => rig.run_with_stdin(&[], "m"),
            false => rig.run(&[]),
        };
        assert_eq!(ended.code, 0, "{made}: {}", ended.stderr);
        assert!(rig.uploaded() == expected, "{made}");
        peaks.push(ended.report["peak_memory"].as_u64().unwrap());
        let bytes = fs::read(rig.path("m")).unwrap();
        fs::write(rig.path("m"), &bytes[..bytes.len() - 30]).unwrap();
        let cut = rig.tell(&["check", "pipeline.yaml", "--set", "source.path=m"]);
        assert_eq!(cut.code, 1, "{at} {}", cut.stderr);
        assert!(
            cut.stderr.contains("cut off or damaged"),
            "{made}: {}",
            cut.stderr
        );
    }
    assert!(peaks.iter().all(|peak| *peak < 256 << 20), "{peaks:?}");
}
