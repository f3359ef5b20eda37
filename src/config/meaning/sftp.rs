//! What `source.sftp` means.

use super::Meaning;
use crate::settings::secret::TokenSpec;
use crate::source::Input;
use crate::source::spec::SftpSpec;

impl Meaning<'_> {
    /// How SFTP servers are known, and how one is let in.
    pub(super) fn sftp(&mut self, spec: &SftpSpec, inputs: &[Input]) {
        let mut hosts = inputs.iter().filter_map(Input::sftp_host);
        let Some(first) = hosts.next() else {
            if self.places.contains("source.sftp") && !inputs.is_empty() {
                self.warning(
                    "source.sftp",
                    "this setting has no effect: `path` has no address that begins with `sftp://`",
                    "",
                );
            }
            return;
        };
        if spec.key.is_none() && spec.password.is_none() && !spec.agent {
            let path = match self.places.contains("source.sftp") {
                true => "source.sftp",
                false => "source.path",
            };
            self.problem(
                path,
                "an SFTP server lets nobody in without a key or a password",
                "write `sftp: { key: { file: PATH } }`, `{ password: { env: NAME } }` or `{ agent: true }`",
            );
        }
        if spec.password.is_some() && hosts.any(|other| other != first) {
            self.problem(
                "source.sftp.password",
                "the addresses of the source are at several servers, and the password would be told to all of them",
                "use a key, or write a pipeline for each server",
            );
        }
        if spec.passphrase.is_some() && spec.key.is_none() {
            self.warning(
                "source.sftp.passphrase",
                "this setting has no effect: it is for `key`",
                "",
            );
        }
        for (setting, found) in spec.secrets() {
            let path = format!("source.sftp.{setting}");
            self.secret(&path, found, "the secret itself");
        }
        self.sftp_files(spec);
    }

    /// A shell would put the home folder there.
    fn sftp_files(&mut self, spec: &SftpSpec) {
        let files = spec.secrets().filter_map(|(setting, found)| match found {
            TokenSpec::File(file) => Some((format!("{setting}.file"), file)),
            TokenSpec::Env(_) => None,
        });
        let list = spec
            .known_hosts
            .iter()
            .map(|file| ("known_hosts".to_owned(), file));
        for (setting, file) in files.chain(list) {
            if file.starts_with('~') {
                self.problem(
                    &format!("source.sftp.{setting}"),
                    "`~` does not stand for the home folder here",
                    "write `${HOME}`",
                );
            }
        }
        if spec.known_hosts.as_deref() == Some("") {
            self.problem("source.sftp.known_hosts", "expected the path of a file", "");
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::parse;

    /// What is reported of a source.
    fn told(source: &str) -> Vec<String> {
        let text = format!(
            "version: 1\nsource:\n  {source}\ntarget: {{ sandbox: {{}} }}\nrejects: {{ at_most: 1% }}\n"
        );
        let env = |name: &str| (name == "SECRET").then(|| "CANARY".to_owned());
        let found = match parse(&text, "p.yaml", "/p".into(), &[], &env) {
            Ok(loaded) => loaded.warnings,
            Err(found) => found.problems,
        };
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert!(!found.concat().contains("CANARY"), "{found:?}");
        let first = |text: String| text.lines().next().unwrap().to_owned();
        found.into_iter().map(first).collect()
    }

    #[track_caller]
    fn check(source: &str, expected: &[&str]) {
        assert_eq!(told(source), expected, "{source}");
    }

    #[test]
    fn addresses_and_ways_in() {
        for good in [
            "path: sftp://hr@h.example/out/w.csv\n  sftp: { agent: true }",
            "path: SFTP://hr@h.example:2222/~/w.csv\n  sftp: { key: { file: id }, passphrase: { env: PASS } }",
            "path: [sftp://hr@h/1, sftp://hr@h/2, c.csv]\n  sftp: { password: { env: PASS }, known_hosts: hosts }",
            "path: sftp://hr@h/w-*.csv\n  pick: newest\n  sftp: { password: { file: /run/secrets/p } }",
            "path: [sftp://hr@a/1, sftp://hr@b/2]\n  sftp: { key: { env: KEY } }",
        ] {
            check(good, &[]);
        }
        check(
            "path: sftp://hr@h/w.csv",
            &["p.yaml:3:9: an SFTP server lets nobody in without a key or a password"],
        );
        check(
            "path: sftp://hr@h/w.csv\n  sftp: { known_hosts: x }",
            &["p.yaml:4:3: an SFTP server lets nobody in without a key or a password"],
        );
        check(
            "path: sftp://hr:CANARY@h/w.csv",
            &[
                "p.yaml:3:9: the address holds a password, which would be read by everybody who sees this file",
            ],
        );
        check(
            "path: [a.csv, sftp://h/w.csv]",
            &["p.yaml:3:17: the address does not say who logs in"],
        );
    }

    #[test]
    fn settings() {
        check(
            "path: a.csv\n  sftp: { agent: true }",
            &[
                "p.yaml:4:3: this setting has no effect: `path` has no address that begins with `sftp://`",
            ],
        );
        check(
            "path: [sftp://hr@a/1, sftp://hr@b/2]\n  sftp: { password: { env: PASS } }",
            &[
                "p.yaml:4:11: the addresses of the source are at several servers, and the password would be told to all of \
                 them",
            ],
        );
        let of = "path: sftp://hr@h/w.csv\n  sftp:";
        check(
            &format!("{of} {{ agent: true, passphrase: {{ env: PASS }} }}"),
            &["p.yaml:4:24: this setting has no effect: it is for `key`"],
        );
        check(
            &format!("{of} {{ password: {{ env: '${{SECRET}}' }} }}"),
            &["p.yaml:4:28: expected the name of an environment variable, not its value"],
        );
        check(
            &format!("{of} {{ key: {{ file: ~/.ssh/id }}, known_hosts: ~/.ssh/known_hosts }}"),
            &[
                "p.yaml:4:24: `~` does not stand for the home folder here",
                "p.yaml:4:50: `~` does not stand for the home folder here",
            ],
        );
        check(
            &format!("{of} {{ agent: true, known_hosts: '' }}"),
            &["p.yaml:4:37: expected the path of a file"],
        );
        check(
            "path: sftp://hr@h/w.csv\n  pick: one\n  sftp: { agent: true }",
            &["p.yaml:4:9: this setting has no effect: `path` has no pattern"],
        );
    }
}
