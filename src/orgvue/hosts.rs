//! The hosts to which the addresses that the API hands out may lead.

use url::Url;

use crate::http::hosts::{HostPattern, Hosts, Words, host, is_below};
use crate::settings::secret::is_s3;

/// The domains of Orgvue's own hosts: an API in one of them may keep its files anywhere in it.
const ORGVUE: &[&str] = &["concentra.io", "orgvue.com"];

const WORDS: Words = Words {
    unexpected: "it is neither the API's nor AWS S3's; where it is right, name it in `target.orgvue.storage_hosts`",
    private: "where the storage is in your own network, set `target.orgvue.private_hosts: true`",
};

/// The API's own host and what is below it (below `concentra.io` or `orgvue.com` where it is Orgvue's), S3, and
/// `more`; none of them in the network of this machine, unless `private`.
pub fn hosts(api: &Url, more: Vec<HostPattern>, private: bool) -> Hosts {
    let own = host(api);
    let orgvue = ORGVUE.iter().find(|domain| is_below(&own, domain));
    let domain = orgvue.map_or(own.clone(), |domain| (*domain).to_owned());
    let expected = move |host: &str| {
        is_below(host, &domain) || is_s3(host) || more.iter().any(|pattern| pattern.holds(host))
    };
    Hosts::new(api, expected, private, WORDS)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::http::hosts::HostError;

    fn hosts(api: &str, more: &[&str], private: bool) -> Hosts {
        let more = more.iter().map(|text| text.parse().unwrap()).collect();
        super::hosts(&Url::parse(api).unwrap(), more, private)
    }

    #[track_caller]
    fn check(hosts: &Hosts, url: &str, expected: &str) {
        let found = match hosts.check(&Url::parse(url).unwrap()) {
            Ok(()) => "ok",
            Err(HostError::Unexpected { .. }) => "unexpected",
            Err(HostError::Private { .. }) => "private",
        };
        assert_eq!(found, expected, "{url}");
    }

    #[test]
    fn the_hosts_that_were_to_be_expected() {
        let orgvue = hosts("https://orgvue.eu-west-1.concentra.io/", &[], false);
        for (url, expected) in [
            ("https://orgvue.eu-west-1.concentra.io/f", "ok"),
            ("https://ORGVUE.eu-west-1.concentra.io./f", "ok"),
            ("https://files.eu-west-1.concentra.io/f", "ok"),
            ("https://bucket.s3.eu-west-1.amazonaws.com/f", "ok"),
            ("https://a.b.s3.amazonaws.com./f", "ok"),
            ("https://s3.amazonaws.com/bucket/f", "ok"),
            ("https://bucket.s3-eu-west-1.amazonaws.com/f", "ok"),
            ("https://b.s3-accelerate.amazonaws.com/f", "ok"),
            ("https://b.s3.cn-north-1.amazonaws.com.cn/f", "ok"),
            ("https://concentra.io/f", "unexpected"),
            ("https://notconcentra.io/f", "unexpected"),
            ("https://concentra.io.example/f", "unexpected"),
            ("https://s3.amazonaws.com.example/f", "unexpected"),
            ("https://s3.evilamazonaws.com/f", "unexpected"),
            (
                "https://ec2-1-2-3-4.compute-1.amazonaws.com/f",
                "unexpected",
            ),
            (
                "https://x.execute-api.eu-west-1.amazonaws.com/f",
                "unexpected",
            ),
            ("https://example.com/f", "unexpected"),
            ("https://93.184.216.34/f", "unexpected"),
            ("https://[2606:4700::1]/f", "unexpected"),
        ] {
            check(&orgvue, url, expected);
        }
        let other = hosts("https://orgvue.example.co.uk/", &[], false);
        check(&other, "https://files.orgvue.example.co.uk/", "ok");
        check(&other, "https://files.example.co.uk/", "unexpected");
    }

    #[test]
    fn addresses_of_this_machine_and_its_network() {
        let open = hosts(
            "https://orgvue.example/",
            &[
                "10.0.0.8",
                "fd00::1",
                "93.184.216.34",
                "localhost",
                "169.254.169.254",
            ],
            false,
        );
        for url in [
            "https://10.0.0.8/f",
            "https://[fd00::1]/f",
            "https://localhost/f",
            "https://127.0.0.1/f",
            "https://127.1/f",
            "https://0x7f000001/f",
            "https://2130706433/f",
            "https://169.254.169.254/f",
            "https://192.168.1.1/f",
            "https://[::ffff:169.254.169.254]/f",
        ] {
            check(&open, url, "private");
        }
        check(&open, "https://93.184.216.34/f", "ok");
        let inside = hosts("https://orgvue.example/", &["10.0.0.8"], true);
        check(&inside, "https://10.0.0.8/f", "ok");
        check(&inside, "https://10.0.0.9/f", "unexpected");
        check(&inside, "https://127.0.0.1/f", "unexpected");
        // Whoever names a host as the API's has named it.
        let api = hosts("https://10.0.0.7/", &[], false);
        check(&api, "https://10.0.0.7:9000/f", "ok");
        check(&api, "https://10.0.0.8/f", "private");
        check(&api, "https://127.0.0.1/f", "private");
        let sandbox = hosts("http://127.0.0.1:9/", &[], false);
        check(&sandbox, "http://localhost:8/f", "ok");
        check(&sandbox, "http://127.0.0.2:8/f", "ok");
        check(&sandbox, "https://10.0.0.8/f", "private");
    }

    #[test]
    fn what_a_name_stands_for_is_filtered() {
        let hosts = hosts("https://api.example/", &["*.inside.example"], false);
        let found = |ips: &[&str]| -> Vec<SocketAddr> {
            ips.iter()
                .map(|ip| SocketAddr::new(ip.parse().unwrap(), 0))
                .collect()
        };
        let mixed = found(&["10.0.0.1", "1.1.1.1", "::1"]);
        assert_eq!(
            hosts.filter("b.s3.amazonaws.com", mixed.clone()).unwrap(),
            found(&["1.1.1.1"])
        );
        let error = hosts
            .filter("x.inside.example.", found(&["169.254.169.254"]))
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "data may not go to the host x.inside.example: its address 169.254.169.254 is this machine's or its \
             network's; where the storage is in your own network, set `target.orgvue.private_hosts: true`"
        );
        // The API's own host and a proxy's are the user's word.
        for name in ["api.example", "proxy.corp.example"] {
            assert_eq!(hosts.filter(name, mixed.clone()).unwrap(), mixed);
        }
        assert_eq!(hosts.filter("b.s3.amazonaws.com", vec![]).unwrap(), vec![]);
    }
}
