//! OpenTelemetry: what a collector hears of commands, and that none of them minds a collector that is no good.

#[cfg(feature = "otel")]
mod collector;
#[cfg(feature = "otel")]
mod unsent;
#[cfg(feature = "otel")]
mod watched;

/// A build without the feature: the variables of a whole cluster mean nothing to it, and are no fault of a run.
#[cfg(not(feature = "otel"))]
#[test]
fn without_the_feature_nothing_is_sent() {
    use crate::support::{Rig, workers};

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let rig = Rig::new();
    rig.write("workers.csv", workers(20));
    rig.pipeline("source: { path: workers.csv }", "action: create");
    let stderr = |verbose: Option<&str>, env: &[(&str, &str)]| {
        let args = ["run", "pipeline.yaml"].into_iter().chain(verbose);
        let mut command = rig.command_of(&args.collect::<Vec<_>>());
        let ended = rig.ended(command.envs(env.iter().copied()).output().unwrap());
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        ended.stderr
    };
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", &*address);
    let says = "OTEL_EXPORTER_OTLP_ENDPOINT is set, and this build of rostream has no OpenTelemetry, so that no traces and \
                metrics are sent; build it with `--features otel`";
    let told = stderr(Some("-v"), &[endpoint]);
    let line = told.lines().filter(|line| line.contains("OpenTelemetry"));
    let line: Vec<&str> = line.collect();
    assert_eq!(line.len(), 1, "{told}");
    assert!(
        line[0].contains("INFO") && line[0].ends_with(says),
        "{told}"
    );
    for (verbose, env) in [
        (None, vec![endpoint]),
        (Some("-v"), vec![]),
        (Some("-v"), vec![endpoint, ("OTEL_SDK_DISABLED", "true")]),
    ] {
        let told = stderr(verbose, &env);
        assert!(!told.contains("OpenTelemetry"), "{told}");
    }
    let nobody = listener.accept().unwrap_err().kind();
    assert_eq!(nobody, std::io::ErrorKind::WouldBlock);
}
