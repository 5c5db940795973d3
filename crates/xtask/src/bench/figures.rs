//! The arithmetic and the report.

use std::env::consts::{ARCH, OS};
use std::time::Duration;

use serde_json::{Value, json};

use crate::bench::evidence::Evidence;
use crate::bench::peers::{GIT, OURS, Peer};
use crate::table::Table;

/// At most so many times what git's plain file takes.
const LIMIT: f64 = 1.5;

/// What the times of one program come to, in milliseconds.
#[derive(Debug)]
pub(crate) struct Figures {
    name: &'static str,
    version: String,
    median: f64,
    p95: f64,
    least: f64,
}

impl Figures {
    pub(crate) fn of(peer: Peer) -> Self {
        let mut times = peer.times;
        times.sort();
        Self {
            name: peer.name,
            version: peer.version,
            median: quantile(&times, 50),
            p95: quantile(&times, 95),
            least: quantile(&times, 0),
        }
    }
}

/// Of sorted times, in milliseconds: the one that so many of a hundred do not exceed.
fn quantile(times: &[Duration], percent: usize) -> f64 {
    let rank = (times.len() * percent).div_ceil(100).max(1);
    times.get(rank - 1).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}

/// Everything that a run found.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) rounds: usize,
    pub(crate) cores: usize,
    pub(crate) binary_bytes: u64,
    pub(crate) storage: String,
    pub(crate) evidence: Option<Evidence>,
    /// Ours first.
    pub(crate) peers: Vec<Figures>,
    pub(crate) missing: Vec<&'static str>,
}

impl Report {
    /// Our median beside another's.
    fn ratio(&self, other: &Figures) -> f64 {
        self.peers.iter().find(|one| one.name == OURS).map_or(0.0, |ours| ours.median / other.median)
    }

    fn within_limit(&self) -> Option<bool> {
        self.peers.iter().find(|peer| peer.name == GIT).map(|git| self.ratio(git) <= LIMIT)
    }

    fn cache(&self) -> &'static str {
        self.evidence.as_ref().map_or("unknown: strace is missing", Evidence::cache)
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        let peers: Vec<Value> = self
            .peers
            .iter()
            .map(|peer| {
                json!({
                    "name": peer.name,
                    "version": peer.version,
                    "median_ms": rounded(peer.median),
                    "p95_ms": rounded(peer.p95),
                    "min_ms": rounded(peer.least),
                    "ratio": rounded(self.ratio(peer)),
                })
            })
            .collect();
        json!({
            "schema": "gatepass/bench-cli/1",
            "rounds": self.rounds,
            "machine": { "cores": self.cores, "os": OS, "arch": ARCH },
            "binary_bytes": self.binary_bytes,
            "storage": self.storage,
            "cache": self.cache(),
            "limit": { "beside": GIT, "ratio": LIMIT, "within": self.within_limit() },
            "peers": peers,
            "missing": self.missing,
            "one_call": self.evidence.as_ref().map(Evidence::json),
        })
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let mut table = Table::new(["program", "median ms", "p95 ms", "min ms", "ours / theirs", "version"]);
        for peer in &self.peers {
            table.row([
                peer.name.to_owned(),
                format!("{:.2}", peer.median),
                format!("{:.2}", peer.p95),
                format!("{:.2}", peer.least),
                format!("{:.2}", self.ratio(peer)),
                peer.version.clone(),
            ]);
        }
        let mut text = format!(
            "{table}\n\n{} rounds of all in turn, {} cores, {OS} {ARCH}; storage: {}; cache: {}; binary: {} bytes",
            self.rounds,
            self.cores,
            self.storage,
            self.cache(),
            self.binary_bytes
        );
        if let Some(one) = &self.evidence {
            text.push_str(&format!(
                "\none call: {} system calls, {} threads, {} sockets, {} connections, {} libraries, {} files with certificates",
                one.calls, one.threads, one.sockets, one.connections, one.libraries, one.certificates
            ));
        }
        for name in &self.missing {
            text.push_str(&format!("\nnot measured, as it cannot be had here: {name}"));
        }
        let verdict = match self.within_limit() {
            Some(true) => "within",
            Some(false) => "OVER",
            None => "not held against",
        };
        text.push_str(&format!("\n{verdict} the limit of {LIMIT} times `{GIT}`"));
        text
    }
}

fn rounded(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_middle() {
        let times: Vec<Duration> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!([0, 50, 95, 100].map(|percent| quantile(&times, percent)), [1.0, 50.0, 95.0, 100.0]);
        assert_eq!(quantile(&[], 50), 0.0);
    }

    #[test]
    fn holds_the_limit_against_git() {
        let figures = |name, median| Figures { name, version: String::new(), median, p95: 9.0, least: 1.0 };
        let report = |peers| Report {
            rounds: 1,
            cores: 2,
            binary_bytes: 1,
            storage: "sealed".to_owned(),
            evidence: None,
            peers,
            missing: vec!["gh auth token"],
        };
        let good = report(vec![figures(OURS, 5.9), figures(GIT, 4.0)]);
        assert_eq!(good.json()["limit"]["within"], true);
        assert_eq!(good.json()["peers"][1]["ratio"], 1.475);
        let bad = report(vec![figures(OURS, 6.1), figures(GIT, 4.0)]);
        assert_eq!(bad.json()["limit"]["within"], false);
        assert!(
            bad.table().contains("OVER")
                && bad.table().contains("not measured, as it cannot be had here: gh auth token")
        );
        assert_eq!(report(vec![figures(OURS, 6.1)]).json()["limit"]["within"], Value::Null);
    }
}
