//! A browser without a window, driven as a person at the keyboard would drive it, for tests of the
//! page.
//!
//! It is spoken to through two pipes (`--remote-debugging-pipe`): DevTools messages with a zero
//! byte after each. A shell puts them on the file descriptors 3 and 4, where the browser wants
//! them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// One tab.
pub(super) struct Browser {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    profile: PathBuf,
    session: Option<String>,
    n_calls: u64,
    /// What scripts threw, in the browser's words.
    pub(super) errors: Vec<String>,
}

impl Browser {
    /// A tab that shows `page`; `None`, and a word about it, where no browser is installed.
    pub(super) fn open(page: &Path) -> Option<Self> {
        let is_there = |name: &&&str| {
            Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success())
        };
        let Some(name) = NAMES.iter().find(is_there) else {
            crate::output::say(format_args!("skipped: none of {} is installed", NAMES.join(", ")));
            return None;
        };
        let profile = page.with_extension("profile");
        let flags = "--headless --no-sandbox --disable-gpu --remote-debugging-pipe --window-size=1280,900";
        let script =
            format!("exec {name} {flags} --user-data-dir=\"$1\" about:blank 3<&0 4>&1 >/dev/null 2>&1");
        let mut child = Command::new("sh")
            .args(["-c", &script, "sh"])
            .arg(&profile)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let to = child.stdin.take().expect("piped");
        let from = BufReader::new(child.stdout.take().expect("piped"));
        let mut browser = Self { child, to, from, profile, session: None, n_calls: 0, errors: Vec::new() };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        browser.session =
            browser.call("Target.attachToTarget", attach)["sessionId"].as_str().map(str::to_owned);
        // As if its window were in front, whatever else the machine does.
        browser.call("Emulation.setFocusEmulationEnabled", json!({ "enabled": true }));
        browser.call("Page.enable", json!({}));
        browser.call("Runtime.enable", json!({}));
        browser.call("Page.navigate", json!({ "url": format!("file://{}", page.display()) }));
        while browser.message()["method"] != "Page.loadEventFired" {}
        Some(browser)
    }

    fn message(&mut self) -> Value {
        let mut bytes = Vec::new();
        let n_bytes = self.from.read_until(0, &mut bytes).expect("the browser's pipe");
        assert!(n_bytes > 0, "the browser has gone");
        bytes.pop();
        let message: Value = serde_json::from_slice(&bytes).expect("JSON");
        if message["method"] == "Runtime.exceptionThrown" {
            self.errors.push(message["params"]["exceptionDetails"].to_string());
        }
        message
    }

    /// A DevTools command and its result.
    pub(super) fn call(&mut self, method: &str, params: Value) -> Value {
        self.n_calls += 1;
        let mut request = json!({ "id": self.n_calls, "method": method, "params": params });
        if let Some(session) = &self.session {
            request["sessionId"] = json!(session);
        }
        let mut bytes = request.to_string().into_bytes();
        bytes.push(0);
        self.to.write_all(&bytes).expect("the browser listens");
        loop {
            let mut message = self.message();
            if message["id"] == self.n_calls {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].take();
            }
        }
    }

    /// The value of an expression in the page.
    pub(super) fn value(&mut self, expression: &str) -> Value {
        let params = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut result = self.call("Runtime.evaluate", params);
        assert!(result["exceptionDetails"].is_null(), "{expression}: {result}");
        result["result"]["value"].take()
    }

    /// The same as text.
    pub(super) fn text(&mut self, expression: &str) -> String {
        let value = self.value(expression);
        value.as_str().unwrap_or_else(|| panic!("{expression} is no text: {value}")).to_owned()
    }

    /// Presses and releases a key that has a name.
    pub(super) fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            "Escape" => (27, ""),
            " " => (32, " "),
            "End" => (35, ""),
            "Home" => (36, ""),
            "ArrowLeft" => (37, ""),
            "ArrowUp" => (38, ""),
            "ArrowRight" => (39, ""),
            "ArrowDown" => (40, ""),
            other => panic!("no key {other}"),
        };
        let down = json!({ "type": "keyDown", "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text });
        self.call("Input.dispatchKeyEvent", down);
        self.call(
            "Input.dispatchKeyEvent",
            json!({ "type": "keyUp", "key": key, "code": key, "windowsVirtualKeyCode": code }),
        );
    }

    /// Types into whatever has the focus.
    pub(super) fn write(&mut self, text: &str) {
        self.call("Input.insertText", json!({ "text": text }));
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}
