//! The official Rust SDK (the crate datadog-api-client) under driver protocol 1.
//!
//! It is what a user writes from the SDK's README and docs: a `Configuration`, an API of it, typed models. JSON
//! becomes a model in the way that Rust has for it: `serde_json::from_value`. An error of that is the SDK's refusal.
//!
//! The SDK has settings for a proxy and for retries, but none for time-outs and trust: for these a user makes the
//! client (`with_client_and_config`), and then the settings are void. So `retry` is played on an API of the SDK's own
//! making, which has no time-out and finds the authority in SSL_CERT_FILE; all else on a client that is given to it.
//!
//! The errors that it documents are the variants of `datadog::Error`. A panic is a crash.
//!
//! Not to be expressed in Rust: text that is no Unicode (lone surrogates). Such a line is `unsupported`, its echo null.

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{stdin, stdout, BufRead, Write as _};
use std::panic::{catch_unwind, set_hook, take_hook, AssertUnwindSafe, Location};
use std::time::Duration;
use std::{env, fs};

use datadog_api_client::datadog::{APIKey, Configuration, Error, DEFAULT_USER_AGENT};
use datadog_api_client::datadogV2::api_rum_replay_heatmaps::{
    RumReplayHeatmapsAPI, UpdateReplayHeatmapSnapshotError,
};
use datadog_api_client::datadogV2::model::SnapshotUpdateRequest;
use reqwest_middleware::ClientWithMiddleware;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{json, Value};

#[derive(Deserialize)]
struct Line<'a> {
    cmd: String,
    #[serde(default)]
    seq: i64,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Update {
    site: String,
    api_key: String,
    app_key: String,
    snapshot_id: String,
    body: Value,
    timeout_s: f64,
    retry: bool,
}

struct Driver {
    runtime: tokio::runtime::Runtime,
    proxy_url: String,
    clients: HashMap<u64, ClientWithMiddleware>,
}

impl Driver {
    fn new() -> Self {
        Driver {
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap(),
            proxy_url: env::var("CONTRACT_PROXY_URL").expect("CONTRACT_PROXY_URL"),
            clients: HashMap::new(),
        }
    }

    /// A client with this time-out, made once, as reqwest's docs say, so that its connections are kept.
    fn client(&mut self, timeout_s: f64) -> ClientWithMiddleware {
        let make = || {
            let file = env::var("CONTRACT_CA_FILE").expect("CONTRACT_CA_FILE");
            let authority = reqwest::Certificate::from_pem(&fs::read(file).unwrap()).unwrap();
            let client = reqwest::Client::builder()
                .proxy(reqwest::Proxy::all(&self.proxy_url).unwrap())
                .tls_certs_merge([authority])
                .timeout(Duration::from_secs_f64(timeout_s));
            reqwest_middleware::ClientBuilder::new(client.build().unwrap()).build()
        };
        self.clients
            .entry(timeout_s.to_bits())
            .or_insert_with(make)
            .clone()
    }

    fn api(&mut self, asked: &Update) -> RumReplayHeatmapsAPI {
        let mut configuration = Configuration::new();
        for (name, key) in [
            ("apiKeyAuth", &asked.api_key),
            ("appKeyAuth", &asked.app_key),
        ] {
            configuration.set_auth_key(
                name,
                APIKey {
                    key: key.clone(),
                    prefix: String::new(),
                },
            );
        }
        configuration
            .server_variables
            .insert("site".into(), asked.site.clone());
        if asked.retry {
            configuration.set_proxy_url(Some(self.proxy_url.clone()));
            configuration.set_retry(true, 3);
            return RumReplayHeatmapsAPI::with_config(configuration);
        }
        RumReplayHeatmapsAPI::with_client_and_config(configuration, self.client(asked.timeout_s))
    }

    /// Makes the call; returns the outcome as the protocol names it.
    fn outcome(&mut self, asked: Update) -> Value {
        let body: SnapshotUpdateRequest = match serde_json::from_value(asked.body.clone()) {
            Ok(body) => body,
            Err(error) => return json!({"outcome": "refused", "message": error.to_string()}),
        };
        let api = self.api(&asked);
        match self
            .runtime
            .block_on(api.update_replay_heatmap_snapshot(asked.snapshot_id, body))
        {
            Ok(snapshot) => json!({"outcome": "snapshot", "snapshot": snapshot}),
            Err(error) => failure(error),
        }
    }
}

