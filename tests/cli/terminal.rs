//! The program at a terminal of its own, which Python makes.

use super::*;

/// Waits for each text of the arguments after the command in turn to be on the screen, and types what stands behind it;
/// `KILL` kills the program.
const TERMINAL: &str = r#"
import fcntl, os, pty, select, signal, struct, sys, termios, time
command, talk = sys.argv[1:sys.argv.index('--')], sys.argv[sys.argv.index('--') + 1:]
child, terminal = pty.fork()
if child == 0:
    os.execv(command[0], command)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('HHHH', 40, 120, 0, 0))
screen = b''
end = time.monotonic() + 120
for awaited, typed in zip(talk[::2], talk[1::2]):
    while awaited.encode() not in screen:
        if time.monotonic() > end:
            sys.exit(f'no `{awaited}` in {screen}')
        if select.select([terminal], [], [], 1)[0]:
            try:
                screen += os.read(terminal, 65536)
            except OSError:
                sys.exit(f'no `{awaited}` before the end in {screen}')
    screen = screen.split(awaited.encode(), 1)[1]
    if typed == 'KILL':
        os.kill(child, signal.SIGKILL)
    else:
        os.write(terminal, typed.encode().decode('unicode_escape').encode())
while time.monotonic() < end:
    ended, status = os.waitpid(child, os.WNOHANG)
    if ended:
        sys.exit(os.waitstatus_to_exitcode(status))
    if select.select([terminal], [], [], 0.05)[0]:
        try:
            os.read(terminal, 65536)
        except OSError:
            pass
sys.exit('the program does not end')
"#;

/// Runs the program until it ends, with this talk: what to wait for, what to type, and so on; its exit code, and what
/// Python has to say of it.
pub fn at_terminal(at: &TempDir, arguments: &[&str], talk: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new("python3");
    command.args(["-c", TERMINAL]);
    command.arg(installation().join("lapidary"));
    command.args(arguments).arg("--").args(talk);
    let output = command
        .current_dir(at.path())
        .env("XDG_STATE_HOME", at.path())
        .env("OMP_NUM_THREADS", "1")
        .env("TERM", "xterm")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}
