//! Processes of any uid on a host, which ask the agent what they are told to (`ask.py`).

use std::time::Duration;

use harness::{Host, Trouble};
use serde_json::Value;

const PROGRAM: &str = "/usr/local/lib/ask.py";

/// For a few hundred short processes on a busy machine.
const LIMIT: Duration = Duration::from_secs(300);

pub(super) struct Asking<'a> {
    host: &'a Host,
}

impl<'a> Asking<'a> {
    pub(super) fn on(host: &'a Host) -> Result<Self, Trouble> {
        host.write(PROGRAM, include_str!("ask.py"))?;
        Ok(Self { host })
    }

    /// How to start the program by hand.
    pub(super) fn line(&self) -> String {
        format!("python3 {PROGRAM}")
    }

    /// Does these steps one after another; an answer each.
    pub(super) fn all(&self, steps: Vec<Value>) -> Result<Vec<Value>, Trouble> {
        let count = steps.len();
        let said = self
            .host
            .run_fed(LIMIT, &self.line(), &Value::Array(steps).to_string())?;
        let answers: Vec<Value> = serde_json::from_str(said.stdout()?)?;
        assert_eq!(answers.len(), count, "{said}");
        Ok(answers)
    }
}

pub(super) fn words(answers: &Value) -> Result<Vec<String>, Trouble> {
    serde_json::from_value(answers.clone())
        .map_err(|_| Trouble::new(format!("no list of words: {answers}")))
}

pub(super) fn uid_of(host: &Host, name: &str) -> Result<u32, Trouble> {
    let said = host.run(&format!("id -u {name}"))?;
    said.stdout()?
        .parse()
        .map_err(|_| Trouble::new(format!("no uid: {said}")))
}