fn failure(error: Error<UpdateReplayHeatmapSnapshotError>) -> Value {
    let message = error.to_string();
    let kind = match error {
        Error::ResponseError(answer) => {
            let errors = match answer.entity {
                Some(UpdateReplayHeatmapSnapshotError::APIErrorResponse(model)) => model.errors,
                _ => vec![],
            };
            let status = answer.status.as_u16();
            return json!({"outcome": "api_error", "status": status, "errors": errors, "message": message});
        }
        Error::Serde(_) => "broken_answer", // of the request it ignores what serde says
        Error::UnstableOperationDisabledError(_) => "refused",
        Error::Reqwest(cause)
        | Error::ReqwestMiddleware(reqwest_middleware::Error::Reqwest(cause))
            if cause.is_builder() =>
        {
            "refused"
        }
        Error::Reqwest(_) | Error::ReqwestMiddleware(_) | Error::Io(_) => "failed",
    };
    json!({"outcome": kind, "message": message})
}

thread_local! {
    /// The last frame of a panic in the SDK's own code. Only the panic hook knows it.
    static FRAME: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps the frame of each panic, then reports the panic as before.
fn keep_frames_of_panics() {
    let report = take_hook();
    set_hook(Box::new(move |panic| {
        FRAME.set(panic.location().and_then(frame));
        report(panic);
    }));
}

/// The location as a frame of the protocol, if it is in the SDK. It names no function.
fn frame(location: &Location) -> Option<String> {
    let (_, file) = location.file().rsplit_once("/datadog-api-client-")?;
    Some(format!("datadog-api-client-{file}:{}", location.line()))
}

fn panicked(panic: Box<dyn Any + Send>) -> Value {
    let said = panic.downcast_ref::<String>().cloned();
    let said = said.or_else(|| panic.downcast_ref::<&str>().map(|text| text.to_string()));
    let trace: Vec<String> = FRAME.take().into_iter().collect();
    json!({"outcome": "crashed", "type": "panic", "message": said.unwrap_or_default(), "trace": trace})
}

fn reply(driver: &mut Driver, line: &Line, text: &str) -> String {
    let told = match line.cmd.as_str() {
        "echo" => {
            let value = line.value.map_or("null", RawValue::get);
            let value = if serde_json::from_str::<Value>(value).is_ok() {
                value
            } else {
                "null"
            };
            return format!("{{\"seq\": {}, \"value\": {value}}}", line.seq);
        }
        "update" => match serde_json::from_str(text) {
            Ok(asked) => {
                catch_unwind(AssertUnwindSafe(|| driver.outcome(asked))).unwrap_or_else(panicked)
            }
            Err(error) => json!({"outcome": "unsupported", "message": error.to_string()}),
        },
        _ => {
            let version = DEFAULT_USER_AGENT.split(['/', ' ']).nth(1);
            return json!({
                "protocol": 1, "client": "datadog-api-client-rust", "version": version, "language": "rust",
                "features": ["retry", "timeout"],
            })
            .to_string();
        }
    };
    let mut told = told;
    told["seq"] = json!(line.seq);
    told.to_string()
}

/// JSON with all that is not ASCII escaped.
fn ascii(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for char in text.chars() {
        if char.is_ascii() {
            line.push(char);
        } else {
            for unit in char.encode_utf16(&mut [0; 2]) {
                let _ = write!(line, "\\u{unit:04x}");
            }
        }
    }
    line
}

fn main() {
    keep_frames_of_panics();
    let mut driver = Driver::new();
    for text in stdin().lock().lines() {
        let text = text.expect("a line of UTF-8");
        let line: Line = serde_json::from_str(&text).expect("a line of the protocol");
        if line.cmd == "bye" {
            break;
        }
        let mut out = stdout().lock();
        writeln!(out, "{}", ascii(&reply(&mut driver, &line, &text)))
            .and_then(|()| out.flush())
            .expect("a reader");
    }
}
