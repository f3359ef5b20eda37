//! What says who asks, where a source is at a server: looked up when the source is about to be read, and never before.

use std::io::Read;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::pipeline::{Pipeline, secret_of, secret_text};
use super::problem::Problem;
use super::yaml::substitute::Env;
use crate::settings::secret::TokenSpec;
use crate::source::Input;
use crate::source::place::sftp;
use crate::source::spec::{HeaderSpec, HttpsSpec, SftpSpec, SqlSpec};

/// Bytes of a query: more is another file.
const MAX_QUERY: u64 = 1024 * 1024;

impl Pipeline {
    /// Looks up the secrets of the source, which wait for it then.
    ///
    /// # Errors
    ///
    /// Says what is wrong with a variable or file, and never what it holds.
    pub(crate) fn unlock_source(&self, env: Env) -> Result<(), Problem> {
        for input in &self.source.inputs {
            if let Some(service) = input.service() {
                let variables = service.variables().iter();
                let set = |name: &&'static str| Some((*name, env(name).filter(|v| !v.is_empty())?));
                input.unlock_bucket(variables.filter_map(set).collect());
            }
            if let Some(spec) = input.sql_spec() {
                let (url, query) = self.query(spec, env)?;
                input.unlock_query(url, query);
            }
            if let Some(spec) = Input::https_spec(input) {
                input.unlock(self.who_asks(spec, env)?);
            }
            if let Some(server) = Input::sftp_server(input) {
                server.unlock(self.who_comes(server.spec(), env)?);
            }
        }
        self.unlock_decryption(env)
    }

    /// A query and the address of its database.
    fn query(&self, spec: &SqlSpec, env: Env) -> Result<(SecretString, String), Problem> {
        let (_, url) = self.found("source.sql.url", &spec.url, "address", env)?;
        let query = match (&spec.query, &spec.query_file) {
            (Some(query), _) => query.clone(),
            (None, Some(file)) => {
                let read = read_text(&self.folder.join(file));
                let unreadable = |why| format!("the file {file} {why}");
                read.map_err(|why| self.problem("source.sql.query_file", unreadable(why)))?
            }
            (None, None) => String::new(),
        };
        Ok((url, query))
    }

