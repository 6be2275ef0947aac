//! The peer of `cargo xtask bench import`: downloads and parses the pages that an import reads, and does
//! nothing else with them.
//!
//! It gets a token by the client secret in the file that its first argument names, follows both delta
//! streams to their ends, and prints one JSON object: objects, bytes, seconds, processor seconds, peak
//! memory. Same HTTP client, same JSON parser as the agent.

use std::error::Error;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// The whole of the command line: where the secret is, then both `$select` lists.
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [secret, users, groups] = arguments.as_slice() else {
        return Err("usage: bare-client SECRET-FILE USER-SELECT GROUP-SELECT".into());
    };
    let secret = std::fs::read_to_string(secret)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let begin = Instant::now();
    let (objects, bytes) = runtime.block_on(read(secret.trim(), users, groups))?;
    let seconds = begin.elapsed().as_secs_f64();
    let report = json!({
        "objects": objects, "bytes": bytes, "seconds": seconds,
        "processor_seconds": processor_seconds()?, "peak_kib": peak_kib()?,
    });
    Ok(serde_json::to_writer(std::io::stdout(), &report)?)
}

/// Objects and bytes of both streams.
async fn read(secret: &str, users: &str, groups: &str) -> Result<(u64, u64), Box<dyn Error>> {
    let client = reqwest::Client::builder().timeout(LIMIT).build()?;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT),
        ("client_secret", secret),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    let answer = client.post(TOKEN).form(&form).send().await?;
    let answer: Value = serde_json::from_slice(&answer.error_for_status()?.bytes().await?)?;
    let token = answer
        .get("access_token")
        .and_then(Value::as_str)
        .ok_or("no access token")?;
    let (mut objects, mut bytes) = (0_u64, 0_u64);
    for (stream, select) in [("users", users), ("groups", groups)] {
        let first = format!("https://graph.microsoft.com/v1.0/{stream}/delta?$select={select}");
        let mut next = Some(first);
        while let Some(link) = next {
            let answer = client.get(&link).bearer_auth(token).send().await?;
            let body = answer.error_for_status()?.bytes().await?;
            bytes += u64::try_from(body.len())?;
            let page: Value = serde_json::from_slice(&body)?;
            objects += u64::try_from(
                page.get("value")
                    .and_then(Value::as_array)
                    .map_or(0, Vec::len),
            )?;
            next = page
                .get("@odata.nextLink")
                .and_then(Value::as_str)
                .map(str::to_owned);
        }
    }
    Ok((objects, bytes))
}

/// proc(5): user and system time of this process, in ticks of a hundredth of a second.
fn processor_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit_once(')').ok_or("no name in /proc/self/stat")?.1;
    let ticks = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(str::parse::<f64>)
        .sum::<Result<f64, _>>()?;
    Ok(ticks / 100.0)
}

/// proc(5): the most memory that was resident at once.
fn peak_kib() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}

/// The seed's tenant and sync registration.
const TOKEN: &str =
    "https://login.microsoftonline.com/7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a001/oauth2/v2.0/token";
const CLIENT: &str = "3a6b1f0e-5c1d-4c58-8f3e-1f5f2a8d0002";

/// For one page.
const LIMIT: Duration = Duration::from_secs(60);
