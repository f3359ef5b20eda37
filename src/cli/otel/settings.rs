//! What the environment says of OpenTelemetry.

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    Traces,
    Metrics,
}

impl Signal {
    /// As it stands in the names of variables.
    fn name(self) -> &'static str {
        match self {
            Signal::Traces => "TRACES",
            Signal::Metrics => "METRICS",
        }
    }

    /// The variable that says where it goes, and where that is; nothing where it goes nowhere.
    pub(super) fn endpoint(self, env: impl Fn(&str) -> Option<String>) -> Option<(String, String)> {
        let says = |name: &str| env(name).filter(|value| !value.is_empty());
        let disabled = says("OTEL_SDK_DISABLED").is_some_and(|v| v.eq_ignore_ascii_case("true"));
        // What others send, such as `none` or `prometheus`, is not sent here.
        let exporter = says(&format!("OTEL_{}_EXPORTER", self.name()));
        let is_otlp = exporter.is_none_or(|list| list.split(',').any(|one| one.trim() == "otlp"));
        match is_otlp && !disabled {
            true => self.setting("ENDPOINT", env),
            false => None,
        }
    }

    /// A setting of how it goes out, and the variable that has it: its own, or the one for everything. An empty one is
    /// none.
    pub(super) fn setting(
        self,
        what: &str,
        env: impl Fn(&str) -> Option<String>,
    ) -> Option<(String, String)> {
        let own = format!("OTEL_EXPORTER_OTLP_{}_{what}", self.name());
        let of_all = format!("OTEL_EXPORTER_OTLP_{what}");
        [own, of_all].into_iter().find_map(|name| {
            let value = env(&name).filter(|value| !value.is_empty())?;
            Some((name, value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_signals_go() {
        #[track_caller]
        fn check(env: &[(&str, &str)], traces: Option<&str>, metrics: Option<&str>) {
            let says = |name: &str| {
                let found = env.iter().find(|(of, _)| *of == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            let endpoint = |signal: Signal| signal.endpoint(says).map(|(_, value)| value);
            let found = [Signal::Traces, Signal::Metrics].map(endpoint);
            assert_eq!(found, [traces, metrics].map(|at| at.map(str::to_owned)));
        }
        let all = ("OTEL_EXPORTER_OTLP_ENDPOINT", "a");
        check(&[], None, None);
        check(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "")], None, None);
        check(&[all], Some("a"), Some("a"));
        check(
            &[all, ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "b")],
            Some("a"),
            Some("b"),
        );
        check(
            &[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "t")],
            Some("t"),
            None,
        );
        check(&[all, ("OTEL_SDK_DISABLED", "True")], None, None);
        check(&[all, ("OTEL_SDK_DISABLED", "false")], Some("a"), Some("a"));
        check(&[all, ("OTEL_TRACES_EXPORTER", "none")], None, Some("a"));
        check(
            &[all, ("OTEL_METRICS_EXPORTER", "prometheus")],
            Some("a"),
            None,
        );
        check(
            &[all, ("OTEL_METRICS_EXPORTER", "console, otlp")],
            Some("a"),
            Some("a"),
        );
    }
}
