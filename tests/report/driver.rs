//! A headless Chromium, asked through chromedriver's WebDriver protocol.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use lapidary_testkit::programs::skipped;
use serde_json::{Value, json};

/// A page in a browser; both end with it.
pub struct Browser {
    driver: Child,
    session: String,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts one; none where Chromium or its driver is not on this machine.
    pub fn start() -> Option<Self> {
        let answers = |program: &str| {
            let asked = Command::new(program).arg("--version").output();
            asked.is_ok_and(|output| output.status.success())
        };
        let names = ["chromium", "chromium-browser", "google-chrome"];
        let browser = names.into_iter().find(|name| answers(name));
        let (Some(browser), true) = (browser, answers("chromedriver")) else {
            skipped(
                "chromium and chromedriver are not on this machine (Debian: chromium chromium-driver)",
            );
            return None;
        };
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines.map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("successfully on port ")?;
            Some(port.trim_end_matches('.').to_owned())
        });
        let root = format!(
            "http://127.0.0.1:{}/session",
            port.expect("chromedriver names its port")
        );
        let profile = tempfile::tempdir().unwrap();
        let options = json!({"binary": which(browser), "args": arguments(profile.path())});
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }}});
        let opened = post(&root, &wanted);
        let id = opened["sessionId"]
            .as_str()
            .unwrap_or_else(|| panic!("no session: {opened}"));
        let browser = Self {
            session: format!("{root}/{id}"),
            driver,
            _profile: profile,
        };
        // What the browser loads for itself when it starts is nobody's page.
        browser.show("about:blank");
        browser.log("performance");
        Some(browser)
    }

    /// Opens a file at a width, in a colour scheme.
    pub fn open(&self, file: &Path, width: u32, scheme: &str) {
        let metrics =
            json!({"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 600});
        self.devtools("Emulation.setDeviceMetricsOverride", metrics);
        let feature = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.devtools("Emulation.setEmulatedMedia", json!({"features": feature}));
        self.show(&format!("file://{}", file.display()));
    }

    fn show(&self, url: &str) {
        post(&format!("{}/url", self.session), &json!({"url": url}));
    }

    /// What a function's body returns in the page.
    pub fn ask(&self, body: &str) -> Value {
        let call = json!({"script": body, "args": []});
        post(&format!("{}/execute/sync", self.session), &call)
    }

    /// Presses a key where the focus is.
    pub fn press(&self, key: &str) {
        for kind in ["keyDown", "keyUp"] {
            self.devtools("Input.dispatchKeyEvent", json!({"type": kind, "key": key}));
        }
    }

    /// Entries of the console or of the network since the last call.
    pub fn log(&self, kind: &str) -> Vec<Value> {
        let entries = post(&format!("{}/se/log", self.session), &json!({"type": kind}));
        entries.as_array().cloned().unwrap_or_default()
    }

    /// A picture of the whole page, PNG in base 64.
    pub fn picture(&self) -> String {
        let whole = json!({"captureBeyondViewport": true, "format": "png"});
        let picture = self.devtools("Page.captureScreenshot", whole);
        picture["data"].as_str().unwrap().to_owned()
    }

    fn devtools(&self, command: &str, parameters: Value) -> Value {
        let call = json!({"cmd": command, "params": parameters});
        post(&format!("{}/goog/cdp/execute", self.session), &call)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = ureq::delete(&self.session).call();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn arguments(profile: &Path) -> Vec<String> {
    let plain = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
    ];
    let profile = format!("--user-data-dir={}", profile.display());
    plain
        .map(str::to_owned)
        .into_iter()
        .chain([profile])
        .collect()
}

fn which(program: &str) -> String {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths).map(|folder| folder.join(program));
    let mut found = found.filter(|path| path.is_file());
    found.next().unwrap().display().to_string()
}

/// The `value` of the driver's answer.
fn post(url: &str, body: &Value) -> Value {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build();
    let sent = ureq::Agent::from(config)
        .post(url)
        .header("content-type", "application/json")
        .send(body.to_string());
    let text = sent.unwrap().body_mut().read_to_string().unwrap();
    let mut answer: Value = serde_json::from_str(&text).unwrap();
    let value = answer["value"].take();
    assert!(value["error"].is_null(), "{url}: {value}");
    value
}
