//! `repl` without a terminal: inputs from standard input, their values, help, interrupts, components taken up anew.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use super::*;

/// What a session prints and says for these inputs, and its exit code.
fn session(at: &TempDir, inputs: &str) -> (String, String, Option<i32>) {
    let mut child = start(at);
    child
        .stdin
        .take()
        .unwrap()
        .write_all(inputs.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        text(output.stdout),
        text(output.stderr),
        output.status.code(),
    )
}

fn start(at: &TempDir) -> Child {
    let mut command = lapidary(at);
    command.args(["repl", "--device", "cpu"]);
    if at.path().join("more").is_dir() {
        command.args(["--plugin-dir", "more"]);
    }
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn inputs_see_what_those_before_them_left_and_values_are_shown() {
    let at = folder();
    let inputs = "local x = 2\nx + 1\nfunction f(n)\n  return n * x\nend\nf(5), 'text'\n\
                  { a = { 1, 2 }, b = 'c' }\n{ { n = 1, name = 'one' }, { n = 20, name = 'two' } }\n\
                  lapidary.tensor { { 1, 2.5 }, { -3, 4 } }\nlapidary.seed\n";
    let (out, err, code) = session(&at, inputs);
    assert_eq!(
        out,
        "3\n10\t\"text\"\n{ a = { 1, 2 }, b = \"c\" }\n n  name\n 1  one\n20  two\n\
         tensor [2,2] float, cpu\n   1.0000   2.5000\n  -3.0000   4.0000\n0\n",
        "{err}"
    );
    assert_eq!(code, Some(0), "{err}");
    let runs: Vec<_> = fs::read_dir(at.path().join("runs")).unwrap().collect();
    let kept = runs[0].as_ref().unwrap().path();
    let script = fs::read_to_string(kept.join("script.lua")).unwrap();
    assert!(script.starts_with("local x = 2\nx + 1\n"), "{script}");
    let told: Value =
        serde_json::from_str(&fs::read_to_string(kept.join("run.json")).unwrap()).unwrap();
    assert_eq!(told["outcome"], "done");
}

#[test]
fn an_error_is_told_and_the_session_goes_on() {
    let (out, err, code) = session(
        &folder(),
        "lapidary.reducer('pac')\nprint('still here')\nx = (\n",
    );
    assert_eq!(out, "still here\n");
    assert!(
        err.contains("did you mean `pca`?") && err.contains("not whole"),
        "{err}"
    );
    assert_eq!(code, Some(1));
}

#[test]
fn help_tells_of_functions_methods_and_components() {
    let (out, err, _) = session(
        &folder(),
        ":help refine\nhelp('model:explain')\nhelp(lapidary.write)\nhelp('pca')\nhelp('refin')\n",
    );
    for expected in [
        "lapidary.refine {",
        "the score's parts",
        "writes a text file",
        "reducer `pca`",
        "whiten",
    ] {
        assert!(out.contains(expected), "no `{expected}` in: {out}");
    }
    assert!(err.contains("did you mean"), "{err}");
}

/// A session that is being typed.
struct Typing(Child, ChildStdin, BufReader<ChildStdout>);

impl Typing {
    fn new(at: &TempDir) -> Self {
        let mut child = start(at);
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self(child, input, BufReader::new(output))
    }

    fn say(&mut self, input: &str) {
        writeln!(self.1, "{input}").unwrap();
    }

    fn hear(&mut self) -> String {
        let mut line = String::new();
        self.2.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

#[test]
fn an_interrupt_stops_the_call_and_not_the_session() {
    let at = folder();
    let mut typing = Typing::new(&at);
    typing.say("print('ready') while true do end");
    assert_eq!(typing.hear(), "ready");
    let id = typing.0.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    typing.say("'still here'");
    assert_eq!(typing.hear(), "\"still here\"");
    drop(typing.1);
    assert_eq!(typing.0.wait().unwrap().code(), Some(0));
}

/// Types at a terminal of its own: each text of the arguments after the command in turn, when the screen shows what it waits for.
const TERMINAL: &str = r#"
import os, pty, select, sys, time
command, talk = sys.argv[1:sys.argv.index('--')], sys.argv[sys.argv.index('--') + 1:]
child, terminal = pty.fork()
if child == 0:
    os.execv(command[0], command)
screen = b''
end = time.monotonic() + 120
for awaited, typed in zip(talk[::2], talk[1::2]):
    while awaited.encode() not in screen:
        if time.monotonic() > end:
            sys.exit(f'no `{awaited}` in {screen}')
        if select.select([terminal], [], [], 1)[0]:
            screen += os.read(terminal, 65536)
    screen = screen.split(awaited.encode(), 1)[1]
    os.write(terminal, typed.encode().decode('unicode_escape').encode())
while time.monotonic() < end:
    ended, status = os.waitpid(child, os.WNOHANG)
    if ended:
        sys.exit(os.waitstatus_to_exitcode(status))
    time.sleep(0.05)
sys.exit('the session does not end')
"#;

#[test]
fn ctrl_c_at_a_terminal_stops_the_call_and_not_the_session() {
    let at = folder();
    let talk = [
        "> ",
        r"print('rea' .. 'dy') while true do end\r",
        "ready",
        r"\x03",
        "interrupted",
        "",
        "> ",
        r"print('still' .. ' here')\r",
        "still here",
        "",
        "> ",
        r"\x04",
    ];
    let mut command = Command::new("python3");
    command.args(["-c", TERMINAL]);
    command.arg(installation().join("lapidary"));
    command.args(["repl", "--device", "cpu", "--"]).args(talk);
    let output = command
        .current_dir(at.path())
        .env("XDG_STATE_HOME", at.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(at.path().join("lapidary/history").is_file());
}

const COMPONENT: &str = "return { kind = 'reducer', summary = 'SUMMARY', fit = function() end, \
                         transform = function(self, values) return values end }";

#[test]
fn a_component_that_changed_is_taken_up_before_the_next_input() {
    let at = folder();
    fs::create_dir(at.path().join("components")).unwrap();
    let mut typing = Typing::new(&at);
    typing.say("'ready'");
    typing.hear();
    for summary in ["First words.", "Second, other words."] {
        let text = COMPONENT.replace("SUMMARY", summary);
        fs::write(at.path().join("components/mine.lua"), text).unwrap();
        typing.say("help('mine')");
        assert!(typing.hear().starts_with("reducer `mine`, from mine.lua"));
        assert_eq!(typing.hear().trim(), summary);
        typing.hear();
        typing.hear();
        typing.say("'next'");
        while typing.hear() != "\"next\"" {}
    }
    drop(typing.1);
    typing.0.wait().unwrap();
}

/// The system's loader hands out the old library for a path that it knows.
#[test]
fn a_rebuilt_plugin_is_taken_up_as_a_new_generation() {
    let at = folder();
    fs::create_dir(at.path().join("more")).unwrap();
    let place = at.path().join("more").join(format!("mine{DLL_SUFFIX}"));
    let put = |plugin: &str| {
        // As linkers do: a new file in the place of the old one.
        let _ = fs::remove_file(&place);
        fs::copy(lapidary_testkit::library::plugin_library(plugin), &place).unwrap();
    };
    put("ppmi_svd");
    let mut typing = Typing::new(&at);
    let all = "table.concat(lapidary.components(), ' ')";
    typing.say(&format!(
        "old = lapidary.base_embedder('ppmi_svd') return {all}"
    ));
    let first = typing.hear();
    put("gru4rec");
    typing.say(all);
    let second = typing.hear();
    put("ppmi_svd");
    typing.say(all);
    let third = typing.hear();
    assert!(
        first.contains("ppmi_svd") && !first.contains("gru4rec"),
        "{first}"
    );
    assert!(
        second.contains("gru4rec") && !second.contains("ppmi_svd"),
        "{second}"
    );
    assert_eq!(first, third);
    // What was made before is still there.
    typing.say("old");
    assert_eq!(typing.hear(), "a base embedder: fit");
    drop(typing.1);
    assert_eq!(typing.0.wait().unwrap().code(), Some(0));
}