    fn who_asks(&self, spec: &HttpsSpec, env: Env) -> Result<HeaderMap, Problem> {
        let mut headers = HeaderMap::new();
        if let Some(basic) = &spec.basic {
            let found = &basic.password;
            let at = "source.https.basic.password";
            let (at, password) = self.found(at, found, "password", env)?;
            let pair = format!("{}:{}", basic.user, password.expose_secret());
            let value = format!("Basic {}", STANDARD.encode(pair));
            headers.insert(AUTHORIZATION, self.value(&at, &value)?);
        }
        if let Some(found) = &spec.bearer {
            let at = format!("source.https.bearer.{}", found.word());
            let token = secret_of(found, &self.folder, "token", env);
            let token = token.map_err(|message| self.problem(&at, message))?;
            let value = format!("Bearer {}", token.expose_secret());
            headers.insert(AUTHORIZATION, self.value(&at, &value)?);
        }
        for (name, header) in &spec.headers {
            let setting = format!("source.https.headers.{name}");
            let (at, text) = match header {
                HeaderSpec::Text(text) => (setting, text.clone().into()),
                HeaderSpec::Found(found) => self.found(&setting, found, "value", env)?,
            };
            // Names are looked at where the file is read.
            if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
                headers.insert(name, self.value(&at, text.expose_secret())?);
            }
        }
        Ok(headers)
    }

    /// How an SFTP server is known, and how one is let in.
    fn who_comes(&self, spec: &SftpSpec, env: Env) -> Result<sftp::access::Access, Problem> {
        let found = |setting: &str, found: &Option<TokenSpec>, what: &str| {
            let found = found.as_ref().map(|found| {
                let (_, secret) =
                    self.found(&format!("source.sftp.{setting}"), found, what, env)?;
                Ok(secret)
            });
            found.transpose()
        };
        let wrong = |setting: &str, message: &str| {
            self.problem(&format!("source.sftp.{setting}"), message.to_owned())
        };
        let agent = spec.agent.then(|| env("SSH_AUTH_SOCK"));
        if agent == Some(None) {
            let message = "SSH_AUTH_SOCK is not set, so there is no agent: start one, or use a key or a password";
            return Err(wrong("agent", message));
        }
        let key = found("key", &spec.key, "private key")?;
        let passphrase = found("passphrase", &spec.passphrase, "passphrase")?;
        let password = found("password", &spec.password, "password")?;
        let known_hosts = match (&spec.known_hosts, env("HOME")) {
            (Some(path), _) => self.folder.join(path),
            (None, Some(home)) => Path::new(&home).join(".ssh/known_hosts"),
            (None, None) => {
                let message = "HOME is not set, so the list of known hosts is not at its usual place: name it";
                return Err(wrong("known_hosts", message));
            }
        };
        Ok(sftp::access::Access {
            known_hosts,
            key,
            passphrase,
            password,
            agent: agent.flatten().map(PathBuf::from),
        })
    }

    /// A secret without white space at its ends, and the path of its setting.
    fn found(
        &self,
        setting: &str,
        spec: &TokenSpec,
        what: &str,
        env: Env,
    ) -> Result<(String, SecretString), Problem> {
        let at = format!("{setting}.{}", spec.word());
        let wrong = |message: String| self.problem(&at, message);
        let (text, place) = secret_text(spec, &self.folder, what, env).map_err(wrong)?;
        let text = text.expose_secret().trim_start_matches('\u{feff}').trim();
        match text.is_empty() {
            true => Err(wrong(format!("{place} is empty: expected the {what}"))),
            false => Ok((at.clone(), text.into())),
        }
    }

    fn value(&self, at: &str, text: &str) -> Result<HeaderValue, Problem> {
        let value = HeaderValue::from_str(text);
        let mut value = value
            .map_err(|_| self.problem(at, "this has characters that cannot stand in a header"))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// A text that is a setting in a file of its own.
fn read_text(path: &Path) -> Result<String, String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {}", super::io_words(&error));
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(cannot)?;
    file.take(MAX_QUERY + 1)
        .read_to_end(&mut bytes)
        .map_err(cannot)?;
    if bytes.len() as u64 > MAX_QUERY {
        return Err(format!("is larger than {} MiB", MAX_QUERY >> 20));
    }
    let text = String::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())?;
    Ok(text.trim_start_matches('\u{feff}').to_owned())
}

#[cfg(test)]
mod tests {
    use crate::config::parse;

    /// What is wrong with the secrets of a source.
    fn told(https: &str) -> String {
        let text = format!(
            "version: 1\nsource:\n  path: https://h.example/a\n  https: {https}\ntarget: {{ sandbox: {{}} }}\n"
        );
        let env = |name: &str| match name {
            "GOOD" => Some(" CANARY wörd\n".to_owned()),
            "EMPTY" => Some(" \n".to_owned()),
            "LINES" => Some("CANARY\nx".to_owned()),
            _ => None,
        };
        let loaded = parse(&text, "p.yaml", "/p".into(), &[], &env);
        let loaded = loaded.unwrap_or_else(|problems| panic!("{problems}"));
        let told = match loaded.pipeline.unlock_source(&env) {
            Ok(()) => String::new(),
            Err(problem) => problem.to_string(),
        };
        assert!(!told.contains("CANARY"), "{told}");
        told
    }

    #[test]
    fn secrets_are_looked_up_when_the_source_is_read() {
        for (https, expected) in [
            ("{ basic: { user: a, password: { env: GOOD } } }", ""),
            ("{ headers: { X-Key: { env: GOOD } } }", ""),
            (
                "{ basic: { user: a, password: { env: EMPTY } } }",
                "p.yaml:4:47: the environment variable EMPTY is empty: expected the password",
            ),
            (
                "{ bearer: { env: NONE } }",
                "p.yaml:4:27: the environment variable NONE is not set",
            ),
            (
                "{ bearer: { env: GOOD } }",
                "p.yaml:4:27: the environment variable GOOD holds white space or characters other than ASCII inside the token",
            ),
            (
                "{ headers: { X-Key: { env: LINES } } }",
                "p.yaml:4:37: this has characters that cannot stand in a header",
            ),
            (
                "{ headers: { X-Key: { file: none } } }",
                "p.yaml:4:38: the file none cannot be read: there is no such file",
            ),
        ] {
            assert_eq!(told(https), expected, "{https}");
        }
    }
}
